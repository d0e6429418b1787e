"""The stage of the loss, by its kind, forward and backward."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from backpropviz.engine.kinds.protocol import LOSS, LOSS_NAME, TARGET
from backpropviz.engine.nest import NestRule
from backpropviz.engine.value import Address, Array, shape_text
from backpropviz.figures.numbers import finite_values
from backpropviz.figures.stage import headings
from backpropviz.figures.stage.operation import placed_marks
from backpropviz.figures.stage.panel import Mood, Panel
from backpropviz.figures.stage.planes import Focus, Selection, known_plane, leading_dimensions
from backpropviz.figures.stage.slot_layout import place_slots
from backpropviz.figures.stage.slots import Slot
from backpropviz.figures.symbols import Notation
from backpropviz.figures.view import SAMPLE_KEY, View, arrow_words
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import CellState
from backpropviz.scene.marks import Anchor, Box, Color, Ellipse, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.text import (
    centered_baseline,
    elide,
    fixed,
    group_decimals,
    shown,
    shown_group,
    text_width,
)
from backpropviz.scene.theme import Theme

SAMPLE_LOSS: Final = Address(LOSS_NAME, "sample")
_TITLE, _ROW, _GAP = 26.0, 20.0, 24.0
_NARROWEST, _WIDEST = 176.0, 260.0
_NUMBER, _WORDS, _VALUE = 22.0, 56.0, 52.0


def loss_list(view: View, box: Box, theme: Theme) -> Iterator[Mark]:
    """As many columns as it takes; nothing where not all samples have room."""
    batch = view.tape.batch
    if batch == 1 or SAMPLE_LOSS not in view.tape:
        return
    down = int((box.height - _TITLE) // _ROW)
    across = -(-batch // down) if down > 0 else batch
    width = min(_WIDEST, (box.width + _GAP) / across - _GAP)
    if down < 1 or width < _NARROWEST:
        return
    done, total = view.steps_done(LOSS)
    what = "mean" if view.tape.network.loss.reduction == "mean" else "sum"
    made = f"; their {what} is the loss, {shown(view.tape.loss, 4)}" if done == total else ""
    title = f"Losses of all {batch} samples{made}"
    yield Text(box.x, box.y + 14, title, styles.BODY_STRONG, theme.text)
    rows = -(-batch // across)
    known = view.plane_status(SAMPLE_LOSS, (None,))
    largest = float(np.max(finite_values(known.values), initial=0.0)) or 1.0
    decimals = group_decimals(view.tape[SAMPLE_LOSS].ravel().tolist())
    for sample in range(batch):
        column, row = divmod(sample, rows)
        x, y = round(box.x + column * (width + _GAP)), box.y + _TITLE + row * _ROW
        value, place = float(known.values[sample]), Box(x, y, width, _ROW)
        text = fixed(value, decimals) if known.computed[sample] else ""
        yield from _line(view, sample, value, text, largest, place, theme)


def _line(
    view: View, sample: int, value: float, text: str, largest: float, box: Box, theme: Theme
) -> Iterator[Mark]:
    """A sample's number, target and loss; `text` is empty where that is not computed."""
    key, baseline, middle = f"{SAMPLE_KEY}{sample}", box.y + 14, box.y + box.height / 2
    stroke = Stroke(theme.here, 1.5) if sample == view.sample else None
    edges = (box.x - 4, box.y, box.width + 8, box.height - 1)
    yield Rect(*edges, fill=theme.stage + "00", stroke=stroke, radius=3.0, key=key)
    yield Text(box.x, baseline, str(sample), styles.MONO, theme.text_tertiary, key=key)
    words = elide(arrow_words(view, sample), styles.ROW, _WORDS)
    if words:
        yield Text(box.x + _NUMBER, baseline, words, styles.ROW, theme.text, key=key)
    if not text:
        yield Ellipse(box.right - 4, middle, 2.0, 2.0, fill=theme.text_tertiary)
        return
    yield Text(box.right, baseline, text, styles.MONO, theme.text, Anchor.END, key)
    room = box.width - _NUMBER - _WORDS - max(_VALUE, text_width(text, styles.MONO)) - 10
    if math.isfinite(value) and value > 0:
        x = box.x + _NUMBER + _WORDS
        yield Rect(x, middle - 4, max(1.0, room * value / largest), 8, fill=theme.loss, radius=2.0)


LARGEST_ROW, SMALLEST_ROW = 36, 18
_CLASS_BARS_GAP = 28
_NAMES_WIDEST = 130
_TARGET = "target"


@frozen(eq=False)
class BarColumn:
    """One value a class; `current` is the row in focus, `read` one that the step reads.

    `limits` and `decimals` are those of the whole array, so that they stay while it is computed.
    """

    address: Address
    title: str
    values: Array
    computed: Array
    color: Color
    limits: tuple[float, float]
    decimals: int
    prefix: tuple[int, ...] = ()
    signed: bool = False
    current: int | None = None
    read: int | None = None
    keys: tuple[int, ...] | None = None
    """The class of each value, where they are not all of them in order."""


@frozen
class ClassRows:
    """Whose bars stand in the rows: `names` of all classes, those shown, and the target."""

    names: tuple[str, ...]
    shown: range
    target: int


def rows_shown(count: int, height: float, near: int) -> range:
    """As many classes as fit; a page of them, where they do not all fit."""
    most = max(1, int((height - headings.CAPTION_HEIGHT - 14) // SMALLEST_ROW))
    if count <= most:
        return range(count)
    start = max(0, min(near // most * most, count - most))
    return range(start, start + most)


def row_height(count: int, box: Box) -> int:
    """Height of each of so many rows."""
    room = box.height - headings.CAPTION_HEIGHT - 14
    return min(LARGEST_ROW, int(room // max(1, count)))


def bars_bottom(count: int, box: Box) -> float:
    """Where the last row ends."""
    return box.y + headings.CAPTION_HEIGHT + 14 + count * row_height(count, box)


def bar_marks(
    columns: Sequence[BarColumn], rows: ClassRows, notation: Notation, box: Box, theme: Theme
) -> tuple[Mark, ...]:
    """Names at the left, then a column for each array."""
    names = [rows.names[k] for k in rows.shown]
    widest = max(text_width(name, styles.BODY_MEDIUM) for name in names)
    target_width = text_width(_TARGET, styles.LABEL_MEDIUM)
    left = min(widest, _NAMES_WIDEST) + target_width + 30
    top = box.y + headings.CAPTION_HEIGHT + 14
    height = row_height(len(names), box)
    step = (box.width - left + _CLASS_BARS_GAP) / len(columns)
    marks: list[Mark] = [*_names(rows, Box(box.x, top, left, height), box.width, theme)]
    for number, column in enumerate(columns):
        x = round(box.x + left + number * step)
        place = Box(x, box.y, round(step - _CLASS_BARS_GAP), box.height)
        caption = headings.Caption(column.address, column.title)
        marks.extend(headings.caption_marks(caption, notation, x, box.y, place.width, theme))
        marks.extend(_bars(column, rows, Box(x, top, place.width, height), theme))
    return tuple(marks)


def _names(rows: ClassRows, first: Box, width: float, theme: Theme) -> Iterator[Mark]:
    for number, k in enumerate(rows.shown):
        y = first.y + number * first.height
        baseline = centered_baseline(y + first.height / 2, styles.BODY_MEDIUM)
        is_target = k == rows.target
        if is_target:
            edges = (first.x - 6, y + 1, width + 12, first.height - 2)
            yield Rect(*edges, fill=theme.loss_tint, radius=4.0)
        font = styles.BODY_STRONG if is_target else styles.BODY_MEDIUM
        color = theme.loss if is_target else theme.text
        name = elide(rows.names[k], font, _NAMES_WIDEST)
        yield Text(first.x, baseline, name, font, color)
        if is_target:
            x = first.x + text_width(name, font) + 10
            yield Text(x, baseline, _TARGET, styles.LABEL_MEDIUM, theme.loss)


def _bars(column: BarColumn, rows: ClassRows, first: Box, theme: Theme) -> Iterator[Mark]:
    low, high = column.limits
    span = (high - low) or 1.0
    texts = [
        fixed(float(value), column.decimals, signed=column.signed) if known else ""
        for value, known in zip(column.values, column.computed, strict=True)
    ]
    room = max((text_width(text, styles.NUMBER_SMALL) for text in texts), default=0.0)
    width = first.width - room - 10
    axis = first.x + width * (-low / span)
    bottom = first.y + len(rows.shown) * first.height
    yield Line(axis, first.y, axis, bottom, Stroke(theme.border_strong))
    for number, k in enumerate(rows.shown):
        # A bar from the axis, its number at the right end of the row.
        row = Box(first.x, first.y + number * first.height, first.width, first.height)
        middle = row.y + row.height / 2
        category = k if column.keys is None else column.keys[k]
        key = str(column.address.at((*column.prefix, category)))
        yield Rect(row.x, row.y + 1, row.width, row.height - 2, fill=theme.stage + "00", key=key)
        if not column.computed[k]:
            yield Ellipse(row.right - 5, middle, 2.5, 2.5, fill=theme.text_tertiary)
        else:
            yield from _filled(column, k, row, (axis, width / span))
            font, ink = styles.NUMBER_SMALL, theme.text
            baseline = centered_baseline(middle, font)
            yield Text(row.right, baseline, texts[k], font, ink, Anchor.END, key)
        for place, color in ((column.read, theme.forward), (column.current, theme.here)):
            if place == k:
                edges = (row.x - 4, row.y + 1.5, row.width + 8, row.height - 3)
                yield Rect(*edges, stroke=Stroke(color, 2.0), radius=4.0)


def _filled(column: BarColumn, k: int, row: Box, scale: tuple[float, float]) -> Iterator[Mark]:
    value = float(column.values[k])
    if not math.isfinite(value) or value == 0:
        return
    axis, unit = scale
    length = max(1.0, abs(value) * unit)
    x = axis if value > 0 else axis - length
    height = max(6, round(row.height * 0.46))
    y = round(row.y + (row.height - height) / 2)
    yield Rect(x, y, length, height, fill=column.color, radius=2.0)


LOGITS = Address(LOSS_NAME, "input")
_EXP, _PROBABILITIES = Address(LOSS_NAME, "exp"), Address(LOSS_NAME, "probabilities")
_NARROW = 640
_DIGITS = 4


def cross_entropy_marks(
    view: View, focus: Focus | None, body: Box, theme: Theme
) -> tuple[Mark, ...]:
    """Bars for every class; below, the numbers that all classes share, up to the loss."""
    sample = view.sample
    target = int(view.tape[TARGET][sample])
    count = int(view.tape[LOGITS].shape[1])
    bars = Box(body.x, body.y, body.width, body.height - headings.FACT_HEIGHT - 20)
    near = _class(focus)
    shown_classes = rows_shown(count, bars.height, target if near is None else near)
    rows = ClassRows(class_names(view, count), shown_classes, target)
    columns = tuple(_column(view, focus, a, sample, theme) for a in _arrays(focus, bars))
    below = Box(body.x, bars_bottom(len(rows.shown), bars) + 20, body.width, headings.FACT_HEIGHT)
    rest = Box(body.x, below.bottom + 24, body.width, body.bottom - below.bottom - 24)
    p_label = f"p of the target {rows.names[target]}"
    facts = (
        scalar_fact(view, focus, _indexed(view, address, sample), label, color)
        for address, label, color in (
            (Address(LOSS_NAME, "max"), "largest logit", theme.forward),
            (Address(LOSS_NAME, "normalizer"), "Σ exp, shared by all", theme.forward),
            (_PROBABILITIES.at((sample, target)), p_label, theme.loss),
            (SAMPLE_LOSS, "−log p of the target", theme.loss),
            (LOSS, "loss", theme.loss),
        )
    )
    return (
        *bar_marks(columns, rows, view.notation, bars, theme),
        *headings.fact_marks(tuple(facts), below, theme),
        *loss_list(view, rest, theme),
    )


def class_names(view: View, count: int) -> tuple[str, ...]:
    """The model's names, or numbers."""
    names = view.model.class_names
    return names if len(names) == count else tuple(str(k) for k in range(count))


def _class(focus: Focus | None) -> int | None:
    """The class in focus: the element's or the term's."""
    if focus is None or not focus.is_element or len(focus.coordinates) < 2:
        return None
    is_scan = focus.nest.rule is not NestRule.FUNCTION
    return None if is_scan and len(focus.region[-1]) > 1 else focus.coordinates[1]


def _arrays(focus: Focus | None, box: Box) -> tuple[Address, ...]:
    """All four where there is room, else those that the step is about."""
    backward = focus is not None and focus.nest.target.is_gradient
    if box.width >= _NARROW:
        return LOGITS, _EXP, _PROBABILITIES, LOGITS.grad
    return (LOGITS, _PROBABILITIES, LOGITS.grad) if backward else (LOGITS, _EXP, _PROBABILITIES)


def _column(
    view: View, focus: Focus | None, address: Address, sample: int, theme: Theme
) -> BarColumn:
    known = view.plane_status(address, (sample, None))
    category = _class(focus)
    is_target = focus is not None and focus.nest.target == address
    reads = focus is not None and any(o.address == address for o in focus.loops.operands)
    # The ends of the bars' axis, 0 among them; a probability's are 0 and 1.
    values = view.tape[address]
    finite = values[np.isfinite(values)]
    limits = (0.0, 1.0)
    if finite.size and address != _PROBABILITIES:
        limits = (min(0.0, float(finite.min())), max(0.0, float(finite.max())))
    return BarColumn(
        address,
        _TITLES[address],
        np.asarray(known.values),
        np.asarray(known.computed),
        theme.backward if address.is_gradient else theme.forward,
        limits,
        group_decimals(values.ravel().tolist()),
        (sample,),
        signed=address.is_gradient,
        current=category if is_target else None,
        read=category if reads and not is_target else None,
    )


_TITLES = {
    LOGITS: "logits",
    _EXP: "exp(z − max)",
    _PROBABILITIES: "probability",
    LOGITS.grad: "p − [k = t]",
}


def _indexed(view: View, address: Address, sample: int) -> Address:
    has_samples = not address.indices and view.tape[address].ndim == 1
    return address.at((sample,)) if has_samples else address


def scalar_fact(
    view: View, focus: Focus | None, address: Address, label: str, color: Color
) -> headings.Fact:
    """One value as a fact, with what is known of it at the shown position."""
    known = view.plane_status(address.array, tuple(address.indices))
    computed, complete = bool(np.all(known.computed)), bool(np.all(known.complete))
    text = shown(float(known.values), _DIGITS) if computed else ""
    is_made = focus is not None and focus.is_element and focus.nest.target == address.array
    key = str(address)
    so_far = "" if complete or not computed else " so far"
    return headings.Fact(label + so_far, text, color, key, is_made and len(address.indices) < 2)


PREDICTION = Address(LOSS_NAME, "input")
_DIFFERENCE = Address(LOSS_NAME, "difference")
_FEW = 6


def squared_error_marks(
    view: View, focus: Focus | None, body: Box, theme: Theme
) -> tuple[Mark, ...]:
    """Prediction, target, difference and gradient side by side; the loss with its sum below."""
    # The plane in focus, of the sample that is shown.
    shape = view.tape[PREDICTION].shape
    leading = leading_dimensions(PREDICTION, len(shape))
    known = focus.coordinates[:leading] if focus is not None else ()
    first = (*known, *(0,) * (leading - len(known)))
    if view.tape.batch > 1 and leading:
        first = (view.sample, *first[1:])
    selection = (*first, *(None,) * (len(shape) - leading))
    signs = {PREDICTION: "", TARGET: "−", _DIFFERENCE: "=", PREDICTION.grad: ""}
    slots = tuple(
        _slot(view, focus, address, selection, sign, theme) for address, sign in signs.items()
    )
    below = headings.FACT_HEIGHT + 48
    top = Box(body.x, body.y, body.width, max(60.0, body.height - below))
    placed = place_slots(slots, top)
    bottom = max(grid.box.bottom for one in placed for grid in one.grids)
    y = min(bottom + 36, body.bottom - below)
    facts = Box(body.x, y + 28, body.width, headings.FACT_HEIGHT)
    sentence = elide(_sum_text(view), styles.MONO, body.width)
    return (
        *placed_marks(placed, view, theme),
        Text(body.x, y + 12, sentence, styles.MONO, theme.text_secondary),
        *headings.fact_marks((scalar_fact(view, focus, LOSS, "loss", theme.loss),), facts, theme),
    )


def _slot(
    view: View, focus: Focus | None, address: Address, selection: Selection, sign: str, theme: Theme
) -> Slot:
    found = known_plane(address, selection, view.plane_status(address, selection))
    moods = {}
    indices = focus.coordinates if focus is not None and focus.is_element else ()
    place = found.cell(indices) if len(indices) == len(selection) else None
    if focus is not None and place is not None:
        if focus.nest.target == address:
            moods[place] = Mood(CellState.CURRENT)
        elif any(o.address == address for o in focus.loops.operands):
            color = theme.loss if address == TARGET else theme.forward
            moods[place] = Mood(CellState.OPERAND, accent=color)
    scale = view.scales.of(PREDICTION if address == TARGET else address, theme)
    panel = Panel(found, scale, moods=moods, signed=address.is_gradient)
    titles = {PREDICTION: "prediction", TARGET: "target", _DIFFERENCE: "difference"}
    shape = shape_text(view.tape[address].shape[1:]) if found.values.size > 1 else ""
    title = titles.get(address, "gradient")
    return Slot(address, title, shape, "", (panel,), sign=sign)


def _sum_text(view: View) -> str:
    """`½ · (1² + 3² + (−2)² + 2²) = 9`, as soon as the loss is computed."""
    done, total = view.steps_done(LOSS)
    differences = view.tape[_DIFFERENCE].ravel().tolist()
    if done < total:
        return "the loss adds up the squared differences"
    nest = next(o.nest for o in view.timeline.operations if o.nest.target == LOSS)
    factors = [o.label for o in nest.by_target.operands if not o.index]
    texts = shown_group(differences[:_FEW])
    squares = [f"({t})²" if t.startswith("−") else f"{t}²" for t in texts]
    more = f" + … ({len(differences)} squares)" if len(differences) > _FEW else ""
    loss = shown_group([view.tape.loss])[0]
    inner = " + ".join(squares) + more
    grouped = f"({inner})" if factors and len(differences) > 1 else inner
    return " · ".join((*factors, grouped)) + f" = {loss}"


_FIGURES = {"classes": cross_entropy_marks, "differences": squared_error_marks}


def loss_stage(view: View, focus: Focus | None, body: Box, theme: Theme) -> tuple[Mark, ...] | None:
    """The loss's own figure, at any depth; None for another layer, or a kind without a figure."""
    if focus is not None and focus.operation.layer != LOSS_NAME:
        return None
    figure = _FIGURES.get(view.tape.network.loss.about.figure)
    return None if figure is None else figure(view, focus, body, theme)
