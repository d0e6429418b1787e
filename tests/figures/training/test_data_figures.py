"""Bars as long as the counts, samples that are the network's own input, and room that is used."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.model import Preprocessing
from backpropviz.figures.training.answers import (
    ClassCount,
    SampleViews,
    balance_words,
    class_counts_scene,
    sample_sheet,
    sheet_capacity,
)
from backpropviz.scene.marks import Group, Pixels, Rect, Scene, Text
from backpropviz.scene.text import text_box
from backpropviz.scene.theme import DARK, LIGHT, Theme

COUNTS = (ClassCount("cats", 80, 20), ClassCount("dogs", 8, 2), ClassCount("2", 0, 0))
GRAY = Preprocessing(1, 8, 8)


def texts(scene: Scene) -> list[str]:
    """What is written."""
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]


def test_a_bar_is_as_long_as_its_count() -> None:
    scene = class_counts_scene(COUNTS, 400, LIGHT)
    bars = [mark for mark in scene.walk() if isinstance(mark, Rect)]
    assert [bar.width / bars[0].width for bar in bars] == pytest.approx([1, 0.25, 0.1, 0.025])
    assert texts(scene) == ["cats", "80 + 20", "dogs", "8 + 2", "2", "0"]


@pytest.mark.parametrize("width", [120, 300, 900])
def test_nothing_is_written_beyond_the_edge(width: float) -> None:
    counts = (*COUNTS, ClassCount("a very long name of a class, longer than the room", 10**6, 7))
    scene = class_counts_scene(counts, width, DARK)
    for mark in scene.walk():
        if isinstance(mark, Text):
            box = text_box(mark)
            assert box.x >= -0.01
            assert box.right <= width + 0.01


def test_uneven_classes_are_told_and_absent_ones_are_not_counted() -> None:
    assert balance_words(COUNTS) == (
        "Uneven: 100 of “cats”, but 10 of “dogs”; a network can seem good by answering the first."
    )
    assert balance_words((ClassCount("a", 10, 2), ClassCount("b", 9, 2), COUNTS[2])) == ""
    assert balance_words(()) == ""


def views(count: int, versions: int) -> tuple[SampleViews, ...]:
    """Samples, each picture of one brightness."""
    return tuple(
        SampleViews(
            f"class {number}",
            f"cats/{number}.png",
            tuple(np.full((1, 8, 8), (number + k) / 100) for k in range(versions + 1)),
        )
        for number in range(count)
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize("versions", [0, 7])
@pytest.mark.parametrize("size", [(640.0, 260.0), (900.0, 700.0), (120.0, 90.0)])
def test_as_many_pictures_as_have_room_and_all_inside(
    theme: Theme, versions: int, size: tuple[float, float]
) -> None:
    count, changed = sheet_capacity(*size, versions=versions)
    assert (changed > 0) == (versions > 0)
    scene = sample_sheet(views(count, changed), GRAY, size, theme)
    groups = [mark for mark in scene.marks if isinstance(mark, Group)]
    assert len(groups) == count * (changed + 1)
    sides = [m.width for group in groups for m in group.marks if isinstance(m, Pixels)]
    assert len(set(sides)) == 1
    if size[0] < 200:
        return
    assert sides[0] >= 60
    assert all(group.dx + sides[0] <= size[0] for group in groups)
    assert all(group.dy + sides[0] <= size[1] for group in groups)


def test_a_sample_is_shown_as_the_network_gets_it() -> None:
    way = Preprocessing(1, 8, 8, white=2.0, mean=(0.5,), std=(4.0,))
    sample = SampleViews("seven", "mnist:7", (np.full((1, 8, 8), 0.125),))
    scene = sample_sheet((sample,), way, (300, 200), LIGHT)
    pixels = [mark for mark in scene.walk() if isinstance(mark, Pixels)]
    assert pixels[0].values == pytest.approx((0.125 * 4 + 0.5) / 2)
    assert texts(scene) == ["seven", "mnist:7"]


def test_versions_stand_beside_the_original() -> None:
    scene = sample_sheet(views(1, 3), GRAY, (600, 200), LIGHT)
    values = [float(mark.values[0, 0]) for mark in scene.walk() if isinstance(mark, Pixels)]
    assert values == pytest.approx([0, 0.01, 0.02, 0.03])
    assert "as the batches may show it" in texts(scene)
