"""Every stage of a batch can be read, and shows one sample of it large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from backpropviz.debugger.session import SessionState, StopReason
from backpropviz.debugger.timeline import Depth, LoopOrder, Timeline, find
from backpropviz.engine.initialize import initialize
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import IMAGE, TARGET, Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.model import Mode, Model
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import parse
from backpropviz.figures.explain.written_sum import TermOrder
from backpropviz.figures.ledger import summed_by_sample
from backpropviz.figures.ledger_rows import ledger_rows
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.stage import stage
from backpropviz.figures.view import ALL, Options, View, answer_word, step_in, term_key, term_step
from backpropviz.files.networks import load_network
from backpropviz.scene.marks import Pixels, Rect, Scene, Text
from backpropviz.scene.text import decimal_of
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.kind_passes import LOSSES, every_kind, of_loss
from tests.scene_checks import texts_outside, texts_that_overlap

SIZES = ((649, 556), (968, 756), (1289, 836))
BATCHES = (("lenet", 32), ("tinyvgg", 3), ("tiny-max", 2), ("normed", 8))
_MOST_PROBLEMS = 20


@cache
def passes(name: str, batch: int) -> tuple[Model, Tape]:
    """A bundled network, or one that normalizes and drops, on a batch of sparse random images."""
    random = np.random.default_rng(1)
    if name == "normed":
        return _normed(batch)
    model = load_network(name)
    images = np.maximum(random.standard_normal((batch, *model.network.input_shape)), 0)
    targets: object = [int(k) for k in random.integers(0, 5, batch)]
    if model.network.loss.kind != "cross_entropy":
        outputs = model.network.shapes[model.network.output]
        targets = random.standard_normal((batch, *outputs))
    tape = record(
        model.network, model.parameters, images.astype(np.float32), targets, Sgd(0.02, 0.9)
    )
    return model, tape


def _normed(batch: int) -> tuple[Model, Tape]:
    layers: dict[str, Layer] = {
        "conv1": Conv2d(4, 3, padding=1),
        "norm1": BatchNorm2d(),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "flatten": Flatten(),
        "dropout": Dropout(0.5),
        "dense": Dense(5),
    }
    network = chain("normed", (2, 8, 8), layers, CrossEntropy())
    random = np.random.default_rng(3)
    images = random.standard_normal((batch, 2, 8, 8)).astype(np.float32)
    targets = [int(k) for k in random.integers(0, 5, batch)]
    parameters = initialize(network, seed=5)
    tape = record(network, parameters, images, targets, Sgd(0.1), mode=Mode(True, 7, 1))
    return replace(load_network("lenet"), network=network, class_names=()), tape


def views(name: str, batch: int, order: LoopOrder) -> Iterator[View]:
    """Every operation at every depth, at its first and its last step, and the end."""
    yield from views_of(*passes(name, batch), order)


def views_of(model: Model, tape: Tape, order: LoopOrder) -> Iterator[View]:
    """The same of a pass."""
    batch = tape.batch
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer), order)
    scales, options = Scales(tape), Options(sample=batch - 1, ledger_by_sample=True)
    for start, stop in zip(timeline.starts, timeline.starts[1:], strict=False):
        for k, depth in product({start, stop - 1}, timeline.depths_at(start)):
            yield View(model, tape, timeline, SessionState(k, depth), scales, options)
    yield View(model, tape, timeline, SessionState(timeline.steps), scales, options)


@pytest.mark.parametrize("order", list(LoopOrder))
@pytest.mark.parametrize(("name", "batch"), BATCHES)
def test_every_operation_on_a_batch_is_legible(name: str, batch: int, order: LoopOrder) -> None:
    assert_all_legible(views(name, batch, order))


@pytest.mark.parametrize("name", list(LOSSES))
def test_every_loss_on_a_batch_is_legible(name: str) -> None:
    tape = of_loss(name)
    model = replace(load_network("lenet"), network=tape.network, class_names=())
    assert_all_legible(views_of(model, tape, LoopOrder.TARGET))


def test_a_product_too_long_for_a_narrow_stage_shows_its_result() -> None:
    tape = every_kind("eval")
    model = replace(load_network("lenet"), network=tape.network, class_names=())
    for view in views_of(model, tape, LoopOrder.TARGET):
        focus = view.focus
        if focus is not None and focus.operation.layer == "bent":
            assert not texts_outside(stage(view, 649, 556, LIGHT))


def assert_all_legible(shown: Iterator[View]) -> None:
    """In both themes, at every size in turn."""
    found: list[str] = []
    for number, view in enumerate(shown):
        width, height = SIZES[number % len(SIZES)]
        scene = stage(view, width, height, (LIGHT, DARK)[number // len(SIZES) % 2])
        where = f"{width}×{height} {scene.title} ({view.depth.title})"
        lines = (*texts_outside(scene), *texts_that_overlap(scene), *maps_that_overlap(scene))
        found.extend(f"{where}: {line}" for line in lines)
    assert not found, "\n".join(found[:_MOST_PROBLEMS])


def maps_that_overlap(scene: Scene) -> list[str]:
    """A line for each pair of maps, or of a map and a text outside it, that intersect."""
    maps = [m for m in scene.marks if isinstance(m, Pixels)]
    return [
        f"the map at {a.x, a.y} meets the one at {b.x, b.y}"
        for k, a in enumerate(maps)
        for b in maps[k + 1 :]
        if _meet((a.x, a.y, a.width, a.height), (b.x, b.y, b.width, b.height))
    ]


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(a[d] + a[d + 2] > b[d] + 0.5 and b[d] + b[d + 2] > a[d] + 0.5 for d in (0, 1))


VALUE = "conv1.weight.grad[0,0,1,1]"


def view_of(place: str, depth: Depth, sample: int = 5, order: LoopOrder = LoopOrder.TARGET) -> View:
    """LeNet with 32 samples at a value's first step."""
    model, tape = passes("lenet", 32)
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer), order)
    k = find(timeline, tape, parse(place), depth)
    options = Options(sample=sample, ledger_by_sample=True)
    return View(model, tape, timeline, SessionState(k, depth), Scales(tape), options)


@pytest.mark.parametrize(
    ("place", "depth", "sample"),
    [
        (VALUE, Depth.ELEMENT, 5),
        (VALUE, Depth.TERM, 0),
        ("conv1.output[7,2,8,8]", Depth.ELEMENT, 7),
        ("conv2.input.grad[9,1,2,2]", Depth.CHANNEL, 9),
        ("conv2.output[0,0,0,0]", Depth.TENSOR, 5),
        ("conv2.weight.next[0,0,0,0]", Depth.ELEMENT, 5),
        ("loss.probabilities[4,1]", Depth.ELEMENT, 4),
    ],
)
def test_the_sample_shown_is_the_steps_own_or_else_the_chosen(
    place: str, depth: Depth, sample: int
) -> None:
    assert view_of(place, depth).sample == sample


def test_the_planes_of_an_element_are_those_of_the_sample() -> None:
    scene = stage(view_of(VALUE, Depth.ELEMENT), 1289, 836, LIGHT)
    patterns = {m.key_pattern for m in scene.marks if isinstance(m, Pixels)}
    assert "conv1.input[5,0,{row},{column}]" in patterns
    assert "conv1.output.grad[5,0,{row},{column}]" in patterns
    assert not any(
        p.startswith("conv1.input[") and not p.startswith("conv1.input[5,") for p in patterns
    )


def test_every_sample_can_be_clicked() -> None:
    scene = stage(view_of(VALUE, Depth.ELEMENT), 1289, 836, LIGHT)
    keys = {m.key for m in scene.walk() if isinstance(m, Rect)}
    assert {f"sample:{n}" for n in range(32)} <= keys


@pytest.mark.parametrize("place", [VALUE, "conv1.bias.grad[2]", "dense2.weight.grad[3,7]"])
def test_the_ledger_by_sample_adds_up_as_shown(place: str) -> None:
    view = view_of(place, Depth.ELEMENT)
    shares, derivation = view.shares, view.explained.derivation
    assert shares is not None
    assert derivation is not None
    summed, progress = summed_by_sample(derivation, ALL, shares)
    content = ledger_rows(summed, progress, 6, TermOrder.POSITION)
    folded = content.folded
    assert folded.rest is not None
    addends = [*folded.texts, folded.rest.subtotal, folded.residue or "0"]
    assert sum(map(decimal_of, addends)) == decimal_of(folded.total)
    assert float(decimal_of(folded.total)) == pytest.approx(derivation.value, rel=1e-3)


def test_a_samples_row_leads_to_its_first_term() -> None:
    view = view_of(VALUE, Depth.ELEMENT)
    shares, derivation = view.shares, view.explained.derivation
    assert shares is not None
    assert derivation is not None
    summed, _ = summed_by_sample(derivation, ALL, shares)
    step = term_step(view, term_key(summed, 19))
    assert step is not None
    assert view.timeline.coordinates(step)[-3:] == (19, 0, 0)


def test_at_a_term_the_shares_are_those_so_far() -> None:
    view = view_of(VALUE, Depth.TERM)
    k = step_in(view.timeline, view.state.k, 3)
    assert k is not None
    later = replace(view, state=view.state.at(k + 400, StopReason.JUMP))
    shares, whole = later.shares, view_of(VALUE, Depth.ELEMENT).shares
    assert shares is not None
    assert whole is not None
    np.testing.assert_array_equal(shares.values[:3], whole.values[:3])
    np.testing.assert_array_equal(shares.values[4:], 0)
    assert shares.values.sum() == pytest.approx(later.value)


def test_the_strip_says_target_and_answer() -> None:
    view = view_of(VALUE, Depth.ELEMENT)
    scene = stage(view, 1289, 836, LIGHT)
    texts = [m.text for m in scene.walk() if isinstance(m, Text)]
    target = int(view.tape[TARGET][5])
    answer = int(np.argmax(view.tape[parse("loss.probabilities")][5]))
    assert "Sample 5 of 32" in texts
    assert f"target {target}, read as {answer}" in texts


def test_a_batch_that_is_not_finite_is_shown() -> None:
    model, tape = passes("lenet", 32)
    parameters = {layer: dict(own) for layer, own in model.parameters.items()}
    weight = np.array(parameters["conv2"]["weight"])
    weight[0, 0, 0, 0] = np.inf
    parameters["conv2"]["weight"] = weight
    images, targets = np.array(tape[IMAGE][:6]), [int(k) for k in tape[TARGET][:6]]
    with np.errstate(all="ignore"):
        broken = record(model.network, parameters, images, targets, Sgd(0.02))
        assert not np.isfinite(broken.loss)
        assert_all_legible(views_of(model, broken, LoopOrder.TARGET))
        last = list(views_of(model, broken, LoopOrder.TARGET))[-1]
    assert [answer_word(last, n) for n in range(6)] == [""] * 6
