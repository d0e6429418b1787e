"""Files of other programs, and places that are no files: told what to do, never waited for."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backpropviz.assets import resource
from backpropviz.errors import UserError
from backpropviz.files.data.load import catalog_of
from backpropviz.files.networks import load_file, load_network
from backpropviz.files.pictures import open_picture
from backpropviz.files.run import load_run
from backpropviz.lessons.reading import lesson_text
from backpropviz.named_file import named_path
from backpropviz.ui.requests import request_for
from tests.hardening.commands import outcome, refusal


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return buffer.getvalue()


def picture(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), (200, 10, 10)).save(buffer, form)
    return buffer.getvalue()


def numpy_file() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weight=np.zeros(3))
    return buffer.getvalue()


SAFETENSORS = struct.pack("<Q", 8) + b"{}      "
FOREIGN = {
    "state.pt": (zipped(state__data_dot_pkl=b"\x80\x02}q\0."), "a PyTorch file"),
    "old.pth": (
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
        "a PyTorch file",
    ),
    "m.keras": (zipped(config_dot_json=b"{}", metadata_dot_json=b"{}"), "a Keras model"),
    "empty.keras": (b"PK\5\6" + bytes(18), "a Keras model"),
    "m.h5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    "m.onnx": (b"\x08\x0e\x3a\x4b\x0a\x0c\x0a\x01x\x12", "an ONNX model"),
    "m.pkl": (pickle.dumps({"a": [1, 2]}), "a Python pickle"),
    "m.safetensors": (SAFETENSORS, "a safetensors file"),
    "photo.heic": (b"\0\0\0\x18ftypheic" + bytes(40), "a HEIC picture"),
    "m.yaml": (b"input: [1,8,8]\n", "a YAML file"),
    "net.py": (b"import torch\n", "a Python program"),
    "m.ipynb": (b'{"cells":[],"metadata":{},"nbformat":4}', "a Jupyter notebook"),
    "page.json": (b"<!DOCTYPE html><html>", "a web page"),
    "lfs.json": (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    "m.json": (b'{"class_name": "Sequential", "config": {"layers": []}}', "a Keras model"),
    "data.zip": (zipped(a=b"b"), "a zip archive"),
}
WEIGHTS = {"weights.npz": (numpy_file(), "a NumPy file")}
PICTURES = {"pic.png": (picture("PNG"), "a PNG picture"), "pic.jpg": (picture("JPEG"), "a JPEG")}
OPENERS: dict[str, Callable[[Path], object]] = {
    "network": load_network,
    "lesson": lesson_text,
    "session": load_file,
    "run": load_run,
}


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("name", [*FOREIGN, *WEIGHTS, *PICTURES])
def test_a_file_of_another_program_is_named(tmp_path: Path, name: str, opener: str) -> None:
    content, words = {**FOREIGN, **WEIGHTS, **PICTURES}[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as told:
        OPENERS[opener](path)
    assert f"{path}: it is {words}" in str(told.value)
    assert str(told.value).endswith(".")
    assert len(str(told.value)) < 400


@pytest.mark.parametrize("name", [*FOREIGN, *WEIGHTS])
def test_where_a_picture_is_wanted(tmp_path: Path, name: str) -> None:
    content, words = {**FOREIGN, **WEIGHTS}[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{name} is {words}"):
        open_picture(path)
    # A drop in the window ends at the same sentence, whatever the suffix.
    path = path.with_suffix(".png")
    path.write_bytes(content)
    if not words.startswith(("a YAML", "a Python program", "a Keras model")):
        with pytest.raises(UserError, match=f"{path.name} is {words}"):
            open_picture(request_for([str(path)]).image)


@pytest.mark.parametrize("name", ["state.pt", "m.h5", "photo.heic", "m.safetensors"])
def test_where_data_is_wanted(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FOREIGN[name][0])
    with pytest.raises(UserError, match=f"{name} is {FOREIGN[name][1]}"):
        catalog_of(str(path), None, 0, 0.0, None)  # type: ignore[arg-type]


def test_a_network_and_a_lesson_know_each_other(tmp_path: Path) -> None:
    network, lesson = tmp_path / "a.txt", tmp_path / "b.txt"
    network.write_bytes(resource("networks", "tiny-max.json").read_bytes())
    lesson.write_bytes(resource("lessons", "average-pooling.toml").read_bytes())
    with pytest.raises(UserError, match="it is a lesson: open it as a lesson"):
        load_network(lesson)
    with pytest.raises(UserError, match="it is a network file: open it as a network"):
        lesson_text(network)
    with pytest.raises(UserError, match="it is a network file: open it as a network"):
        load_run(network)
    asked = request_for([str(network)])
    assert (asked.network, asked.image) == (str(network), "")
    assert request_for([str(lesson)]).lesson == str(lesson)


def test_what_is_opened_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "picture.json"
    path.write_bytes(picture("PNG"))
    assert request_for([str(path)]).image == str(path)
    model = tmp_path / "model"
    model.write_bytes(resource("networks", "lenet.bpv").read_bytes())
    assert request_for([str(model)]).network == str(model)


def test_a_file_address_is_a_path_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    network, image = folder / "tiny.json", folder / "p é.png"
    network.write_bytes(resource("networks", "tiny-max.json").read_bytes())
    image.write_bytes(picture("PNG"))
    assert load_network(network.as_uri()).title == load_network("tiny-max").title
    assert open_picture(image.as_uri()).source == image.name
    assert request_for([network.as_uri(), image.as_uri()]).network == str(network)
    told = outcome(capsys, "explain", "loss", "--network", network.as_uri())
    assert told.code == 0
    with pytest.raises(UserError, match="lies on another computer"):
        named_path("file://server/share/a.json")
    with pytest.raises(UserError, match="web address"):
        named_path("https://example.org/a.json")
    with pytest.raises(UserError, match="web address"):
        load_network("https://example.org/a.json")


def test_a_tilde_is_the_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "p.png").write_bytes(picture("PNG"))
    assert open_picture("~/p.png").source == "p.png"
    assert request_for(["~/p.png"]).image == str(tmp_path / "p.png")
    with pytest.raises(UserError):
        load_network("~nobody-of-that-name/x.json")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
@pytest.mark.parametrize("place", ["/dev/zero", "/dev/null", "/"])
@pytest.mark.parametrize("opener", [*OPENERS, "image"])
def test_devices_and_folders_are_refused(place: str, opener: str) -> None:
    opening: Callable[[Path], object] = {**OPENERS, "image": open_picture}[opener]
    # The command line words what the system says of a folder.
    with pytest.raises((UserError, IsADirectoryError), match=r"regular file|folder|directory"):
        opening(Path(place))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_read_or_given_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for opener in OPENERS.values():
        with pytest.raises(UserError, match="pipe that nothing comes through"):
            opener(pipe)
    content = resource("networks", "tiny-max.json").read_bytes()
    # Held open here, as bash holds what `<(command)` reads from.
    held = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    writer = threading.Thread(target=_written, args=(held, content))
    writer.start()
    try:
        assert load_network(pipe).title == load_network("tiny-max").title
    finally:
        writer.join()


def _written(descriptor: int, content: bytes) -> None:
    """Write, and close once all has been read: a pipe that nobody has open forgets it."""
    import fcntl
    import termios

    os.write(descriptor, content)
    left = bytearray(4)
    while not fcntl.ioctl(descriptor, termios.FIONREAD, left) and any(left):
        time.sleep(0.001)
    os.close(descriptor)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Conv2d", "conv2d"),
        ("nn.Conv2d", "conv2d"),
        ("Linear", "dense"),
        ("Dense", "dense"),
        ("ReLU", "relu"),
        ("MaxPool2D", "max_pool2d"),
        ("MaxPooling2D", "max_pool2d"),
        ("BatchNorm2d", "batch_norm2d"),
        ("BatchNormalization", "batch_norm2d"),
        ("GlobalAveragePooling2D", "global_avg_pool2d"),
        ("cov2d", "conv2d"),
    ],
)
def test_kinds_as_other_programs_spell_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, written: str, meant: str
) -> None:
    document = json.loads(resource("networks", "tiny-max.json").read_text("utf-8"))
    document["layers"][0]["kind"] = written
    path = tmp_path / "net.json"
    path.write_text(json.dumps(document), "utf-8")
    told = refusal(capsys, "explain", "loss", "--network", str(path))
    assert f"“{written}” is not a kind of layer; did you mean “{meant}”?" in told


@pytest.mark.parametrize("written", ["conv3d", "softsign", "LSTM"])
def test_another_kind_is_no_misspelling(tmp_path: Path, written: str) -> None:
    document = json.loads(resource("networks", "tiny-max.json").read_text("utf-8"))
    document["layers"][0]["kind"] = written
    path = tmp_path / "net.json"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(UserError, match="is not a kind of layer; there are"):
        load_network(path)
