"""Whatever ends `train`, what was learned is in its file."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from backpropviz.cli import training as keeping
from backpropviz.cli.commands import main
from backpropviz.cli.training import Keeper
from backpropviz.engine.training.trainer import Trainer, Updated
from backpropviz.files import archive
from backpropviz.files.atomic import atomic_file
from backpropviz.files.data.load import shipped_dataset
from backpropviz.files.run import SavedRun, load_run

TRAIN = ("train", "--network", "mlp", "--data", "mnist", "--batch", "400")
ENDLESS = (*TRAIN, "--updates", "400")  # a line an epoch
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and files")


def saved(path: Path) -> SavedRun:
    return load_run(path, shipped_dataset)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def begun(words: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "backpropviz", *words]
    return subprocess.Popen(command, **options)  # type: ignore[call-overload,no-any-return]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def ended_by(number: int, path: Path) -> Ended:
    """What a training says that a signal ends after its first epoch."""
    words = (*ENDLESS, "-o", str(path))
    with begun(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        begin = process.stdout.readline()
        while b"epoch" not in begin:
            assert process.poll() is None
            begin += process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    return Ended(process.returncode, (begin + out).decode(), err.decode())


@POSIX
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_keeps_what_was_learned(name: str, tmp_path: Path) -> None:
    number, path = getattr(signal, name), tmp_path / "run.bpv"
    ended = ended_by(number, path)
    assert ended.err == ""
    assert ended.code == (0 if name == "SIGINT" else 128 + number)
    assert ended.out.splitlines()[-1].startswith("stopped after ")
    assert saved(path).now.iteration >= 4
    assert names(tmp_path) == ["run.bpv"]


@POSIX
def test_a_killed_training_has_left_what_it_knew(tmp_path: Path) -> None:
    path = tmp_path / "run.bpv"
    words = (*ENDLESS, "--save-every", "0", "-o", str(path))
    with begun(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not path.exists():
            assert process.poll() is None
        process.kill()
    before = saved(path).now.iteration
    assert before >= 1
    again = ("train", "--resume", str(path), "--updates", "1", "-o", str(path))
    assert main(again) == 0
    assert saved(path).now.iteration == before + 1
    assert names(tmp_path) == ["run.bpv"]


@POSIX
@pytest.mark.parametrize(
    ("to", "code", "sentence"),
    [
        ("| head -1", 0, ""),
        ("> /dev/full", 3, "no space left on device; choose another place or make room. What was "),
    ],
)
def test_output_that_cannot_be_written_ends_no_training(
    to: str, code: int, sentence: str, tmp_path: Path
) -> None:
    words = (sys.executable, "-m", "backpropviz", *TRAIN, "--epochs", "3", "-o", "run.bpv")
    command = f"set -o pipefail; {' '.join(words)} {to}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert sentence in done.stderr
    assert done.stderr.count("\n") == bool(sentence)
    assert saved(tmp_path / "run.bpv").now.iteration == 12


def test_an_error_on_the_way_keeps_what_was_learned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, path = Trainer.advance, tmp_path / "run.bpv"

    def failing(trainer: Trainer, *, gradients: bool = False) -> Updated:
        if trainer.now.iteration == 3:
            raise MemoryError
        return plain(trainer, gradients=gradients)

    monkeypatch.setattr(Trainer, "advance", failing)
    assert main((*TRAIN, "--epochs", "2", "-o", str(path))) == 3
    err = capsys.readouterr().err
    assert err == (
        "backpropviz: this needs more memory than there is: take something smaller. What was "
        f"learned in 3 updates is in {path}.\n"
    )
    assert saved(path).now.iteration == 3


def latin_folder(path: Path, count: int) -> Path:
    """Images whose classes and names come from an old archive."""
    random = np.random.default_rng(0)
    for name in ("caf\udce9", "t\x1bea"):
        (path / name).mkdir(parents=True)
        for k in range(count):
            pixels = random.integers(0, 256, (28, 28), np.uint8)
            Image.fromarray(pixels).save(path / name / f"\udcfc{k}.png")
    return path


@pytest.fixture
def two_classes(tmp_path: Path) -> Callable[[bool], Path]:
    """A small network of two outputs, with a batch normalization of one value or without."""

    def written(is_normalized: bool) -> Path:
        norm = '{"name": "norm", "kind": "batch_norm2d"},' if is_normalized else ""
        path = tmp_path / "net.json"
        path.write_text(
            '{"format": "backpropviz-network", "version": 1, "input": [1, 28, 28], "layers": ['
            '{"name": "conv", "kind": "conv2d", "out_channels": 2, "kernel_size": 28},'
            f'{norm} {{"name": "flat", "kind": "flatten"}}], "loss": {{"kind": "cross_entropy"}}}}'
        )
        return path

    return written


def test_names_that_are_not_utf8_are_saved(
    tmp_path: Path, two_classes: Callable[[bool], Path]
) -> None:
    data, path = latin_folder(tmp_path / "da\udce9ta", 5), tmp_path / "run.bpv"
    network = str(two_classes(False))
    words = ("--data", str(data), "--epochs", "1", "-o", str(path))
    assert main(("train", "--network", network, *words)) == 0
    found = saved(path).run
    assert found.dataset.class_names == (r"caf\xe9", r"t\x1bea")
    assert found.model.class_names == found.dataset.class_names
    assert any(r"\xfc" in name for name in found.dataset.training.names)
    again = ("train", "--resume", str(path), "--updates", "1", "-o", str(path))
    assert main(again) == 0


def test_a_last_batch_that_cannot_be_normalized_is_refused_before(
    tmp_path: Path, two_classes: Callable[[bool], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    data, path = latin_folder(tmp_path / "data", 5), tmp_path / "run.bpv"
    network = str(two_classes(True))
    words = ("train", "--network", network, "--data", str(data), "-o", str(path))
    size = saved_samples(words, path)
    capsys.readouterr()
    assert main((*words, "--batch", str(size - 1), "--epochs", "2")) == 3
    printed = capsys.readouterr()
    assert f"update 2 sees the 1 of {size} samples that are left at the end" in printed.err
    assert printed.err.endswith("choose another --batch.\n")
    assert "epoch" not in printed.out
    assert not path.exists()
    assert main((*words, "--batch", str(size - 1), "--updates", "1")) == 0  # never comes there


def saved_samples(words: Sequence[str], path: Path) -> int:
    assert main((*words, "--updates", "1")) == 0
    size = len(saved(path).run.dataset.training)
    path.unlink()
    return size


def test_a_full_disk_is_refused_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    path = tmp_path / "run.bpv"
    assert main((*TRAIN, "--epochs", "1", "-o", str(path))) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "run.bpv cannot be written: no space left on device" in printed.err
    assert names(tmp_path) == []


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_up_leaves_the_old_file_and_a_spare_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, spares = tmp_path / "run.bpv", tmp_path / "spares"
    spares.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spares))
    assert main((*TRAIN, "--updates", "1", "-o", str(path))) == 0
    old = path.read_bytes()
    plain = archive.write_archive

    def writing(goal: Path, *rest: object, **options: object) -> None:
        if goal == path:
            with atomic_file(goal):
                full()
        plain(goal, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("backpropviz.files.run.write_archive", writing)
    words = ("train", "--resume", str(path), "--updates", "3", "--save-every", "0")
    capsys.readouterr()
    assert main((*words, "-o", str(path))) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("make room. The training goes on.")
    (spare,) = spares.glob("*/run.bpv")
    assert lines[1].endswith(f"What was learned is in {spare} instead.")
    assert path.read_bytes() == old
    assert saved(spare).now.iteration == 4


def test_saving_on_the_way_takes_little_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times, written = iter([0.0, 29.0, 30.0, 34.0, 73.0, 74.0, 75.0]), []
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    monkeypatch.setattr(Keeper, "_save", lambda *_, **__: written.append(1))
    keeper = Keeper(tmp_path / "run.bpv")
    for count in (0, 1, 1, 2):
        keeper.keep(None)  # type: ignore[arg-type]
        assert len(written) == count
    assert keeping.EVERY_S == 30
