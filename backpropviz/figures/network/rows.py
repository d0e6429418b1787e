"""What the network map tells of each layer: how far it is, its output, its gradient."""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import Final

import numpy as np

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.progress import array_at
from backpropviz.debugger.steps import Depth
from backpropviz.debugger.timeline import Extent
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Shape, shape_text
from backpropviz.engine.kinds.protocol import IMAGE, LOSS, LOSS_NAME
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.program import Phase
from backpropviz.figures.network.layer_summary import layer_summary, loss_summary
from backpropviz.figures.network.sign_shares import SignCounter, SignCounts, counts_where
from backpropviz.figures.network.thumbnails import PHOTO_SIDE, not_computed, photograph, thumbnail
from backpropviz.figures.scales import Scales
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.importers.fit import displayable
from backpropviz.scene.marks import Mark
from backpropviz.scene.theme import Theme

_MOST_SCATTERED: Final = 1 << 17
"""Values up to which a gradient that grows everywhere at once is counted while it grows."""


@frozen
class LayerRow:
    """A row of the map. `counts` is None where no gradient is computed yet."""

    name: str
    summary: str
    shape: str
    status: str
    is_current: bool
    health: str
    has_gradient: bool
    counts: SignCounts | None
    breakpoints: tuple[Breakpoint, ...]


@frozen(eq=False)
class _Known:
    """What was worked out for a pass: counts of its arrays, thumbnails of its finished outputs."""

    counter: SignCounter
    thumbnails: dict[tuple[Address, int, str, int], tuple[Mark, ...]] = field(default_factory=dict)


@lru_cache(maxsize=1)
def _known(scales: Scales) -> _Known:
    """Of the pass that is shown, which its scales stand for; that of the pass before is let go."""
    return _Known(SignCounter(scales.tape))


def layer_rows(view: View) -> tuple[LayerRow, ...]:
    """The image, every layer, the loss."""
    network = view.tape.network
    names = (IMAGE_NAME, *(node.name for node in network.nodes), LOSS_NAME)
    return tuple(_row(view, name) for name in names)


def output_address(name: str) -> Address:
    """What a row's thumbnail shows."""
    if name == IMAGE_NAME:
        return IMAGE
    return LOSS if name == LOSS_NAME else Address(name, "output")


def row_thumbnail(view: View, name: str, size: int, theme: Theme) -> tuple[Mark, ...]:
    """A layer's output of the sample that is shown, as far as it is computed."""
    address = output_address(name)
    done, total = view.steps_done(address)
    if not done:
        return not_computed(size, theme)
    if done < total:
        return _drawn(view, address, size, theme)
    kept = _known(view.scales).thumbnails
    key = (address, size, theme.name, view.sample)
    if key not in kept:
        kept[key] = _drawn(view, address, size, theme)
    return kept[key]


def _drawn(view: View, address: Address, size: int, theme: Theme) -> tuple[Mark, ...]:
    array = view.tape[address]
    place = (view.sample,) if array.ndim else ()
    first = array[place]
    if address == IMAGE and _is_picture(view, array.shape):
        return photograph(displayable(first, view.model.preprocessing), size, theme)
    scale = view.scales.of(address, theme)
    done, total = view.steps_done(address)
    if done == total:
        return thumbnail(first, size, theme, scale)
    if _computed_in_order(view, address) is not None:
        computed = np.zeros(array.size, bool)
        computed[: _computed_in_order(view, address)] = True
        return thumbnail(first, size, theme, scale, computed.reshape(array.shape)[place])
    state = array_at(view.timeline, view.tape, view.position, address)
    return thumbnail(state.values[place], size, theme, scale, state.computed[place])


def _is_picture(view: View, shape: Shape) -> bool:
    """Whether an image (N, C, H, W) looks like one, and is what the preprocessing makes."""
    is_large = len(shape) == 4 and min(shape[-2:]) >= PHOTO_SIDE
    return is_large and shape[1] == view.model.preprocessing.channels


def _computed_in_order(view: View, address: Address) -> int | None:
    """How many values, in row-major order, are complete; None where they grow out of order."""
    number = view.timeline.computed_by(address)
    if number is None or view.timeline.orders[number]:
        return None
    done, _ = view.steps_done(address)
    return done // view.timeline.block_size(number, Depth.ELEMENT)


def _row(view: View, name: str) -> LayerRow:
    network = view.tape.network
    if name == IMAGE_NAME:
        summary, shape = "input", network.input_shape
    elif name == LOSS_NAME:
        summary, shape = loss_summary(network.loss), ()
    else:
        summary, shape = layer_summary(network.by_name[name]), network.shapes[name]
    gradient = _gradient(view, name)
    return LayerRow(
        name,
        summary,
        shape_text(shape),
        _status(view, name),
        name == _current(view),
        _health(view, name),
        gradient is not None,
        None if gradient is None else _counts(view, gradient),
        tuple(found for found in view.state.breakpoints if _layer_of(found) == name),
    )


def _current(view: View) -> str:
    """The layer that the focus lies in; none where the focus holds several or nothing is left."""
    if view.is_done or view.depth < Depth.LAYER:
        return ""
    return view.timeline.operations[view.timeline.operation_at(view.state.k)].layer


def _layer_of(found: Breakpoint) -> str:
    if found.layer is not None:
        return found.layer
    if found.address is None:
        return ""
    return found.address.layer or found.address.quantity


def _status(view: View, name: str) -> str:
    """`done`, `not yet` or how much of the current tensor, in the phase that is shown."""
    timeline = view.timeline
    operation = timeline.operation_at(min(view.state.k, timeline.steps - 1))
    phase = timeline.operations[operation].phase
    extent = _extent(view, name, phase)
    if extent is None:
        return ""
    if view.position >= extent.stop:
        return "done"
    if view.position <= extent.start:
        return "not yet"
    return _share(view, operation, extent)


def _extent(view: View, name: str, phase: Phase) -> Extent | None:
    """A layer's part of a phase; forward and loss count as one."""
    phases = {Phase.FORWARD, Phase.LOSS} if phase in {Phase.FORWARD, Phase.LOSS} else {phase}
    found = (e for e in view.timeline.layers if e.layer == name and e.phase in phases)
    return next(found, None)


def _share(view: View, operation: int, extent: Extent) -> str:
    """`67 of 150`: blocks of the wanted depth, not finer than elements, of the current tensor."""
    timeline = view.timeline
    if view.depth <= Depth.TENSOR or not extent.first <= operation < extent.last:
        stops = timeline.starts[extent.first + 1 : extent.last + 1]
        return f"{sum(stop <= view.position for stop in stops)} of {len(stops)}"
    size = timeline.block_size(operation, min(view.depth, Depth.ELEMENT))
    start, stop = timeline.starts[operation], timeline.starts[operation + 1]
    return f"{(view.position - start) // size:,} of {(stop - start) // size:,}"


def _gradient(view: View, name: str) -> Address | None:
    """The first gradient that a layer computes: that of its weights, else that of its input.

    What only adds up the gradients from several consumers counts where there is nothing else.
    """
    extent = _extent(view, name, Phase.BACKWARD)
    if extent is None:
        return None
    targets = [view.timeline.nest(k).target for k in range(extent.first, extent.last)]
    gathered = output_address(name).grad
    gradients = [target for target in targets if target.is_gradient]
    return next((target for target in gradients if target != gathered), None) or (
        gradients[0] if gradients else None
    )


def _counts(view: View, gradient: Address) -> SignCounts | None:
    done, total = view.steps_done(gradient)
    if not done:
        return None
    counter = _known(view.scales).counter
    array = view.tape[gradient]
    if done == total:
        return counter.first(gradient, array.size)
    in_order = _computed_in_order(view, gradient)
    if in_order is not None:
        return counter.first(gradient, in_order)
    if array.size > _MOST_SCATTERED:
        return None
    state = array_at(view.timeline, view.tape, view.position, gradient)
    return counts_where(state.values, state.computed)


def _health(view: View, name: str) -> str:
    """`NaN` or `∞` where the computed part of a layer's output has them."""
    address = output_address(name)
    done, total = view.steps_done(address)
    array = view.tape[address].reshape(-1)
    known = array.size if done == total else (_computed_in_order(view, address) or 0)
    if not _known(view.scales).counter.first(address, known).not_finite:
        return ""
    return "NaN" if np.isnan(array[:known]).any() else "∞"
