"""The diagram of a draft: every layer once, wires that end at their layers, nothing overlaps."""

from __future__ import annotations

from itertools import combinations

import pytest

from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture.draft import Draft, draft_of, survey
from backpropviz.engine.architecture.presets import PRESETS, preset
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.figures.diagram import architecture_diagram, compact, lay_out
from backpropviz.scene.marks import Path, Rect, Text
from backpropviz.scene.theme import DARK, LIGHT

SIZES = [(618.0, 600.0), (1260.0, 860.0), (500.0, 300.0)]


def drafted(name: str) -> Draft:
    return draft_of(preset(name, (3, 32, 32), 10), name)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", PRESETS)
def test_every_layer_has_its_bar_and_none_overlap(name: str, size: tuple[float, float]) -> None:
    draft = drafted(name)
    scene = architecture_diagram(draft, survey(draft), size, LIGHT, draft.names[0])
    bars = {m.key: m for m in scene.walk() if isinstance(m, Rect) and m.key}
    assert set(bars) == {f"layer:{n}" for n in ("image", *draft.names, "loss")}
    for one, other in combinations(bars.values(), 2):
        apart = one.y + one.height <= other.y or other.y + other.height <= one.y
        assert apart or one.x + one.width <= other.x or other.x + other.width <= one.x
    for bar in bars.values():
        assert bar.x >= 0
        assert bar.x + bar.width <= max(size[0], 560)
        assert bar.y + bar.height <= scene.height


def test_wires_end_at_their_layers() -> None:
    draft = drafted("resnet-tiny")
    placed = lay_out(draft, survey(draft).shapes, 618, 600)
    edges = {(edge.source, edge.target): edge for edge in placed.edges}
    expected = {(s, node.name) for node in draft.nodes for s in node.inputs}
    assert set(edges) == {*expected, (draft.output, "loss")}
    for (source, target), edge in edges.items():
        start, stop = placed.boxes[source], placed.boxes[target]
        (x1, y1), (x2, y2) = edge.points[0], edge.points[-1]
        assert start.inset(-1).contains(x1, y1)
        assert stop.inset(-3).contains(x2, y2)
    assert edges["relu1", "add1"].is_route
    assert not edges["norm1", "relu1"].is_route


def test_joins_are_drawn_as_routes_with_arrows() -> None:
    draft = drafted("resnet-tiny")
    scene = architecture_diagram(draft, survey(draft), SIZES[0], DARK)
    routes = [mark for mark in scene.walk() if isinstance(mark, Path)]
    assert len(routes) == 5
    assert all(route.arrow for route in routes)


def test_what_does_not_fit_is_marked_and_what_follows_is_open() -> None:
    draft = drafted("lenet")
    for _ in range(3):
        draft = edits.add(draft, MaxPool2d(2), "pool2")
    scene = architecture_diagram(draft, survey(draft), SIZES[0], LIGHT)
    said = {mark.key: mark.text for mark in scene.walk() if isinstance(mark, Text) and mark.key}
    assert said["layer:pool3"]
    words = [mark.text for mark in scene.walk() if isinstance(mark, Text)]
    assert words.count("does not fit") == 1
    assert words.count("not known yet") == 6
    bars = {mark.key: mark for mark in scene.walk() if isinstance(mark, Rect)}
    wrong, unknown = bars["layer:pool3"].stroke, bars["layer:dense1"].stroke
    assert wrong is not None
    assert unknown is not None
    assert wrong.color == LIGHT.breakpoint
    assert unknown.dash


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (61_706, "61.7k"),
        (99_960, "100k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (250_000_000, "250M"),
        (3 * 10**12, "3.0T"),
    ],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert compact(count) == text
