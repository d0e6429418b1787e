"""The nudge lab: the true loss as one value moves, against the tangent that its gradient predicts.

Teal is the loss by real forward passes, dashed violet the gradient's line, orange the value's
present place; ochre ticks are kinks. Everything but the present place stays where it is while the
value is dragged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Final

from backpropviz.engine.backprop import Forward
from backpropviz.engine.kinds.protocol import Crossing, Flip
from backpropviz.engine.nudge import (
    BasePoint,
    Nudge,
    Slope,
    ValueRole,
    kinks_between,
    nudged_pass,
    place,
)
from backpropviz.engine.optimizers import optimizer_kinds
from backpropviz.engine.value import Address
from backpropviz.figures.analysis.chart import (
    CURVE_WIDTH,
    Chart,
    ChartAxis,
    Label,
    chart,
    curve_marks,
    grid_marks,
    labels_beside,
    padded,
)
from backpropviz.figures.explain.explanation import StepCounter, counter_row
from backpropviz.figures.numbers import counted, group_texts, plain_power, said
from backpropviz.figures.symbols import PARAMETERS
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.flow import PanelPart, baseline
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Group,
    Line,
    Mark,
    Path,
    Rect,
    Scene,
    Stroke,
    Text,
)
from backpropviz.scene.text import MINUS, centered_baseline, elide, text_width, with_sign, wrap
from backpropviz.scene.theme import Theme

SAMPLES = 61


@frozen
class Kink:
    """A corner of the loss, and the δ at which it lies.

    The δ is between two passes: where a unit's input is 0 on the line through both, or the middle.
    """

    crossing: Crossing
    delta: float

    @property
    def address(self) -> Address:
        return self.crossing.address


@frozen
class LossCourse:
    """One value moved over a range: passes by ascending δ, and the kinks between them."""

    nudges: tuple[Nudge, ...]
    kinks: tuple[Kink, ...]
    is_parameter: bool

    @property
    def reach(self) -> tuple[float, float]:
        return self.nudges[0].delta, self.nudges[-1].delta


def course(
    point: BasePoint,
    address: Address,
    reach: float,
    samples: int = SAMPLES,
    stop: Callable[[], bool] = bool,
) -> LossCourse:
    """Nudges from −reach to +reach, an odd number of them so that one is at 0.

    Once `stop` says so it ends early: nobody waits for the rest.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    half = max(1, samples // 2)
    nudges: list[Nudge] = []
    kinks: list[Kink] = []
    last: Forward | None = None
    # A pass is let go once its successor is held against it: those of a large network are large.
    for k in takewhile(lambda _: not stop(), range(-half, half + 1)):
        nudge, run = nudged_pass(point, address, reach * k / half)
        if last is not None:
            left, right = nudges[-1].delta, nudge.delta
            found = kinks_between(point.network, last, last, run)
            kinks += (Kink(crossing, _place(crossing, left, right)) for crossing in found)
        nudges.append(nudge)
        last = run
    is_parameter = place(point, address).role is ValueRole.PARAMETER
    return LossCourse(tuple(nudges), tuple(kinks), is_parameter)


def crossed(point: BasePoint, run: Forward) -> tuple[Crossing, ...]:
    """The corners between the base and a nudged pass."""
    return tuple(kinks_between(point.network, point.forward, point.forward, run))


def kink_words(crossing: Crossing) -> str:
    """What happens at a kink, its address left aside: `input 0.0134 → −0.002`."""
    if isinstance(crossing, Flip):
        return f"input {_short(crossing.before)} → {_short(crossing.after)}"
    return f"winner {crossing.before} → {crossing.after}"


def first_named(kinks: Iterable[Crossing], most: int) -> tuple[tuple[Crossing, ...], int]:
    """The first kinks, one an address, and how many others there are."""
    found = list({kink.address: kink for kink in kinks}.values())
    return tuple(found[:most]), max(0, len(found) - most)


def _short(value: float) -> str:
    """Three digits, with a plain exponent: `−6.64e−6`."""
    return with_sign(plain_power(f"{value + 0.0:.3g}"), signed=False)


def _place(crossing: Crossing, left: float, right: float) -> float:
    if not isinstance(crossing, Flip) or crossing.before == crossing.after:
        return (left + right) / 2
    share = (crossing.before - crossing.corner) / (crossing.before - crossing.after)
    return left + min(1.0, max(0.0, share)) * (right - left)


def changes(nudge: Nudge) -> tuple[str, str]:
    """ΔL as the gradient predicts it and as it is, with the same decimals."""
    predicted, true = group_texts([nudge.predicted_change, nudge.true_change], 4, signed=True)
    return predicted, true


def name_of(nudge: Nudge) -> str:
    """`this weight`, `this pixel`, `this value`."""
    quantity = nudge.address.quantity
    known = {**{name: name for name in PARAMETERS}, "image": "pixel"}
    return f"this {known.get(quantity, 'value')}"


@frozen
class NextStep:
    """What the gradient alone would do, −η·g, and what the optimizer does with its state."""

    optimizer: str
    plain: float
    actual: float

    @property
    def follows_gradient(self) -> bool:
        """Whether both go the same way."""
        return (self.plain > 0) == (self.actual > 0) and (self.plain < 0) == (self.actual < 0)

    def words(self) -> str:
        """Both numbers, if they are two."""
        name = optimizer_kinds()[self.optimizer].about.title
        if math.isclose(self.plain, self.actual, rel_tol=1e-5, abs_tol=1e-12):
            return f"The next step is −η · gradient = {said(self.actual, signed=True)}."
        plain, actual = group_texts([self.plain, self.actual], 3, signed=True)
        return f"−η · gradient = {plain}, but {name}’s next step, with state or decay, is {actual}."


def verdict(nudge: Nudge, *, is_parameter: bool, step: NextStep | None = None) -> str:
    """What the move does to the loss, and what follows for the update."""
    told = _verdict(nudge, is_parameter=is_parameter)
    if step is None or step.follows_gradient or not is_parameter:
        return told
    # The optimizer's state may outweigh the gradient: then the gradient is not what is followed.
    meant = told.replace("the update goes", "the gradient alone leads")
    meant = meant.replace("the update", "the gradient alone")
    way = "leaves" if step.actual == 0 else "raises" if step.actual > 0 else "lowers"
    return f"{meant} With what it keeps of earlier steps, the optimizer {way} it."


def _verdict(nudge: Nudge, *, is_parameter: bool) -> str:
    if nudge.delta == 0:
        subject = name_of(nudge)
        if nudge.slope is Slope.FLAT:
            return f"The gradient is 0: a small nudge of {subject} changes nothing."
        start = f"Raising {subject} by a little {nudge.slope.value} the loss"
        return f"{start}, so the update {_update(nudge)} it." if is_parameter else f"{start}."
    move = "Raising" if nudge.delta > 0 else "Lowering"
    start = f"{move} {name_of(nudge)} by {said(abs(nudge.delta))}"
    if not math.isfinite(nudge.true_change):
        return f"{start} makes the loss {said(nudge.loss)}."
    effect = _effect(nudge)
    if not nudge.keeps_prediction:
        return f"{start} {effect}, {_contradiction(nudge)}."
    if nudge.slope is Slope.FLAT:
        kept = ", so the update leaves it" if is_parameter else ""
        return f"{start} {effect}: the gradient is 0{kept}."
    if not is_parameter:
        return f"{start} {effect}, as its gradient says."
    if nudge.follows_update:
        return f"{start} {effect}: that is where the update goes."
    return f"{start} {effect}, so the update {_update(nudge)} it."


def _effect(nudge: Nudge) -> str:
    if nudge.true_change == 0:
        return "leaves the loss as it is"
    verb = "raises" if nudge.true_change > 0 else "lowers"
    size = changes(nudge)[1].removeprefix("+").removeprefix(MINUS)
    return f"{verb} the loss by {size}"


def _contradiction(nudge: Nudge) -> str:
    if nudge.slope is Slope.FLAT:
        return "though the gradient here is 0: the slope changes on the way"
    predicted = changes(nudge)[0]
    return f"though the gradient predicts {predicted}: so far the tangent does not hold"


def _update(nudge: Nudge) -> str:
    return "raises" if nudge.slope.update > 0 else "lowers"


HANDLE: Final = "nudge:"
"""Before the δ in the handle's key."""
_PADDING, _LINE, _COUNTERS = 16.0, 22.0, 44.0
_LEGEND, _ROW, _MOST_NAMED = 24.0, 18.0, 3
_MARGIN: Final = 92.0
"""Room at the right for the two changes."""
_DASH: Final = (6.0, 4.0)
_KINK: Final = "kink"
_WORDS: Final = ("true loss, by forward passes", "tangent: what the gradient predicts", _KINK)
_FEW_WORDS: Final = ("true loss", "tangent", _KINK)
_KEY_WIDTH: Final = 26.0


@frozen
class NudgeFrame:
    """Where things lie in a nudge figure of some size, whatever the present δ is."""

    plane: Chart
    sentence_lines: int
    reach: tuple[float, float]

    def x_of(self, delta: float) -> float:
        return self.plane.x_at(delta)

    def delta_at(self, x: float) -> float:
        """The δ at a pixel, within the range of the course."""
        low, high = self.reach
        return min(high, max(low, self.plane.value_at(x)))


def nudge_frame(course: LossCourse, width: float, height: float) -> NudgeFrame:
    """The places of a figure; the same for every δ, so that nothing jumps while it is dragged."""
    lines = 2 if width >= 560 else 3
    top = _PADDING + lines * _LINE + 8 + _COUNTERS + 8 + _LEGEND
    bottom = height - _PADDING - (_MOST_NAMED + 1) * _ROW - 10
    margin = _MARGIN if width >= 480 else 0.0
    outer = Box(_PADDING, top, width - 2 * _PADDING - margin, max(72.0, bottom - top))
    low, high = course.reach
    least = 1e-9 * max(1.0, abs(course.nudges[0].base_loss))
    losses = padded(_changes_shown(course), 0.1, least)
    plane = chart(outer, ChartAxis(low, high), ChartAxis(*losses), signed=(True, True))
    return NudgeFrame(plane, lines, course.reach)


def _changes_shown(course: LossCourse) -> Iterator[float]:
    """All true changes, and as much of the tangent as does not make them flat."""
    true = [nudge.true_change for nudge in course.nudges if math.isfinite(nudge.true_change)]
    yield from true
    if true and math.isfinite(course.nudges[0].gradient):
        low, high = min(true), max(true)
        for delta in course.reach:
            predicted = course.nudges[0].gradient * delta
            yield min(max(predicted, low - (high - low) / 2), high + (high - low) / 2)


def nudge_figure(
    course: LossCourse,
    current: Nudge,
    crossed: Sequence[Crossing],
    width: float,
    height: float,
    theme: Theme,
    step: NextStep | None = None,
) -> Scene:
    """A moved value and its loss; `crossed` are the kinks between 0 and the present δ.

    `step` is what the optimizer does next. The handle's key is `nudge:<δ>`; `nudge_frame` turns a
    pointer's x into the next δ.
    """
    frame = nudge_frame(course, width, height)
    plane = frame.plane
    inner = width - 2 * _PADDING
    y = _PADDING + frame.sentence_lines * _LINE + 8
    told = verdict(current, is_parameter=course.is_parameter, step=step)
    row = _counter_row(current, inner, theme)
    marks = (
        *_sentence(told, frame, inner, theme),
        Group(row.marks, dy=y),
        *_legend(y + _COUNTERS + 8, inner, theme),
        *grid_marks(plane, theme),
        *_base_lines(plane, theme),
        *_kink_ticks(course, plane, theme),
        *_curves(course, plane, theme),
        *_present(current, plane, width, theme),
        *_names(current, crossed, plane.box.bottom + 34, inner, theme),
    )
    return Scene(width, height, theme.panel, marks, f"nudge {current.address}")


def _sentence(text: str, frame: NudgeFrame, width: float, theme: Theme) -> Iterator[Mark]:
    font = styles.SENTENCE
    lines = wrap(text, font, width)
    if len(lines) > frame.sentence_lines:
        font = styles.BODY_STRONG
        lines = wrap(text, font, width)
    for k, line in enumerate(lines[: frame.sentence_lines]):
        yield Text(_PADDING, baseline(_PADDING + k * _LINE, _LINE, font), line, font, theme.text)


def _counter_row(nudge: Nudge, width: float, theme: Theme) -> PanelPart:
    """As many counters as fit into one row, the two changes always."""
    before, after = group_texts([nudge.value, nudge.value + nudge.delta], 4)
    predicted, true = changes(nudge)
    value = StepCounter("Value", f"{before} → {after}", theme.here, str(nudge.address))
    pair = (
        StepCounter("ΔL predicted", predicted, theme.backward),
        StepCounter("ΔL true", true, theme.forward),
    )
    told = replace(pair[0], label="ΔL predicted: gradient · δ")
    off = StepCounter("Tangent is off by", _off(nudge), theme.text)
    options = ((value, told, pair[1], off), (value, *pair, off), (value, *pair))
    rows = (counter_row(option, width, _PADDING, theme) for option in options)
    fitting = (row for row in rows if row.height <= _COUNTERS)
    return next(fitting, None) or counter_row(pair, width, _PADDING, theme)


def _off(nudge: Nudge) -> str:
    """The relative error of the prediction."""
    error = nudge.error
    if error is None:
        return "0 %"
    return f"{100 * error:.3g} %" if math.isfinite(error) else said(error)


def _legend(top: float, width: float, theme: Theme) -> Iterator[Mark]:
    """What the lines are, in fewer words where there is less room."""
    words = _WORDS
    if sum(_KEY_WIDTH + text_width(word, styles.LABEL) + 18 for word in words) > width:
        words = _FEW_WORDS
    strokes = (
        Stroke(theme.forward, CURVE_WIDTH),
        Stroke(theme.backward, CURVE_WIDTH, _DASH),
        Stroke(theme.loss, 2.0),
    )
    x, middle, font = _PADDING, top + 6, styles.LABEL
    for word, stroke in zip(words, strokes, strict=True):
        if word == _KINK:
            yield Line(x + 10, middle - 5, x + 10, middle + 5, stroke)
        else:
            yield Line(x, middle, x + 20, middle, stroke)
        baseline_y = centered_baseline(middle, font)
        yield Text(x + _KEY_WIDTH, baseline_y, word, font, theme.text_secondary)
        x += _KEY_WIDTH + text_width(word, font) + 18


def _base_lines(plane: Chart, theme: Theme) -> Iterator[Mark]:
    """Where the value and the loss are without a nudge."""
    box, stroke = plane.box, Stroke(theme.border_strong)
    x, y = round(plane.x_at(0)) + 0.5, round(plane.y_at(0)) + 0.5
    yield Line(x, box.y, x, box.bottom, stroke)
    if box.y <= y <= box.bottom:
        yield Line(box.x, y, box.right, y, stroke)


def _kink_ticks(course: LossCourse, plane: Chart, theme: Theme) -> Iterator[Mark]:
    """One tick a pixel, with the address of the first kink that lies there."""
    drawn: set[int] = set()
    for kink in course.kinks:
        x = round(plane.x_at(kink.delta))
        if x not in drawn:
            drawn.add(x)
            bottom = plane.box.bottom
            yield Line(x, bottom - 9, x, bottom, Stroke(theme.loss, 1.5), str(kink.address))


def _curves(course: LossCourse, plane: Chart, theme: Theme) -> Iterator[Mark]:
    low, high = course.reach
    slope = course.nudges[0].gradient
    tangent = ((low, slope * low), (high, slope * high))
    yield from curve_marks(plane, tangent, Stroke(theme.backward, CURVE_WIDTH, _DASH))
    points = [(nudge.delta, nudge.true_change) for nudge in course.nudges]
    yield from curve_marks(plane, points, Stroke(theme.forward, CURVE_WIDTH))


def _present(nudge: Nudge, plane: Chart, width: float, theme: Theme) -> Iterator[Mark]:
    """The handle on the axis, the two losses above it, and how far they are from the base."""
    key = f"{HANDLE}{nudge.delta!r}"
    x, box = plane.x_at(nudge.delta), plane.box
    yield Line(x, box.y, x, box.bottom, Stroke(theme.here, 1.5), key)
    ends = (
        (nudge.predicted_change, theme.backward, "predicted"),
        (nudge.true_change, theme.forward, "true"),
    )
    for change, color, _ in ends:
        y = plane.y_at(change)
        if math.isfinite(y) and box.y - 1 <= y <= box.bottom + 1:
            yield Ellipse(x, y, 4.5, 4.5, fill=color, stroke=Stroke(theme.panel, 1.5), key=key)
    if box.right + _MARGIN <= width - _PADDING + 1:
        yield from _brackets(nudge, plane, theme)
    yield Rect(x - 10, box.bottom - 10, 20, 20, fill=theme.panel + "00", key=key)
    yield Ellipse(x, box.bottom, 7, 7, fill=theme.here, stroke=Stroke(theme.panel, 2.0), key=key)


def _brackets(nudge: Nudge, plane: Chart, theme: Theme) -> Iterator[Mark]:
    """Beside the plane, from the base to each loss, with the number."""
    predicted, true = changes(nudge)
    base = plane.y_at(0)
    labels: list[Label] = []
    entries = (
        (predicted, nudge.predicted_change, theme.backward, 8.0),
        (true, nudge.true_change, theme.forward, 16.0),
    )
    for text, change, color, offset in entries:
        if not math.isfinite(change):
            continue
        end = min(max(plane.y_at(change), plane.box.y), plane.box.bottom)
        is_whole = end == plane.y_at(change)
        yield from _bracket(plane.box.right + offset, base, end, color, is_whole=is_whole)
        labels.append(Label(text, end, color, styles.NUMBER_SMALL))
    room = (plane.box.y - 6, plane.box.bottom + 6)
    yield from labels_beside(labels, plane.box.right + 24, _MARGIN - 24, room)


def _bracket(x: float, base: float, end: float, color: Color, *, is_whole: bool) -> Iterator[Mark]:
    """Closed where the loss lies; an arrow where it lies beyond the plane."""
    stroke = Stroke(color, CURVE_WIDTH)
    if not is_whole:
        yield Path(((x - 4, base), (x, base), (x, end)), stroke, arrow=True)
    elif abs(end - base) >= 1:
        yield Path(((x - 4, base), (x, base), (x, end), (x - 4, end)), stroke)
    else:
        yield Line(x - 4, base, x, base, stroke)


def _names(
    nudge: Nudge, crossed: Sequence[Crossing], top: float, width: float, theme: Theme
) -> Iterator[Mark]:
    """The kinks between 0 and δ, the first few by name."""
    named, others = first_named(crossed, _MOST_NAMED)
    font, ink = styles.LABEL, theme.text_secondary
    title = "No kink lies between 0 and δ: the loss has no corner there."
    if nudge.delta == 0:
        title = "Drag the handle to nudge the value; kinks on the way are named here."
    elif named:
        count = counted(len(named) + others, "kink")
        more = f", the first {len(named)}" if others else ""
        title = f"{count} between 0 and δ{more}:"
    line = elide(title, font, width)
    yield Text(_PADDING, baseline(top, _ROW, font), line, font, theme.loss if named else ink)
    for k, crossing in enumerate(named):
        y = baseline(top + (k + 1) * _ROW, _ROW, styles.INDEX)
        name = elide(str(crossing.address), styles.INDEX, width)
        key = str(crossing.address)
        yield Text(_PADDING, y, name, styles.INDEX, theme.text, Anchor.START, key)
        x = _PADDING + text_width(name, styles.INDEX) + 12
        words = elide(kink_words(crossing), font, _PADDING + width - x)
        if len(words) > 4:
            yield Text(x, y, words, font, ink)
