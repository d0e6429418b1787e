from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from backpropviz import assets
from backpropviz.assets import resource, resource_names

CHECKOUT_RESOURCES = Path(__file__).parent.parent / "resources"


@pytest.fixture(autouse=True)
def _fresh_root() -> Iterator[None]:
    assets.resources_root.cache_clear()
    yield
    assets.resources_root.cache_clear()


def test_finds_the_checkout() -> None:
    assert resource("icons", "play.svg") == CHECKOUT_RESOURCES / "icons" / "play.svg"


def test_an_installed_wheel_wins_over_a_neighboring_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "backpropviz"
    (package / "resources" / "icons").mkdir(parents=True)
    (tmp_path / "resources").mkdir()
    monkeypatch.setattr(assets, "_PACKAGE", package)
    assert resource("icons") == package / "resources" / "icons"


@pytest.mark.parametrize("inside", ["backpropviz/resources", "resources"])
def test_a_frozen_app_uses_its_own_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    (tmp_path / inside / "icons").mkdir(parents=True)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource("icons") == tmp_path / inside / "icons"


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"icons/none\.svg"):
        resource("icons", "none.svg")


@pytest.mark.parametrize("parts", [("..", "pyproject.toml"), ("icons", "..", ".."), ("/etc",)])
def test_a_path_cannot_lead_out(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not inside"):
        resource(*parts)


def test_no_resources_at_all_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "backpropviz")
    with pytest.raises(FileNotFoundError, match="reinstall"):
        resource("icons")


def test_names_are_sorted_and_filtered() -> None:
    names = resource_names("fonts", ".ttf")
    assert names == tuple(sorted(names))
    assert "Inter-Regular.ttf" in names
    assert "README.md" not in names


@pytest.mark.parametrize("name", resource_names("icons", ".svg"))
def test_every_icon_is_a_24_pixel_outline_that_takes_its_color(name: str) -> None:
    root = ET.fromstring(resource("icons", name).read_text("utf-8"))
    assert root.get("viewBox") == "0 0 24 24"
    assert root.get("stroke") == "currentColor"
    assert len(root) > 0


def test_the_2000_digits_are_balanced() -> None:
    with np.load(resource("datasets", "mnist_2000.npz"), allow_pickle=False) as data:
        assert data["x"].shape == (2000, 28, 28)
        assert data["x"].dtype == np.uint8
        np.testing.assert_array_equal(np.bincount(data["y"]), np.full(10, 200))


def test_the_small_digits_lie_between_0_and_16() -> None:
    with np.load(resource("datasets", "digits_8x8.npz"), allow_pickle=False) as data:
        images = data["x"]
    assert images.shape == (1797, 8, 8)
    assert (images.min(), images.max()) == (0, 16)


@pytest.mark.parametrize("folder", ["fonts", "icons", "images", "datasets"])
def test_what_ships_is_small_and_licensed(folder: str) -> None:
    assert sum(p.stat().st_size for p in resource(folder).iterdir()) < 2_500_000
    overview = resource("licenses", "README.md").read_text("utf-8")
    assert f"{folder}/" in overview


@pytest.mark.parametrize("name", resource_names("datasets", ".npz"))
def test_datasets_hold_no_pickle(name: str) -> None:
    with zipfile.ZipFile(resource("datasets", name)) as archive:
        assert all(entry.endswith(".npy") for entry in archive.namelist())
