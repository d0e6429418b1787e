"""Sentences of the command line for repeated classes, sizes, and folders that do not exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backpropviz.cli.commands import main


def network(folder: Path, channels: int, classes: list[str]) -> str:
    document = {
        "format": "backpropviz-network",
        "version": 1,
        "input": [1, 8, 8],
        "layers": [
            {"name": "conv1", "kind": "conv2d", "out_channels": channels, "kernel_size": 3},
            {"name": "flatten", "kind": "flatten"},
            {"name": "dense1", "kind": "dense", "out_features": 3},
        ],
        "loss": {"kind": "cross_entropy"},
        "classes": classes,
    }
    path = folder / "net.json"
    path.write_text(json.dumps(document), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (["cat", "dog", "cat"], "classes: “cat” stands here 2 times: give each output its own"),
        (["a", "b", "a", "b"], "classes: “a”, “b” stand here more than once: give each"),
    ],
)
def test_class_names_that_repeat_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], classes: list[str], told: str
) -> None:
    assert main(["explain", "loss", "--network", network(tmp_path, 2, classes)]) == 3
    assert told in capsys.readouterr().err


def test_a_size_out_of_range_names_its_place_and_the_largest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = network(tmp_path, 10**9, ["a", "b", "c"])
    assert main(["explain", "loss", "--network", given]) == 3
    told = capsys.readouterr().err
    assert "layers[0] (conv1): out_channels" in told
    assert "at most 1000000" in told
    assert "-1000000" not in told


COMMANDS = (
    ("record", "--network", "tiny-max", "-o", "{}/tape.npz"),
    *(
        ("export", "--network", "tiny-max", "--from", "1", "--to", "1", "--depth", "term", "-o", o)
        for o in ("{}/frame.png", "{}/frames.pdf", "{}/frames")
    ),
    ("train", "--network", "tiny-max", "--data", "example", "--epochs", "1", "-o", "{}/run.bpv"),
    (
        *("train", "--network", "tiny-max", "--data", "example", "--epochs", "1"),
        *("-o", "run.bpv", "--csv", "{}/run.csv"),
    ),
)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_folder_that_does_not_exist_is_refused_and_not_made(
    words: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([word.format("missing/folder") for word in words]) == 3
    told = capsys.readouterr()
    assert "missing/folder does not exist; make it first." in told.err
    assert told.out == ""
    assert list(tmp_path.iterdir()) == []
