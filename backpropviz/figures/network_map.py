"""The network as a list of layers: what each has computed, and how its gradient fares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.progress import array_at
from backpropviz.debugger.progress import call_stack as frames_at
from backpropviz.debugger.timeline import BlockFrame, Depth, StepExtent
from backpropviz.engine.kinds.protocol import IMAGE, LOSS, LOSS_NAME, Loss
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.tape import Phase, Tape
from backpropviz.engine.value import Address, Array, shape_text
from backpropviz.figures.numbers import Scales
from backpropviz.figures.thumbnails import PHOTO_SIDE, not_computed, photograph, thumbnail
from backpropviz.figures.view import View
from backpropviz.files.fit import displayable
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.color import color_at
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Font,
    Group,
    Line,
    Mark,
    Path,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import centered_baseline, elide, text_width, wrap
from backpropviz.scene.theme import Theme

_CHUNK = 1 << 20
"""Values whose counts are kept together, so that a part of a huge array is counted at once."""


@frozen
class SignCounts:
    """Values by sign, and how many there will be in all."""

    negative: int
    zero: int
    positive: int
    not_finite: int
    total: int

    @property
    def known(self) -> int:
        """Values that are computed."""
        return self.negative + self.zero + self.positive + self.not_finite


@frozen(eq=False)
class SignCounter:
    """Counts of the arrays of one pass, worked out when first asked for."""

    tape: Tape
    sums: dict[Address, tuple[tuple[int, int, int, int], ...]] = field(default_factory=dict)

    def first(self, address: Address, count: int) -> SignCounts:
        """Of the first `count` values in row-major order."""
        flat = self.tape[address].reshape(-1)
        if address not in self.sums:
            self.sums[address] = _running_sums(flat)
        whole = count // _CHUNK
        rest = _signs(flat[whole * _CHUNK : count])
        negative, zero, positive, odd = (
            a + b for a, b in zip(self.sums[address][whole], rest, strict=True)
        )
        return SignCounts(negative, zero, positive, odd, flat.size)


def _running_sums(flat: Array) -> tuple[tuple[int, int, int, int], ...]:
    """The counts up to the start of each whole chunk, and up to the end of the last whole one."""
    sums = [(0, 0, 0, 0)]
    for start in range(0, flat.size - _CHUNK + 1, _CHUNK):
        found = _signs(flat[start : start + _CHUNK])
        negative, zero, positive, odd = (a + b for a, b in zip(sums[-1], found, strict=True))
        sums.append((negative, zero, positive, odd))
    return tuple(sums)


def _signs(values: Array) -> tuple[int, int, int, int]:
    odd = values.size - int(np.count_nonzero(np.isfinite(values)))
    finite = values if not odd else values[np.isfinite(values)]
    negative, positive = int(np.count_nonzero(finite < 0)), int(np.count_nonzero(finite > 0))
    return negative, finite.size - negative - positive, positive, odd


def sign_colors(diverging: str) -> tuple[Color, Color]:
    """Negative and positive, as far from the center as a bar needs to be seen."""
    return color_at(diverging, -0.85, (-1.0, 1.0)), color_at(diverging, 0.85, (-1.0, 1.0))


def sign_bar(
    counts: SignCounts | None, box: Box, theme: Theme, diverging: str = ""
) -> Iterator[Mark]:
    """The shares side by side, the rest empty; a dashed line where nothing is computed."""
    if counts is None or not counts.known:
        middle = round(box.y + box.height / 2) + 0.5
        yield Line(box.x, middle, box.right, middle, Stroke(theme.border_strong, 1.0, (4.0, 3.0)))
        return
    radius = box.height / 2
    yield Rect(box.x, box.y, box.width, box.height, fill=theme.hover, radius=radius)
    negative, positive = sign_colors(diverging or theme.diverging)
    shares = (
        (counts.negative, negative),
        (counts.zero, theme.border_strong),
        (counts.positive, positive),
        (counts.not_finite, theme.not_finite),
    )
    x = box.x
    room = int(box.width)
    parts = (counts.negative, counts.zero, counts.positive, counts.not_finite)
    widths = [max(2, round(room * part / counts.total)) if part else 0 for part in parts]
    used = max(round(room * counts.known / counts.total), 2)
    largest = max(range(len(widths)), key=widths.__getitem__)
    widths[largest] = max(1, widths[largest] + used - sum(widths))
    for width, color in zip(widths, (c for _, c in shares), strict=True):
        if width:
            part = Rect(box.x, box.y, box.width, box.height, fill=color, radius=radius)
            yield Group((part,), clip=Box(x, box.y, width, box.height))
        x += width


def layer_summary(node: Node) -> str:
    """`5×5, pad 2`, `max 2×2`, `conv2 + image`; empty where the name says it all."""
    if node.layer.about.summary is not None:
        return node.layer.about.summary(node.layer, node.inputs)
    words = node.layer.kind.replace("_", " ")
    return "" if node.name.lower().startswith(words.split()[0]) else words


def loss_summary(loss: Loss) -> str:
    """`cross-entropy`, `½ (p − t)²`."""
    if loss.about.summary is not None:
        return loss.about.summary(loss)
    return loss.kind.replace("_", "-")


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
    # Whether an image (N, C, H, W) looks like one, and is what the preprocessing makes.
    is_large = array.ndim == 4 and min(array.shape[-2:]) >= PHOTO_SIDE
    if address == IMAGE and is_large and array.shape[1] == view.model.preprocessing.channels:
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
    """The layer that the focus lies in; none where it holds several, or nothing is in focus."""
    if view.has_no_focus or view.depth < Depth.LAYER:
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
    timeline = view.timeline
    if view.depth <= Depth.TENSOR or not extent.first <= operation < extent.last:
        stops = timeline.starts[extent.first + 1 : extent.last + 1]
        return f"{sum(stop <= view.position for stop in stops)} of {len(stops)}"
    size = timeline.block_size(operation, min(view.depth, Depth.ELEMENT))
    start, stop = timeline.starts[operation], timeline.starts[operation + 1]
    return f"{(view.position - start) // size:,} of {(stop - start) // size:,}"


def _extent(view: View, name: str, phase: Phase) -> StepExtent | None:
    """A layer's part of a phase; forward and loss count as one."""
    phases = {Phase.FORWARD, Phase.LOSS} if phase in {Phase.FORWARD, Phase.LOSS} else {phase}
    found = (e for e in view.timeline.layers if e.layer == name and e.phase in phases)
    return next(found, None)


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
    return SignCounts(*_signs(state.values[state.computed]), array.size)


def _health(view: View, name: str) -> str:
    """`NaN` or `∞` where the computed part of a layer's output has them."""
    address = output_address(name)
    done, total = view.steps_done(address)
    array = view.tape[address].reshape(-1)
    known = array.size if done == total else (_computed_in_order(view, address) or 0)
    if not _known(view.scales).counter.first(address, known).not_finite:
        return ""
    return "NaN" if np.isnan(array[:known]).any() else "∞"


_LANES = 3
_LANE = 3
"""Pixels from lane to lane."""


def join_marks(
    network: Network, middles: Mapping[str, float], left: int, size: int, theme: Theme
) -> Iterator[Mark]:
    """Lines behind thumbnails of `size` px at `left`, whose rows have these middles."""
    stroke = Stroke(theme.border_strong, 2.0)
    names = list(middles)
    edges = [(source, node.name) for node in network.nodes for source in node.inputs]
    edges.append((network.output, LOSS_NAME))
    neighbors = set(pairwise(names))
    for source, target in edges:
        if (source, target) in neighbors:
            x = left + size / 2
            yield Line(x, middles[source], x, middles[target], stroke)
    place, lane_ends = {name: number for number, name in enumerate(names)}, [0] * _LANES
    for source, target in (edge for edge in edges if edge not in neighbors):
        x = left + size + 3 + free_lane(lane_ends, place[source], place[target]) * _LANE
        start, stop = middles[source] + size / 5, middles[target] - size / 5
        corners = ((left + size, start), (x, start), (x, stop), (left + size, stop))
        yield Path(corners, Stroke(theme.border_strong, 1.5), corner_radius=3.0)


def free_lane(ends: list[int], start: int, stop: int) -> int:
    """The first lane that no route occupies there; the last one may be shared."""
    lane = next((number for number, end in enumerate(ends) if end <= start), len(ends) - 1)
    ends[lane] = max(ends[lane], stop)
    return lane


def breakpoint_mark(
    x: float, y: float, theme: Theme, *, enabled: bool, conditional: bool, key: str = ""
) -> tuple[Mark, ...]:
    """A dot, a ring where it is switched off, with two lines where it has a condition."""
    ink = theme.panel if enabled else theme.text_tertiary
    if enabled:
        dot = Ellipse(x, y, 4.5, 4.5, fill=theme.breakpoint, stroke=Stroke(theme.panel), key=key)
    else:
        ring = Stroke(theme.text_tertiary, 1.5)
        dot = Ellipse(x, y, 4, 4, fill=theme.panel, stroke=ring, key=key)
    if not conditional:
        return (dot,)
    reach = 2.0 if enabled else 1.5
    stroke = Stroke(ink, 1.0)
    return dot, *(Line(x - reach, y + dy, x + reach, y + dy, stroke, key) for dy in (-1.25, 1.25))


def bookmark_mark(x: float, top: float, theme: Theme, key: str = "") -> Path:
    """A ribbon of 7 × 10 px."""
    outline = ((-3.5, 0.0), (3.5, 0.0), (3.5, 10.0), (0.0, 7.0), (-3.5, 10.0))
    points = tuple((x + dx, top + dy) for dx, dy in outline)
    return Path(points, Stroke(theme.panel), theme.update, closed=True, key=key)


def pointer_mark(middle: float, theme: Theme, *, hole: Color | None = None) -> tuple[Mark, ...]:
    """The arrow in a gutter, with a hole where a breakpoint lies below it."""
    outline = ((4, -6), (14, -6), (19, 0), (14, 6), (4, 6))
    points = tuple((float(x), middle + dy) for x, dy in outline)
    arrow = Path(points, None, theme.here, closed=True)
    return (arrow,) if hole is None else (arrow, Ellipse(11, middle, 3, 3, fill=hole))


GUTTER: Final = 24
MANY_LAYERS: Final = 8
"""Layers from which rows are small."""
_THUMBNAIL_X: Final = 28
_MARGIN: Final = 16


@frozen
class _Measures:
    height: int
    pitch: int
    thumbnail: int
    text_x: int
    bar: tuple[int, int]
    line: int
    name: Font
    summary: Font


_LARGE: Final = _Measures(64, 72, 40, 80, (56, 6), 18, styles.BODY_MEDIUM, styles.BODY)
_SMALL: Final = _Measures(36, 36, 28, 68, (48, 5), 15, Font("Inter", 12, 500), styles.ROW)


def network_map(view: View, width: float, theme: Theme) -> Scene:
    """Rows of 64 px, or of 36 px from eight layers on, and the legend below."""
    rows = layer_rows(view)
    measures = _SMALL if len(rows) - 2 >= MANY_LAYERS else _LARGE
    middles = [number * measures.pitch + measures.height / 2 for number in range(len(rows))]
    marks: list[Mark] = []
    for row, middle in zip(rows, middles, strict=True):
        marks.extend(_ground(row, middle, width, measures, theme))
    centers = dict(zip((row.name for row in rows), middles, strict=True))
    marks.extend(join_marks(view.tape.network, centers, _THUMBNAIL_X, measures.thumbnail, theme))
    for row, middle in zip(rows, middles, strict=True):
        marks.extend(_content(view, row, middle, width, measures, theme))
    bottom = (len(rows) - 1) * measures.pitch + measures.height
    legend = _legend(bottom + 8, width, theme, view.scales.diverging or theme.diverging)
    return Scene(width, bottom + 56, theme.panel, (*marks, *legend), "network map")


def _ground(
    row: LayerRow, middle: float, width: float, measures: _Measures, theme: Theme
) -> Iterator[Mark]:
    """The tinted row, and the gutter with breakpoint and pointer."""
    top = middle - measures.height / 2
    fill = theme.here_tint if row.is_current else None
    gutter, layer = f"breakpoint:{row.name}", f"layer:{row.name}"
    yield Rect(0, top, GUTTER, measures.height, fill=fill, key=gutter)
    yield Rect(GUTTER, top, width - GUTTER, measures.height, fill=fill, key=layer)
    enabled = any(found.enabled for found in row.breakpoints)
    shown = [found for found in row.breakpoints if found.enabled == enabled]
    if row.is_current:
        yield from pointer_mark(middle, theme, hole=theme.panel if enabled else None)
    elif shown:
        conditional = all(found.condition for found in shown)
        yield from breakpoint_mark(
            12, middle, theme, enabled=enabled, conditional=conditional, key=gutter
        )


def _content(
    view: View, row: LayerRow, middle: float, width: float, measures: _Measures, theme: Theme
) -> Iterator[Mark]:
    size = measures.thumbnail
    picture = row_thumbnail(view, row.name, size, theme)
    yield Group(picture, dx=_THUMBNAIL_X, dy=round(middle - size / 2))
    upper, lower = middle - measures.line / 2, middle + measures.line / 2
    right = width - _MARGIN
    left_of_status = right
    if row.status:
        font = styles.ROW
        baseline = centered_baseline(upper, font)
        yield Text(right, baseline, row.status, font, theme.text_secondary, Anchor.END)
        left_of_status -= text_width(row.status, font) + 8
    name_font, font = measures.name, measures.summary
    name = elide(row.name, name_font, left_of_status - measures.text_x)
    yield Text(measures.text_x, centered_baseline(upper, name_font), name, name_font, theme.text)
    x = measures.text_x + text_width(name, name_font) + 4
    is_told = row.name == IMAGE_NAME and measures is _SMALL
    summary = "" if is_told else _shortened(row.summary, font, left_of_status - x)
    if len(summary) > 2:
        yield Text(x, centered_baseline(upper, font), summary, font, theme.text_secondary)
    left_of_bar = right
    if row.has_gradient:
        bar_width, bar_height = measures.bar
        box = Box(right - bar_width, round(lower - bar_height / 2), bar_width, bar_height)
        yield from sign_bar(row.counts, box, theme, view.scales.diverging)
        left_of_bar = box.x - 8
    yield from _shape(row, lower, left_of_bar, measures, theme)


def _shortened(summary: str, font: Font, room: float) -> str:
    """As many of the parts between commas as fit; the first one is cut if need be."""
    parts = summary.split(", ")
    for count in range(len(parts), 1, -1):
        text = ", ".join(parts[:count])
        if text_width(text, font) <= room:
            return text
    return elide(parts[0], font, room)


def _shape(
    row: LayerRow, middle: float, right: float, measures: _Measures, theme: Theme
) -> Iterator[Text]:
    """The output's shape; then what is wrong with its values, and with those of the gradient."""
    font = styles.INDEX
    baseline = centered_baseline(middle, font)
    if row.counts is not None and row.counts.not_finite:
        strong = Font("JetBrains Mono", 11, 600)
        yield Text(right, baseline, "NaN", strong, theme.not_finite, Anchor.END)
        right -= text_width("NaN", strong) + 6
    words = text_width(row.health, font) + 6 if row.health else 0.0
    shape = elide(row.shape, font, right - measures.text_x - words)
    yield Text(measures.text_x, baseline, shape, font, theme.text_secondary)
    if row.health:
        x = measures.text_x + text_width(shape, font) + 6
        yield Text(x, baseline, row.health, font, theme.not_finite)


def _legend(top: float, width: float, theme: Theme, diverging: str) -> Iterator[Mark]:
    negative, positive = sign_colors(diverging)
    font = styles.LABEL
    entries = (("negative", negative), ("zero", theme.border_strong), ("positive", positive))
    used = sum(12 + text_width(word, font) for word, _ in entries)
    gap = min(14.0, (width - _THUMBNAIL_X - 4 - used) / 2)
    x, middle = float(_THUMBNAIL_X), top + 10
    for word, color in entries:
        yield Rect(round(x), middle - 4, 8, 8, fill=color, radius=2)
        yield Text(x + 12, centered_baseline(middle, font), word, font, theme.text_secondary)
        x += 12 + text_width(word, font) + gap
    text = elide("Share of gradient values by sign", font, width - _THUMBNAIL_X - _MARGIN)
    baseline = centered_baseline(middle + 20, font)
    yield Text(_THUMBNAIL_X, baseline, text, font, theme.text_secondary)


ROW: Final = 28
_TITLE_X: Final = 28
_VALUE_X: Final = 92
_LINE: Final = 16
_LONGEST_COUNT: Final = 9999
"""Larger numbers of steps are told as a percentage."""


def call_stack(view: View, width: float, theme: Theme) -> Scene:
    """One row of 28 px a level that the focus has; the current one is tinted."""
    here = () if view.has_no_focus else frames_at(view.timeline, view.state.k, view.state.depth)
    frames = here or (BlockFrame(Depth.PASS, "pass", 0, 1, 0, view.timeline.steps),)
    rows = [
        mark
        for number, frame in enumerate(frames)
        for mark in _call_stack_row(
            view, frame, number * ROW, width, theme, is_current=frame is frames[-1]
        )
    ]
    height = len(frames) * ROW
    hint = list(_hint(view, frames, height, width, theme))
    height += len(hint) * _LINE + 2 * 8 if hint else 0
    return Scene(width, height, theme.panel, (*rows, *hint), "call stack")


def _call_stack_row(
    view: View, frame: BlockFrame, top: int, width: float, theme: Theme, *, is_current: bool
) -> Iterator[Mark]:
    middle, key = top + ROW / 2, f"depth:{frame.depth.title}"
    yield Rect(0, top, width, ROW, fill=theme.here_tint if is_current else None, key=key)
    if is_current and not view.has_no_focus:
        yield from pointer_mark(middle, theme)
    title, value = _told(view, frame)
    yield _text(_TITLE_X, middle, title, styles.ROW, theme.text_secondary)
    count = _count(view, frame)
    yield _text(width - _MARGIN, middle, count, styles.INDEX, theme.text_secondary, Anchor.END)
    font = styles.PANEL_TITLE if is_current else styles.ROW
    room = width - _MARGIN - text_width(count, styles.INDEX) - 8 - _VALUE_X
    yield _text(_VALUE_X, middle, elide(value, font, room), font, theme.text)


def _text(
    x: float, middle: float, text: str, font: Font, color: str, anchor: Anchor = Anchor.START
) -> Text:
    return Text(x, centered_baseline(middle, font), text, font, color, anchor)


def _told(view: View, frame: BlockFrame) -> tuple[str, str]:
    """The level's name, a tensor's being what it is, and which block of the level it is."""
    title = frame.depth.title.capitalize()
    if frame.depth is Depth.PASS:
        stand = "finished" if view.is_done else "training step" if view.has_begun else "not begun"
        return title, stand
    if frame.depth <= Depth.LAYER:
        return title, frame.name if frame.depth is Depth.LAYER else frame.name.capitalize()
    if frame.depth is not Depth.TENSOR:
        return title, _coordinates(view, frame)
    operation = view.timeline.operations[view.timeline.operation_at(frame.start)]
    target = operation.nest.target
    if operation.phase is Phase.UPDATE:
        return "Update", view.notation.short(target)
    if target.is_gradient:
        return "Gradient", view.notation.short(target)
    return "Output" if target.quantity in {"output", "loss"} else "Tensor", target.quantity


def _coordinates(view: View, frame: BlockFrame) -> str:
    """`2 ← 0` for filter and input channel, `[3, 1]` for an element, `y = 1, x = 0` for a term."""
    loops = view.timeline.loops(view.timeline.operation_at(frame.start))
    sizes = {axis.name: axis.size for axis in loops.axes}
    named = dict(frame.coordinates)
    several = {name: value for name, value in named.items() if sizes[name] > 1}
    if frame.depth is Depth.TERM:
        return ", ".join(f"{name} = {value}" for name, value in several.items()) or "the only one"
    sample = f"sample {several['n']}" if "n" in several else ""
    inner = [str(value) for name, value in named.items() if name != "n"]
    if frame.depth is Depth.CHANNEL:
        text = " ← ".join(inner)
    else:
        text = f"[{', '.join(inner)}]" if inner else ""
    return ", ".join(part for part in (sample, text) if part) or "the only one"


def _count(view: View, frame: BlockFrame) -> str:
    """Steps that have run of the level's steps; below the tensor its number among its siblings.

    A term's number is its place in the sum of its value.
    """
    if frame.depth is Depth.TERM:
        return "" if view.term is None else f"{view.term.number}/{view.term.count}"
    if frame.depth >= Depth.CHANNEL:
        return f"{frame.ordinal + 1}/{frame.total}"
    done, total = view.position - frame.start, frame.stop - frame.start
    if total <= _LONGEST_COUNT:
        return f"{done}/{total}"
    return f"{100 * done // total} %" if 100 * done >= total or not done else "<1 %"


def _hint(
    view: View, frames: tuple[BlockFrame, ...], top: int, width: float, theme: Theme
) -> Iterator[Text]:
    """What the arrow between two channels means."""
    channel = next((frame for frame in frames if frame.depth is Depth.CHANNEL), None)
    text = "" if channel is None else _coordinates(view, channel)
    if "←" not in text or channel is None:
        return
    values = [value for name, value in channel.coordinates if name != "n"]
    letters = [name for name, _ in channel.coordinates if name != "n"]
    first = "filter" if letters[0] == "f" else "channel"
    sentence = f"{text} means {first} {values[0]}, input channel {values[1]}."
    font = styles.LABEL
    for number, line in enumerate(wrap(sentence, font, width - _TITLE_X - _MARGIN)):
        baseline = centered_baseline(top + 8 + _LINE * (number + 0.5), font)
        yield Text(_TITLE_X, baseline, line, font, theme.text_tertiary)
