"""Names that a file system may hold go into files, and come out as something that can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backpropviz.document import LONGEST_TEXT, JsonPlace, Value, plain
from backpropviz.storage.atomic import write_text
from backpropviz.storage.model_file import load_model, save_model, save_session
from backpropviz.storage.network_json import write_network
from backpropviz.storage.networks import load_network

ODD = {
    "caf\udce9": r"caf\xe9",
    "a\nb": r"a\nb",
    "\u202e\x1b[0m": r"\u202e\x1b[0m",
    "\ud83d": r"\ud83d",
    "é 猫": "é 猫",
}


@pytest.mark.parametrize("name", ODD)
def test_a_name_is_written_so_that_it_is_read(name: str) -> None:
    assert plain({"title": [name]}) == {"title": [ODD[name]]}
    assert Value(plain(name), JsonPlace()).text() == ODD[name]


def test_a_long_name_keeps_both_ends() -> None:
    found = Value(plain("/begin" + "x" * 4000 + "end.png"), JsonPlace()).text()
    assert len(found) <= LONGEST_TEXT
    assert found.startswith("/begin")
    assert found.endswith("end.png")


def test_only_a_remark_keeps_its_lines() -> None:
    assert plain({"remark": "a\nb", "title": "a\nb"}) == {"remark": "a\nb", "title": r"a\nb"}


@pytest.mark.parametrize("name", ODD)
def test_models_and_networks_are_saved(name: str, tmp_path: Path) -> None:
    model = load_network("tiny-max")
    assert model.example is not None
    odd = replace(model, title=name, example=replace(model.example, source=name))
    save_model(tmp_path / "a.bpv", odd)
    found = load_model(tmp_path / "a.bpv")
    assert found.example is not None
    assert (found.title, found.example.source) == (ODD[name], ODD[name])
    save_session(tmp_path / "s.bpv", odd, {"image": name})
    write_network(tmp_path / "a.json", odd)
    assert load_network(str(tmp_path / "a.json")).title == ODD[name]
    write_text(tmp_path / "a.svg", name)
