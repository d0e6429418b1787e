"""Network files that are broken or mean harm: a sentence that names the file, and exit code 3."""

from __future__ import annotations

import copy
import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backpropviz.assets import resource
from backpropviz.files.archive import to_npy
from tests.hardening.commands import outcome, refusal

MUTATIONS = 150
LENET = resource("networks", "lenet.bpv")
TINY = json.loads(resource("networks", "tiny-max.json").read_text("utf-8"))
WEIGHT = "parameters/conv1.weight.npy"

Members = dict[str, bytes]


def explained(path: Path) -> tuple[str, ...]:
    return ("explain", "loss", "--network", str(path))


def saved(folder: Path, document: object) -> Path:
    path = folder / "network.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


def members() -> Members:
    """What is in LeNet's file."""
    with zipfile.ZipFile(LENET) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(folder: Path, content: Members, method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "network.bpv"
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return path


def with_weight(array: object) -> Members:
    """LeNet with another array for its first filters."""
    return members() | {WEIGHT: to_npy(np.asarray(array))}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"lenet"',
        "\ufeff{}",
        "{'format': 1}",
        '{"format": "backpropviz-network"}',
        '{"format": "backpropviz-network", "version": 99}',
        "[" * 100_000,
        '{"a":' * 50_000,
        "1" * 10_000,
        '{"x": 1e999}',
        '{"x": NaN}',
        "\0" * 100,
        "PK\3\4 no zip at all",
    ],
)
def test_text_that_is_no_network(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    path = saved(tmp_path, text)
    assert str(path) in refusal(capsys, *explained(path))


def test_bytes_that_are_no_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    path.write_bytes(bytes(range(256)) * 4)
    assert str(path) in refusal(capsys, *explained(path))


def changed(*where: str | int, to: object) -> Any:
    """The 3×3 example with one thing changed."""
    document = copy.deepcopy(TINY)
    place = document
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = to
    return document


@pytest.mark.parametrize(
    "document",
    [
        changed("input", to=[1, 0, 3]),
        changed("input", to=[1, -3, 3]),
        changed("input", to=[1, 10**9, 10**9]),
        changed("input", to="big"),
        changed("input", to=[]),
        changed("layers", to=[]),
        changed("layers", to={}),
        changed("layers", 0, "kind", to="conv9d"),
        changed("layers", 0, "stride", to=0),
        changed("layers", 0, "padding", to=-1),
        changed("layers", 0, "kernel_size", to=9),
        changed("layers", 0, "kernel_size", to=10**12),
        changed("layers", 0, "out_channels", to=10**12),
        changed("layers", 0, "out_channels", to=1.5),
        changed("layers", 0, "name", to=""),
        changed("layers", 0, "name", to="a b["),
        changed("layers", 1, "name", to="conv1"),
        changed("layers", 1, "inputs", to=["pool1"]),
        changed("layers", 1, "nonsense", to=1),
        changed("loss", "kind", to="hope"),
        changed("loss", "reduction", to="none"),
        changed("optimizer", "learning_rate", to=-1),
        changed("optimizer", "learning_rate", to="fast"),
        changed("preprocessing", "fit", to="guess"),
        changed("preprocessing", "std", to=[0]),
        changed("parameters", "conv1", "weight", to=[[[[1, 2]]]]),
        changed("parameters", "conv1", "weight", to=[[[[1, "x"], [1, 2]]]]),
        changed("parameters", "conv1", "weight", to=[[[[1, None], [1, 2]]]]),
        changed("parameters", "conv1", "weight", to=[[[[1, 1e400], [1, 2]]]]),
        changed("parameters", "conv1", "weight", to=[[[[1, float("nan")], [1, 2]]]]),
        changed("parameters", "conv9", to={"weight": [1]}),
        changed("example", "image", to=[[0, 1], [2]]),
        changed("example", "image", to="/etc/passwd"),
        changed("example", "image", to="mnist:999999"),
        changed("example", "target", to=[1, 2, 3]),
        changed("example", "target", to="six"),
    ],
    ids=str,
)
def test_networks_that_cannot_be(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, document: object
) -> None:
    refusal(capsys, *explained(saved(tmp_path, document)))


def _replaced(value: Any, chosen: random.Random) -> Any:
    """A JSON value with one thing in it replaced."""
    if isinstance(value, dict) and value and chosen.random() < 0.9:
        key = chosen.choice(sorted(value))
        return {**value, key: _replaced(value[key], chosen)}
    if isinstance(value, list) and value and chosen.random() < 0.9:
        at = chosen.randrange(len(value))
        return [*value[:at], _replaced(value[at], chosen), *value[at + 1 :]]
    odd: tuple[Any, ...] = (
        None,
        True,
        -1,
        0,
        3,
        1.5,
        1e308,
        10**30,
        "",
        "x",
        "\0",
        [],
        {},
        [[]],
        {"a": 1},
        "∂" * 99,
    )
    return chosen.choice(odd)


def test_mutated_json_opens_or_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chosen, refused = random.Random(11), 0
    for _ in range(MUTATIONS):
        path = saved(tmp_path, _replaced(TINY, chosen))
        found = outcome(capsys, *explained(path))
        refused += found.code == 3
    assert refused > MUTATIONS / 4


def test_archives_cut_anywhere(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    content, path = LENET.read_bytes(), tmp_path / "network.bpv"
    for share in (0, 0.001, 0.2, 0.5, 0.99, 0.9999):
        path.write_bytes(content[: int(share * len(content))])
        assert str(path) in refusal(capsys, *explained(path))


def test_mutated_archives_open_or_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    content, path, chosen = LENET.read_bytes(), tmp_path / "network.bpv", random.Random(5)
    for _ in range(MUTATIONS):
        mutant = bytearray(content)
        for _ in range(chosen.choice((1, 4, 30))):
            # The list of members is at the end.
            start = 0 if chosen.random() < 0.5 else len(mutant) - 1500
            mutant[chosen.randrange(start, len(mutant))] = chosen.randrange(256)
        path.write_bytes(mutant)
        outcome(capsys, *explained(path))


@pytest.mark.parametrize("name", ["../evil.npy", "/etc/evil.npy", "C:\\evil.npy", "a/../../b.npy"])
def test_members_that_point_outside(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    path = zipped(tmp_path, members() | {name: b"evil"})
    assert "points outside" in refusal(capsys, *explained(path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["network.bpv"]


def test_a_bomb_is_not_unpacked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = zipped(tmp_path, members() | {WEIGHT: b"\0" * 300_000_000})
    tracemalloc.start()
    try:
        sentence = refusal(capsys, *explained(path))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "would unpack to 300,000,000 bytes" in sentence
    assert peak_bytes < 50_000_000


def test_a_bomb_that_lies_about_its_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = zipped(tmp_path, members() | {WEIGHT: b"\0" * 50_000_000})
    content = path.read_bytes()
    true, said = (50_000_000).to_bytes(4, "little"), (728).to_bytes(4, "little")
    assert content.count(true) >= 2
    path.write_bytes(content.replace(true, said))
    refusal(capsys, *explained(path))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((6, 1, 5, 4), np.float32), "6×1×5×4"),
        (np.zeros((6, 1, 5, 5), np.int64), "int64"),
        (np.zeros((6, 1, 5, 5), np.complex128), "complex128"),
        (np.full((6, 1, 5, 5), np.nan, np.float32), "NaN"),
        (np.full((6, 1, 5, 5), np.inf, np.float64), "NaN or infinite"),
        (np.zeros((), np.float32), ""),
    ],
)
def test_arrays_of_the_wrong_kind(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, array: object, said: str
) -> None:
    sentence = refusal(capsys, *explained(zipped(tmp_path, with_weight(array))))
    assert WEIGHT in sentence
    assert said in sentence


def pickled() -> bytes:
    """An array of objects, which NumPy would run code to read."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda all_of_it: all_of_it | {WEIGHT: pickled()},
        lambda all_of_it: all_of_it | {WEIGHT: b""},
        lambda all_of_it: all_of_it | {WEIGHT: b"\x93NUMPY\x01\x00v\x00{'descr': __import__}"},
        lambda all_of_it: all_of_it | {"manifest.json": b"{}"},
        lambda all_of_it: all_of_it | {"manifest.json": b"\xff"},
        lambda all_of_it: all_of_it | {"network.json": b"[]"},
        lambda all_of_it: {k: v for k, v in all_of_it.items() if k != WEIGHT},
        lambda all_of_it: {k: v for k, v in all_of_it.items() if k != "manifest.json"},
        lambda all_of_it: {},
    ],
)
def test_archives_with_wrong_members(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, change: Callable[[Members], Members]
) -> None:
    path = zipped(tmp_path, change(members()))
    assert str(path) in refusal(capsys, *explained(path))


def test_paths_that_are_no_network(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(capsys, *explained(tmp_path))
    for name in ("", ".", "lenet.bpv", "a\0b", "x" * 5000, "../lenet", "-"):
        refusal(capsys, "explain", "loss", f"--network={name}")
