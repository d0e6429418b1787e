"""The network map tells what each layer has computed at the shown position, and nothing more."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.join import Add
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.network import Node
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import parse
from backpropviz.figures.network_map import (
    LayerRow,
    SignCounter,
    SignCounts,
    layer_rows,
    layer_summary,
    network_map,
    sign_bar,
)
from backpropviz.figures.view import View
from backpropviz.scene.hit import hit
from backpropviz.scene.marks import Box, Ellipse, Group, Line, Path, Pixels, Rect, Scene, Text
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.map_views import at, at_step, start, with_nan
from tests.scene_checks import assert_text_is_legible


def rows(view: View) -> dict[str, LayerRow]:
    return {row.name: row for row in layer_rows(view)}


def texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]


def test_the_mockups_rows() -> None:
    found = rows(at_step(start("tiny-max"), "conv1.weight.grad", 6, Depth.TERM))
    assert list(found) == ["image", "conv1", "pool1", "loss"]
    assert [row.status for row in found.values()] == ["", "1 of 4", "done", "done"]
    assert [row.shape for row in found.values()] == ["1×3×3", "1×2×2", "1×1×1", "scalar"]
    assert [row.is_current for row in found.values()] == [False, True, False, False]
    assert found["conv1"].counts == SignCounts(0, 0, 1, 0, 4)
    assert found["pool1"].counts == SignCounts(0, 3, 1, 0, 4)
    assert found["image"].counts is None


def test_progress_counts_blocks_of_the_wanted_depth() -> None:
    lenet = start("lenet")
    step = 66 * 784
    assert rows(at_step(lenet, "conv1.weight.grad", step, Depth.ELEMENT))["conv1"].status == (
        "67 of 150"
    )
    assert rows(at_step(lenet, "pool1.input.grad", 2 * 28 * 28 * 4, Depth.CHANNEL))[
        "pool1"
    ].status == ("3 of 6")
    assert rows(at_step(lenet, "conv1.weight.grad", 0, Depth.TENSOR))["conv1"].status == "1 of 3"


def test_forward_and_loss_are_one_pass_to_the_reader() -> None:
    found = rows(at_step(start("lenet"), "conv2.output", 0, Depth.TENSOR))
    assert found["pool1"].status == "done"
    assert found["conv2"].status == "done"
    assert found["relu2"].status == found["loss"].status == "not yet"
    in_loss = rows(at_step(start("lenet"), "loss.exp", 0, Depth.TENSOR))
    assert in_loss["conv1"].status == "done"
    assert in_loss["loss"].status == "2 of 6"


def test_only_layers_with_parameters_have_an_update() -> None:
    found = rows(at_step(start("lenet"), "conv2.weight.step", 0, Depth.TENSOR))
    assert found["conv1"].status == "done"
    assert found["conv2"].status == "1 of 4"
    assert found["dense1"].status == "not yet"
    assert found["relu1"].status == ""


def test_nothing_is_current_when_several_layers_are_in_focus_or_none() -> None:
    lenet = start("lenet")
    for view in (at(lenet, 10, Depth.PHASE), at(lenet, lenet.timeline.steps, Depth.ELEMENT)):
        assert not any(row.is_current for row in layer_rows(view))


def pictures(scene: Scene) -> list[Group]:
    """The rows' thumbnails, from top to bottom."""
    groups = (mark for mark in scene.marks if isinstance(mark, Group))
    return [group for group in groups if group.dx == 28]


def test_layers_ahead_of_a_forward_step_show_no_values() -> None:
    scene = network_map(at_step(start("lenet"), "conv2.output", 0, Depth.TENSOR), 256, LIGHT)
    computed = [any(isinstance(m, Pixels) for m in group.marks) for group in pictures(scene)]
    assert computed == [True] * 5 + [False] * 9
    dotted = [sum(isinstance(m, Ellipse) for m in g.marks) == 9 for g in pictures(scene)]
    assert dotted == [not known for known in computed]
    assert "2.4" not in " ".join(texts(scene))


@pytest.mark.parametrize("order", [LoopOrder.TARGET, LoopOrder.SOURCE])
def test_a_growing_output_shows_what_it_has(order: LoopOrder) -> None:
    view = at_step(start("lenet", order), "conv2.output", 8 * 100 * 150 - 150, Depth.ELEMENT)
    done = at(view, view.timeline.steps, Depth.TERM)
    growing, finished = (
        next(m for m in pictures(network_map(v, 256, LIGHT))[4].marks if isinstance(m, Pixels))
        for v in (view, done)
    )
    assert growing.missing is not None
    assert finished.missing is not None  # the gaps between maps
    assert (~growing.missing).sum() * 2 == (~finished.missing).sum()
    same = growing.values == finished.values
    assert same[~growing.missing].all()


@pytest.mark.parametrize("order", [LoopOrder.TARGET, LoopOrder.SOURCE])
@pytest.mark.parametrize("name", ["lenet", "residual"])
def test_sign_shares_are_those_of_the_tape(name: str, order: LoopOrder) -> None:
    start_view = start(name, order)
    view = at(start_view, start_view.timeline.steps, Depth.TERM)
    for row in layer_rows(view):
        if row.counts is None:
            assert (name, row.name) == ("lenet", "image")
            continue
        own = ("weight.grad", "input.grad", "input1.grad")
        names = [parse(f"{row.name}.{quantity}") for quantity in own]
        array = view.tape[next((n for n in names if n in view.tape), parse("image.grad"))]
        assert (row.counts.negative, row.counts.positive) == (
            int((array < 0).sum()),
            int((array > 0).sum()),
        )
        assert row.counts.known == row.counts.total == array.size


def test_a_gradient_scattered_by_source_is_counted_as_far_as_it_is_known() -> None:
    view = at_step(start("tiny-max", LoopOrder.SOURCE), "conv1.weight.grad", 0, Depth.ELEMENT)
    assert rows(view)["conv1"].counts == SignCounts(0, 4, 0, 0, 4)


def test_huge_arrays_are_counted_in_pieces() -> None:
    lenet = start("lenet")
    address = parse("dense1.weight.grad")
    counter = SignCounter(lenet.tape)
    flat = lenet.tape[address].reshape(-1)
    for count in (0, 1, 17, flat.size):
        found = counter.first(address, count)
        assert found.positive == int((flat[:count] > 0).sum())
        assert found.known == count


def test_a_nan_is_shown_as_such() -> None:
    view = with_nan()
    scene = network_map(at(view, view.timeline.steps, Depth.TERM), 256, LIGHT)
    shown = [m for m in scene.walk() if isinstance(m, Text) and m.text == "NaN"]
    assert len(shown) >= 4
    assert {text.color for text in shown} == {LIGHT.not_finite}
    assert_text_is_legible(scene)
    before = network_map(at(view, 0, Depth.TENSOR), 256, LIGHT)
    assert len([m for m in before.walk() if isinstance(m, Text) and m.text == "NaN"]) == 1


def test_rows_and_gutters_answer_to_the_pointer() -> None:
    scene = network_map(start("tiny-max"), 256, LIGHT)
    assert (found := hit(scene, 200, 72 + 32)) is not None
    assert found.key == "layer:conv1"
    assert (found := hit(scene, 10, 2 * 72 + 32)) is not None
    assert found.key == "breakpoint:pool1"


def test_breakpoints_lie_in_the_gutter_of_their_layer() -> None:
    marks = (
        Breakpoint(address=parse("conv1.weight.grad"), condition="abs(term) > 5"),
        Breakpoint(address=parse("pool1.input.grad"), enabled=False),
        Breakpoint(address=parse("loss")),
        Breakpoint(phase=Phase.UPDATE),
    )
    view = at_step(start("tiny-max"), "conv1.weight.grad", 6, Depth.TERM, *marks)
    found = rows(view)
    assert [len(row.breakpoints) for row in found.values()] == [0, 1, 1, 1]
    scene = network_map(view, 256, LIGHT)
    dots = [m for m in scene.marks if isinstance(m, Ellipse) and m.x < 24]
    assert [(dot.fill, dot.y) for dot in dots] == [
        (LIGHT.panel, 72 + 32),  # the hole of the pointer
        (LIGHT.panel, 144 + 32),  # the ring of what is switched off
        (LIGHT.breakpoint, 216 + 32),
    ]


def test_a_condition_is_marked() -> None:
    mark = Breakpoint(layer="pool1", condition="value is nan")
    scene = network_map(at(start("tiny-max"), 0, Depth.TERM, mark), 256, LIGHT)
    assert sum(isinstance(m, Line) and m.key == "breakpoint:pool1" for m in scene.marks) == 2


def test_a_skipped_layer_has_a_line_beside_it() -> None:
    scene = network_map(start("residual"), 256, LIGHT)
    branches = [m for m in scene.marks if isinstance(m, Path) and m.fill is None]
    assert len(branches) == 1
    ys = [y for _, y in branches[0].points]
    assert min(ys) < 72 < 4 * 72 < max(ys)
    straight = [m for m in scene.marks if isinstance(m, Line) and m.stroke.width == 2]
    assert len(straight) == 7


def test_many_layers_have_small_rows() -> None:
    assert network_map(start("tiny-max"), 256, LIGHT).height == 3 * 72 + 64 + 56
    assert network_map(start("lenet"), 256, LIGHT).height == 14 * 36 + 56


def test_a_bar_shows_even_the_smallest_share() -> None:
    box = Box(0, 0, 48, 5)
    counts = SignCounts(1, 100_000, 1, 0, 100_002)
    parts = [m.clip for m in sign_bar(counts, box, LIGHT) if isinstance(m, Group)]
    widths = [clip.width for clip in parts if clip is not None]
    assert widths == [2, 44, 2]


def test_a_bar_without_values_is_dashed() -> None:
    (line,) = sign_bar(SignCounts(0, 0, 0, 0, 9), Box(0, 0, 48, 5), LIGHT)
    assert isinstance(line, Line)
    assert line.stroke.dash


@pytest.mark.parametrize(
    ("name", "layer", "inputs", "text"),
    [
        ("conv1", Conv2d(6, 5, padding=2), ("image",), "5×5, pad 2"),
        ("c", Conv2d(4, (3, 1), stride=2, groups=2), ("image",), "3×1, stride 2, 2 groups"),
        ("pool1", MaxPool2d(2), ("conv1",), "max 2×2"),
        ("pool1", MaxPool2d(3, stride=2), ("conv1",), "max 3×3, stride 2"),
        ("join", Add(), ("a", "b"), "a + b"),
        ("relu1", ReLU(), ("a",), ""),
        ("act", ReLU(), ("a",), "relu"),
    ],
)
def test_summaries(name: str, layer: object, inputs: tuple[str, ...], text: str) -> None:
    assert layer_summary(Node(name, layer, inputs)) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [200, 256, 317, 400])
@pytest.mark.parametrize("name", ["tiny-max", "tiny-dense", "lenet", "deep", "residual"])
def test_text_is_legible_everywhere(name: str, width: int) -> None:
    view = start(name)
    marks = (Breakpoint(phase=Phase.UPDATE), Breakpoint(layer="conv1", enabled=False))
    for number in range(12):
        k = view.timeline.steps * number // 11
        depth = tuple(Depth)[number % len(Depth)]
        scene = network_map(at(view, k, depth, *marks), width, DARK if number % 2 else LIGHT)
        assert scene.width == width
        assert_text_is_legible(scene)


def test_rows_lie_behind_everything_else() -> None:
    scene = network_map(start("tiny-max"), 256, LIGHT)
    last_ground = max(n for n, m in enumerate(scene.marks) if isinstance(m, Rect) and m.key)
    first_picture = min(n for n, m in enumerate(scene.marks) if isinstance(m, Group))
    assert last_ground < first_picture


def test_a_pass_keeps_its_own_counts() -> None:
    broken, whole = with_nan(), start("tiny-max")
    end = whole.timeline.steps
    assert np.isnan(broken.tape["conv1.weight.grad"]).any()
    for _ in range(2):
        assert rows(at(broken, end, Depth.TERM))["conv1"].counts != (
            rows(at(whole, end, Depth.TERM))["conv1"].counts
        )
