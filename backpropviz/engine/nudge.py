"""Nudging one value: the true change of the loss beside the one that the gradient predicts.

true ΔL = L(v + δ) − L(v), by a forward pass     predicted ΔL = ∂L/∂v · δ, the tangent
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from enum import Enum
from statistics import median
from typing import Any

import numpy as np

from backpropviz.engine.backprop import NONE, Backward, Forward, Parameters, backward, forward
from backpropviz.engine.kinds.protocol import IMAGE, LOSS_NAME, TARGET, Crossing, input_name
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array, check_inside, freeze, frozen_arrays
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen(eq=False)
class BasePoint:
    """A network with its parameters and data, run forwards and backwards once."""

    network: Network
    parameters: Parameters
    forward: Forward
    backward: Backward

    @property
    def loss(self) -> float:
        return float(self.forward.loss)

    @property
    def images(self) -> Array:
        return self.forward.outputs[IMAGE_NAME]

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of every number of the pass."""
        return self.images.dtype


class ValueRole(Enum):
    """What an array that can be nudged is to its layer."""

    PARAMETER = "parameter"
    OUTPUT = "output"
    INPUT = "input"


@frozen(eq=False)
class ValuePlace:
    """A value that can be nudged, with the arrays that hold it and its gradient.

    `layer` is whose parameter, output (`image` counts as a layer) or `number`-th input it is.
    """

    address: Address
    role: ValueRole
    layer: str
    array: Array
    gradient_array: Array
    number: int = 0

    @property
    def value(self) -> float:
        """What a nudge starts from."""
        return float(self.array[self.address.indices])

    @property
    def gradient(self) -> float:
        """∂L/∂(the value), from the one backward pass."""
        return float(self.gradient_array[self.address.indices])

    def rounded(self, value: float) -> float:
        """What is left of a number in the array's dtype."""
        return float(self.array.dtype.type(value))


def base_point(
    network: Network,
    parameters: Parameters,
    images: Array,
    target: Array,
    dtype: type[np.floating[Any]] = np.float64,
) -> BasePoint:
    """Run one pass in `dtype`; `images` are (N,C,H,W), `target` is what the loss's own makes."""
    own = frozen_arrays(parameters, dtype)
    goal = target.astype(dtype) if target.dtype.kind == "f" else target
    run = forward(network, own, freeze(images.astype(dtype)), goal)
    return BasePoint(network, own, run, backward(network, own, run))


def base_point_of(tape: Tape, dtype: type[np.floating[Any]] = np.float64) -> BasePoint:
    """The pass that a tape holds, computed anew in `dtype` from the tape's own numbers."""
    parameters = {
        node.name: {name: tape[Address(node.name, name)] for name in shapes}
        for node in tape.network.nodes
        if (shapes := tape.network.kept_shapes(node))
    }
    return base_point(tape.network, parameters, tape[IMAGE], tape[TARGET], dtype)


def place(point: BasePoint, address: Address) -> ValuePlace:
    """The place of a weight, a bias, a pixel, or a value of a layer's output or input.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    found = None if address.part else _place(point, address)
    if found is None:
        raise UserError(
            f"“{address}” cannot be nudged: name a weight, a bias, a pixel "
            "or an input or output of a layer, for example image[0,0,0,0]."
        )
    check_inside(address, found.array.shape)
    return found


def _place(point: BasePoint, address: Address) -> ValuePlace | None:
    layer, quantity = address.layer, address.quantity
    outputs, back = point.forward.outputs, point.backward
    if address.array == IMAGE:
        return ValuePlace(
            address, ValueRole.OUTPUT, IMAGE_NAME, outputs[IMAGE_NAME], back.outputs[IMAGE_NAME]
        )
    if layer == LOSS_NAME and quantity == "input":
        return ValuePlace(
            address, ValueRole.INPUT, layer, outputs[point.network.output], back.loss_input
        )
    node = point.network.by_name.get(layer)
    if node is None:
        return None
    if quantity == "output":
        return ValuePlace(address, ValueRole.OUTPUT, layer, outputs[layer], back.outputs[layer])
    own = point.parameters.get(layer, NONE)
    if quantity in own and quantity in point.network.parameter_shapes(node):
        gradient = back.parameters[layer][quantity]
        return ValuePlace(address, ValueRole.PARAMETER, layer, own[quantity], gradient)
    count = len(node.inputs)
    names = [input_name(number, count) for number in range(count)]
    if quantity not in names:
        return None
    k = names.index(quantity)
    return ValuePlace(
        address, ValueRole.INPUT, layer, outputs[node.inputs[k]], back.inputs[layer][k], k
    )


def changed(point: BasePoint, where: ValuePlace, value: float) -> Forward:
    """The pass in which one value is another.

    An output changes for all that read it, an input for its own layer only.
    """
    array = where.array.copy()
    array[where.address.indices] = value
    if where.role is ValueRole.OUTPUT:
        return _rerun(point, _Change(outputs={where.layer: array}))
    if where.role is ValueRole.INPUT:
        return _rerun(point, _Change(inputs={(where.layer, where.number): array}))
    own = {**point.parameters[where.layer], where.address.quantity: array}
    return _rerun(point, _Change(parameters={where.layer: own}))


@frozen(eq=False)
class _Change:
    """Arrays that replace those of the base, by layer (and number of the input)."""

    parameters: Parameters = field(default_factory=dict)
    outputs: Mapping[str, Array] = field(default_factory=dict)
    inputs: Mapping[tuple[str, int], Array] = field(default_factory=dict)

    def starts_at(self, node: Node) -> bool:
        """Whether a layer itself is given something else."""
        return node.name in self.parameters or any(name == node.name for name, _ in self.inputs)


def _rerun(point: BasePoint, change: _Change) -> Forward:
    """The pass with some arrays replaced; what none of them reaches is kept."""
    base = point.forward
    outputs = {**base.outputs, **change.outputs}
    residuals = dict(base.residuals)
    stale = set(change.outputs)
    for node in point.network.nodes:
        is_reached = change.starts_at(node) or not stale.isdisjoint(node.inputs)
        if not is_reached or node.name in change.outputs:
            continue
        inputs = tuple(
            change.inputs.get((node.name, number), outputs[source])
            for number, source in enumerate(node.inputs)
        )
        own = change.parameters.get(node.name) or point.parameters.get(node.name, NONE)
        outputs[node.name], residuals[node.name] = node.layer.forward(inputs, own)
        stale.add(node.name)
    prediction = change.inputs.get((LOSS_NAME, 0), outputs[point.network.output])
    loss, loss_residuals = point.network.loss.forward(prediction, base.target)
    return Forward(outputs, residuals, base.target, loss, loss_residuals)


class Band(Enum):
    """A verdict on a relative error: its words, and the largest error that it still covers.

    A relative error says nothing where both numbers are 0, or where they lie no farther apart than
    the rounding of the loss may put them.
    """

    BOTH_ZERO = ("both are 0", 0.0)
    ROUNDING = ("within rounding", math.inf)
    HAPPY = ("happy", 1e-7)
    KINKS_ONLY = ("fine only with kinks", 1e-4)
    UNCOMFORTABLE = ("uncomfortable", 1e-2)
    WRONG = ("probably wrong", math.inf)

    @property
    def words(self) -> str:
        """What is written beside the number."""
        return self.value[0]

    @property
    def largest_error(self) -> float:
        """The relative error up to which (inclusive) it holds."""
        return self.value[1]


def relative_error(analytic: float, numeric: float) -> float | None:
    """|a − n| / max(|a|, |n|); None where both are 0, NaN where a number is not finite."""
    largest = max(abs(analytic), abs(numeric))
    if largest == 0:
        return None
    if not (math.isfinite(analytic) and math.isfinite(numeric)):
        return math.nan
    return abs(analytic - numeric) / largest


def band_of(error: float | None) -> Band:
    """The band of a relative error; NaN is wrong."""
    if error is None:
        return Band.BOTH_ZERO
    bands = (Band.HAPPY, Band.KINKS_ONLY, Band.UNCOMFORTABLE)
    return next((band for band in bands if error <= band.largest_error), Band.WRONG)


SWEEP = tuple(10.0**-exponent for exponent in range(1, 13))
"""Steps h from 1e-1 (truncation) to 1e-12 (rounding)."""


class Slope(Enum):
    """What raising a value does to the loss."""

    RAISES = "raises"
    LOWERS = "lowers"
    FLAT = "leaves"

    @property
    def update(self) -> int:
        """The direction in which gradient descent moves the value: −1, 0 or 1."""
        return {Slope.RAISES: -1, Slope.LOWERS: 1, Slope.FLAT: 0}[self]


@frozen
class Nudge:
    """One value moved by `delta`, which is what its rounding has left of the wish."""

    address: Address
    value: float
    delta: float
    base_loss: float
    loss: float
    gradient: float

    @property
    def true_change(self) -> float:
        """L(v + δ) − L(v)."""
        return self.loss - self.base_loss

    @property
    def predicted_change(self) -> float:
        """∂L/∂v · δ."""
        return self.gradient * self.delta

    @property
    def slope(self) -> Slope:
        """What the gradient says about raising the value."""
        if self.gradient == 0:
            return Slope.FLAT
        return Slope.RAISES if self.gradient > 0 else Slope.LOWERS

    @property
    def follows_update(self) -> bool:
        """Whether δ goes where gradient descent would go."""
        return self.delta * self.slope.update > 0

    @property
    def keeps_prediction(self) -> bool:
        """Whether the loss moved in the predicted direction (or stayed, as predicted)."""
        return _sign(self.true_change) == _sign(self.predicted_change)

    @property
    def error(self) -> float | None:
        """The relative error of the prediction; None where both changes are 0."""
        return relative_error(self.predicted_change, self.true_change)


@frozen
class Difference:
    """A central difference: (L(v + h) − L(v − h)) / 2h, where 2h is what rounding has left of it.

    `analytic` is the gradient that it is held against.
    """

    address: Address
    value: float
    h: float
    loss_minus: float
    loss_plus: float
    span: float
    analytic: float

    @property
    def numeric(self) -> float | None:
        """The finite difference; None where v ± h rounds to v."""
        return (self.loss_plus - self.loss_minus) / self.span if self.span else None

    @property
    def error(self) -> float | None:
        """The relative error; None where both numbers are 0 or there is no difference."""
        return None if self.numeric is None else relative_error(self.analytic, self.numeric)

    @property
    def band(self) -> Band | None:
        """The relative error's band; None where there is no difference."""
        return None if self.numeric is None else band_of(self.error)


@frozen(eq=False)
class Around:
    """The passes at v − h and v + h, and the difference of their losses."""

    difference: Difference
    minus: Forward
    plus: Forward


def nudged(point: BasePoint, address: Address, delta: float) -> Nudge:
    """One value moved by δ, by a real forward pass in the point's own dtype.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    nudge, _ = nudged_pass(point, address, delta)
    return nudge


def nudged_pass(point: BasePoint, address: Address, delta: float) -> tuple[Nudge, Forward]:
    """The same, with the pass itself, whose kinks may be asked for."""
    where = place(point, address)
    moved = where.rounded(where.value + delta)
    run = changed(point, where, moved)
    rounded = moved - where.value
    loss = float(run.loss)
    return Nudge(address, where.value, rounded, point.loss, loss, where.gradient), run


def curve(point: BasePoint, address: Address, deltas: Iterable[float]) -> tuple[Nudge, ...]:
    """L(v + δ) and its tangent for several δ."""
    return tuple(nudged(point, address, delta) for delta in deltas)


def around(point: BasePoint, address: Address, h: float) -> Around:
    """The passes at v − h and v + h, and what their losses say about the gradient.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    where = place(point, address)
    low, high = where.rounded(where.value - h), where.rounded(where.value + h)
    minus, plus = changed(point, where, low), changed(point, where, high)
    losses = float(minus.loss), float(plus.loss)
    found = Difference(address, where.value, h, *losses, high - low, where.gradient)
    return Around(found, minus, plus)


def sweep(
    point: BasePoint, address: Address, steps: Iterable[float] = SWEEP
) -> Iterator[Difference]:
    """Central differences of one value from coarse to fine, one at a time.

    The point should be in float64: in float32 rounding drowns what the sweep is to show.
    """
    return (around(point, address, h).difference for h in steps)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


Clock = Callable[[], float]
"""Seconds since some moment, as `time.perf_counter` gives them."""
PASSES_PER_PARAMETER = 2  # one at v − h, one at v + h


@frozen
class NudgeCost:
    """The measured seconds of one forward and one backward pass, and what follows from them.

    `batches` is how many such passes the data takes.
    """

    parameters: int
    batches: int
    forward_s: float
    backward_s: float

    @property
    def forward_passes(self) -> int:
        """Two for every parameter and batch."""
        return PASSES_PER_PARAMETER * self.parameters * self.batches

    @property
    def nudging_s(self) -> float:
        """The extrapolated time of all of them."""
        return self.forward_passes * self.forward_s

    @property
    def backprop_s(self) -> float:
        """One forward and one backward pass a batch give the same numbers."""
        return self.batches * (self.forward_s + self.backward_s)

    @property
    def times_slower(self) -> float:
        """How often backprop would be done in the time that nudging takes."""
        return self.nudging_s / self.backprop_s if self.backprop_s else float("inf")


def nudge_cost(
    point: BasePoint,
    clock: Clock,
    *,
    batches: int = 1,
    repeats: int = 7,
    stop: Callable[[], bool] = bool,
) -> NudgeCost:
    """Measure whole passes, each `repeats` times (once, when `stop` says so); the median counts."""
    network, own, base = point.network, point.parameters, point.forward
    shapes = (s for node in network.nodes for s in network.parameter_shapes(node).values())
    ahead = _timed(lambda: forward(network, own, point.images, base.target), clock, repeats, stop)
    back = _timed(lambda: backward(network, own, base), clock, repeats, stop)
    return NudgeCost(sum(map(math.prod, shapes)), batches, median(ahead), median(back))


def _timed(
    work: Callable[[], object], clock: Clock, repeats: int, stop: Callable[[], bool]
) -> Iterator[float]:
    for _ in range(repeats):
        start = clock()
        work()
        yield clock() - start
        if stop():
            return


def kinks_between(
    network: Network, base: Forward, minus: Forward, plus: Forward
) -> Iterator[Crossing]:
    """Every unit that flips and every window whose winner changes, in forward order.

    With `base` for `minus` they are those between the base and `plus`. Layers that did not run
    again are passed over.
    """
    for node in network.nodes:
        finder = node.layer.about.kinks
        runs = tuple(run.residuals[node.name] for run in (base, minus, plus))
        if finder is not None and not (runs[0] is runs[1] is runs[2]):
            yield from finder.between(node.name, node.layer, *runs)
