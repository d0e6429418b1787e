"""Command lines that nobody would write, and places that cannot be written to."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.hardening.commands import outcome, refusal

ROUNDS = 400
PLAIN = """
    explain record export doctor train check loss conv1.weight image loss.grad
    --network tiny-max tiny-avg lenet --network=tiny-dense --image mnist:3 mnist:-3
    --target 1 -1,2 nan 1e400 --float 64 32 0 --reduction sum --json --from --to
    --depth term tensor --order source --theme dark --size 640x480 0x0 --scale 2 inf
    -o out.npz out.png out out.gif --format svg -- - --help -h --version .. .[ [0]
    conv1.weight.grad[0,0,0,0] conv1.weight.grad[0,0,0,-1] ∂L/∂W %s%n{0}
"""
LONG = ("9" * 400, "conv1.weight.grad[" + "0," * 50 + "0]", "x" * 3000)
WORDS = (*PLAIN.split(), *LONG, "\0", "\udcff", " ", "\n", "")


def test_words_in_any_order(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qapp: object,
) -> None:
    """What is asked for happens or is refused in a sentence; `open` is left to the window."""
    monkeypatch.chdir(tmp_path)
    chosen, codes = random.Random(17), []
    for _ in range(ROUNDS):
        command = chosen.choice(("explain", "record", "export", "train"))
        rest = [chosen.choice(WORDS) for _ in range(chosen.randrange(12))]
        codes.append(outcome(capsys, command, *rest).code)
    assert {0, 2} <= set(codes)


def test_honest_words_with_one_odd_one(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qapp: object,
) -> None:
    monkeypatch.chdir(tmp_path)
    honest = [
        ["explain", "conv1.weight.grad[0,0,1,1]", "--network", "tiny-max", "--target", "3"],
        ["record", "--network", "tiny-max", "--float", "64", "-o", "out.npz"],
        ["export", "--network", "tiny-max", "--from", "3", "--to", "4", "--depth", "term",
         "--size", "640x480", "--format", "svg", "-o", "frames"],
    ]  # fmt: skip
    chosen, codes = random.Random(23), []
    for number in range(ROUNDS):
        words = list(honest[number % 3])
        words[chosen.randrange(1, len(words))] = chosen.choice(WORDS)
        codes.append(outcome(capsys, *words).code)
    assert {0, 2, 3} <= set(codes)


@pytest.mark.parametrize("name", ["file/tape.npz", "folder.npz", "x" * 300 + ".npz"])
def test_places_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "folder.npz").mkdir()
    refusal(capsys, "record", "--network", "tiny-max", "-o", str(tmp_path / name))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.npz"]
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_full_disk_leaves_nothing_half_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "tape.npz"
    path.write_bytes(b"earlier")
    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    sentence = refusal(capsys, "record", "--network", "tiny-max", "-o", str(path))
    assert "no space left on device" in sentence
    assert [p.name for p in tmp_path.iterdir()] == ["tape.npz"]
    assert path.read_bytes() == b"earlier"
