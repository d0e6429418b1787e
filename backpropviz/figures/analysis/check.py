"""A gradient check as a table: the worst values first, each with its verdict and its kinks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from backpropviz.engine.conventions import (
    OPTIONS,
    STANDARD,
    Convention,
    Evidence,
    Option,
    Side,
    Verdict,
)
from backpropviz.engine.gradcheck import ABSOLUTE, Checked, Outcome, Report, closer_text, verdict
from backpropviz.engine.nudge import Band
from backpropviz.engine.tape import ArrayChange, Comparison
from backpropviz.figures.analysis.finite_difference import band_colors, small
from backpropviz.figures.analysis.nudge import kink_words
from backpropviz.figures.numbers import counted, group_texts, plain_power, said
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.flow import PanelPart, baseline, paragraph, space, stacked
from backpropviz.scene.marks import (
    Anchor,
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
from backpropviz.scene.text import centered_baseline, elide, text_width, with_sign
from backpropviz.scene.theme import Theme

HEIGHT: Final = 24.0
_ICON: Final = 22.0
_ABOVE: Final = 10.0


def outcome_colors(outcome: Outcome, theme: Theme) -> tuple[Color, Color]:
    """Ink and tint: green agrees, ochre is a kink, red is wrong."""
    return {
        Outcome.AGREES: (theme.ok, theme.ok + "1F"),
        Outcome.KINK: (theme.loss, theme.loss_tint),
        Outcome.FAILS: (theme.breakpoint, theme.alert_fill),
    }[outcome]


def badge(
    checked: Checked, width: float, theme: Theme, x: float = 0.0, *, also: str = ""
) -> PanelPart:
    """`✓ analytic = finite difference  3e−9`, shorter where there is less room.

    `also` names a further source that gives the same number. Its key is the gradient's address.
    """
    ink, tint = outcome_colors(checked.outcome, theme)
    error = error_text(checked)
    font = styles.LABEL_MEDIUM
    used = _ICON + (text_width(error, styles.INDEX) + 18 if error else 10)
    options: tuple[str, ...] = {
        Outcome.AGREES: ("analytic = finite difference", "= finite difference", "agrees"),
        Outcome.KINK: ("a kink lies within ±h: no verdict", "kink within ±h", "kink"),
        Outcome.FAILS: ("analytic ≠ finite difference", "≠ finite difference", "wrong"),
    }[checked.outcome]
    if checked.error is None:
        options = ("analytic = finite difference = 0", "both are 0", "both 0")
    if also and checked.outcome is Outcome.AGREES:
        options = (f"{options[0]} = {also}", *options)
    fitting = (text for text in options if text_width(text, styles.LABEL_MEDIUM) <= width - used)
    words = elide(next(fitting, options[-1]), font, width - used)
    key = str(checked.address.grad)
    length = used + text_width(words, font)
    middle = HEIGHT / 2
    marks: list[Mark] = [
        Rect(x, 1, length, HEIGHT - 2, fill=tint, radius=6.0, key=key),
        *sign(checked.outcome, x + 13, middle, ink),
        Text(x + _ICON, centered_baseline(middle, font), words, font, ink, key=key),
    ]
    if error:
        place = x + _ICON + text_width(words, font) + 8
        baseline = centered_baseline(middle, styles.INDEX)
        marks.append(Text(place, baseline, error, styles.INDEX, theme.text, key=key))
    return PanelPart(tuple(marks), HEIGHT)


def under_badge(checked: Checked, also: str, found: Scene, theme: Theme) -> Scene:
    """A figure with the verdict on its value above it."""
    inset = 16.0
    above = badge(checked, found.width - 2 * inset, theme, inset, also=also)
    marks = (Group(above.marks, dy=_ABOVE), Group(found.marks, dy=_ABOVE + HEIGHT))
    height = found.height + _ABOVE + HEIGHT
    return Scene(found.width, height, found.background, marks, found.title)


def sign(outcome: Outcome, x: float, y: float, ink: Color) -> tuple[Mark, ...]:
    """A check, a corner, a cross: told apart without color."""
    stroke = Stroke(ink, 1.75)
    if outcome is Outcome.AGREES:
        return (Path(((x - 4, y), (x - 1, y + 3.5), (x + 4.5, y - 3.5)), stroke),)
    if outcome is Outcome.KINK:
        return (
            Path(((x - 5, y + 2.5), (x, y + 2.5), (x + 4, y - 4)), stroke),
            Ellipse(x, y + 2.5, 2.0, 2.0, fill=ink),
        )
    return (
        Line(x - 3.5, y - 3.5, x + 3.5, y + 3.5, stroke),
        Line(x - 3.5, y + 3.5, x + 3.5, y - 3.5, stroke),
    )


def error_text(checked: Checked) -> str:
    """The relative error; nothing where both are 0 or it says nothing."""
    if checked.error is None or checked.band is Band.BOTH_ZERO:
        return ""
    return small(checked.error)


SHOWN: Final = 40
_PADDING, _ROW, _NOTE = 16.0, 24.0, 18.0
_GAP, _LEAST_NAME, _SIGN = 20.0, 150.0, 18.0
_NUMBERS: Final = styles.NUMBER_SMALL


@frozen
class _Column:
    """A heading above texts, from `x` on; `is_right` puts them at the right edge."""

    title: str
    texts: tuple[str, ...]
    font: Font
    is_right: bool = True
    x: float = 0.0

    @property
    def width(self) -> float:
        texts = max((text_width(text, self.font) for text in self.texts), default=0.0)
        return max(texts, text_width(self.title, styles.LABEL))

    def cell(self, text: str, y: float, font: Font, ink: Color) -> Text:
        """A text of the column on a baseline."""
        if self.is_right:
            return Text(self.x + self.width, y, text, font, ink, Anchor.END)
        return Text(self.x, y, text, font, ink)


def check_figure(report: Report, width: float, theme: Theme, shown: int = SHOWN) -> Scene:
    """The verdict, how many values each band has, and the `shown` worst ones.

    A row's key is the value's address, that of the line below it the kink's.
    """
    inner = width - 2 * _PADDING
    listed = report.results[:shown]
    words = verdict(report).replace("PASSED: ", "").replace("FAILED: ", "")
    parts = [
        paragraph(words, styles.SENTENCE, 22, theme.text, inner, _PADDING),
        space(4),
        paragraph(scope(report), styles.BODY, 20, theme.text_secondary, inner, _PADDING),
        space(12),
        _counts(report, inner, theme),
        space(12),
        _table(listed, inner, theme),
    ]
    others = len(report.results) - len(listed)
    if others > 0:
        text = f"and {counted(others, 'value')} more, each of them closer"
        parts += [
            space(6),
            paragraph(text, styles.LABEL, 16, theme.text_secondary, inner, _PADDING),
        ]
    column = stacked(parts, _PADDING)
    return Scene(width, column.height + _PADDING, theme.panel, column.marks, "gradient check")


def scope(report: Report) -> str:
    """What was checked, and how."""
    plan = report.plan
    what = f"All {plan.count:,} values"
    if not plan.is_complete:
        what = (
            f"{plan.count:,} of {plan.size:,} values, at most {plan.per_array:,} of each array, "
            f"drawn with seed {plan.seed}"
        )
    if not report.is_finished:
        what += f"; stopped after {len(report.results):,}"
    return f"{what}. Central differences in float64 with h = {small(report.h)}."


def _counts(report: Report, width: float, theme: Theme) -> PanelPart:
    """A colored square, the band's words and its count, on as many lines as they need."""
    judged = [result for result in report.results if result.outcome is not Outcome.KINK]
    entries = [
        (band.words, sum(result.band is band for result in judged), band_colors(band, theme)[0])
        for band in Band
    ]
    kinks = report.outcomes.get(Outcome.KINK, 0)
    entries.append(("kink within ±h", kinks, theme.loss))
    marks: list[Mark] = []
    x, y, font = _PADDING, 0.0, styles.ROW
    for words, count, color in (entry for entry in entries if entry[1]):
        number = f"{count:,}"
        used = 14 + text_width(words, font) + 6 + text_width(number, _NUMBERS)
        if x > _PADDING and x + used > _PADDING + width:
            x, y = _PADDING, y + 20
        line = baseline(y, 20, font)
        marks.append(Rect(x, y + 6, 8, 8, fill=color, radius=2.0))
        marks.append(Text(x + 14, line, words, font, theme.text_secondary))
        place = x + 14 + text_width(words, font) + 6
        marks.append(Text(place, line, number, _NUMBERS, theme.text))
        x += used + 18
    return PanelPart(tuple(marks), y + 20)


def _table(results: Sequence[Checked], width: float, theme: Theme) -> PanelPart:
    columns, name_width = _fitting(_columns(results), width)
    font, ink = styles.LABEL, theme.text_secondary
    y, text = baseline(0, _ROW, font), elide("value, the worst first", font, name_width)
    marks: list[Mark] = [Text(_PADDING, y, text, font, ink)]
    marks += (column.cell(column.title, y, font, ink) for column in columns)
    y = _ROW
    for number, result in enumerate(results):
        marks.extend(_row(result, number, columns, y, (name_width, width), theme))
        y += _ROW
        if result.kinks:
            kink = result.kinks[0]
            others = result.kink_count - 1
            more = f", and {others:,} more" if others else ""
            text = f"within ±h {kink.address}: {kink_words(kink)}{more}{closer_text(result)}"
            shown = elide(text, font, width - 12)
            place = baseline(y - 4, _NOTE, font)
            marks.append(Text(_PADDING + 12, place, shown, font, theme.loss, key=str(kink.address)))
            y += _NOTE
    return PanelPart(tuple(marks), y)


def _columns(results: Sequence[Checked]) -> tuple[_Column, ...]:
    return (
        _Column("analytic", tuple(pair_texts(r)[0] for r in results), _NUMBERS),
        _Column("finite difference", tuple(pair_texts(r)[1] for r in results), _NUMBERS),
        _Column("relative error", tuple(map(error_text, results)), _NUMBERS),
        _Column("verdict", tuple(map(_words, results)), styles.ROW, is_right=False),
    )


def pair_texts(result: Checked) -> tuple[str, str]:
    """Both numbers with nine digits, enough to see where they part; integers as integers."""
    pair = result.analytic, result.numeric
    texts = [f"{value + 0.0:.9g}" for value in pair]
    if any("." in text for text in texts):
        texts = [f"{value:#.9g}" if value else "0" for value in pair]
    analytic, numeric = (with_sign(plain_power(text), signed=False) for text in texts)
    return analytic, numeric


def _words(result: Checked) -> str:
    if result.outcome is Outcome.KINK:
        return "kink"
    return "wrong" if result.outcome is Outcome.FAILS else result.band.words


def _fitting(columns: tuple[_Column, ...], width: float) -> tuple[list[_Column], float]:
    """The columns that leave the address some room: the verdict first, then the error."""
    for kept in (columns, columns[2:], columns[3:]):
        name_width = width - sum(column.width + _GAP for column in kept) - _SIGN
        if name_width >= _LEAST_NAME:
            break
    name_width = max(40.0, name_width)
    placed, x = [], _PADDING + name_width + _GAP
    for column in kept:
        x += 0.0 if column.is_right else _SIGN
        placed.append(replace(column, x=x))
        x += column.width + _GAP
    return placed, name_width


def _row(
    result: Checked,
    number: int,
    columns: Sequence[_Column],
    top: float,
    widths: tuple[float, float],
    theme: Theme,
) -> Iterator[Mark]:
    key = str(result.address)
    ink = outcome_colors(result.outcome, theme)[0]
    if result.outcome is Outcome.AGREES:
        ink = band_colors(result.band, theme)[0]
    yield Line(_PADDING, top + 0.5, _PADDING + widths[1], top + 0.5, Stroke(theme.border))
    yield Rect(_PADDING, top + 1, widths[1], _ROW - 1, fill=theme.panel + "00", key=key)
    name = elide(key, styles.MONO, widths[0])
    y = baseline(top, _ROW, styles.MONO)
    yield Text(_PADDING, y, name, styles.MONO, theme.text, key=key)
    for column in columns:
        if not column.is_right:
            yield from sign(result.outcome, column.x - _SIGN / 2 - 2, top + _ROW / 2, ink)
        color = theme.text if column.is_right else ink
        y = baseline(top, _ROW, column.font)
        yield column.cell(column.texts[number], y, column.font, color)


TITLES: Final[Mapping[Convention, str]] = MappingProxyType(
    {
        "ties": "Ties in max-pooling",
        "relu_at_zero": "Slope of ReLU at 0",
        "reduction": "Losses of a batch",
        "flip": "Kernels",
    }
)
_NAMES: Final[Mapping[tuple[Convention, Option], str]] = MappingProxyType(
    {
        ("ties", "first"): "the first takes all",
        ("ties", "all"): "each takes all",
        ("ties", "shared"): "shared evenly",
        ("relu_at_zero", 0.0): "0",
        ("relu_at_zero", 0.5): "½",
        ("relu_at_zero", 1.0): "1",
        ("reduction", "mean"): "mean",
        ("reduction", "sum"): "sum",
        ("flip", False): "as they are",
        ("flip", True): "turned by 180°",
    }
)
_SIDES: Final[Mapping[Side, str]] = MappingProxyType(
    {Side.LEFT: "from the left", Side.CENTER: "central", Side.RIGHT: "from the right"}
)
_CHOICE, _HEAD = 32.0, 22.0
_MOST_CHANGES: Final = 8


def option_name(convention: Convention, option: Option) -> str:
    """What a choice is called beside its switch."""
    return _NAMES[convention, option]


def conventions_figure(
    found: Evidence, changes: Comparison | None, chosen: Option, width: float, theme: Theme
) -> Scene:
    """Each choice with its gradient and the slopes that it agrees with; then what the switch moves.

    `changes` goes from the standard's pass to that of the `chosen` option; keys are addresses, and
    `convention:<name>:<option>` on the rows.
    """
    inner = width - 2 * _PADDING
    where = f"{TITLES[found.convention]}, tried on {found.address}"
    parts = [
        paragraph(conclusion(found), styles.SENTENCE, 22, theme.text, inner, _PADDING),
        space(4),
        paragraph(where, styles.BODY, 20, theme.text_secondary, inner, _PADDING),
        space(10),
        _choices(found, chosen, inner, theme),
        *_notes(found, inner, theme),
    ]
    if changes is not None:
        parts += [space(14), *_changes(found.convention, changes, chosen, inner, theme)]
    column = stacked(parts, _PADDING)
    title = f"convention {found.convention}"
    return Scene(width, column.height + _PADDING, theme.panel, column.marks, title)


def conclusion(found: Evidence) -> str:
    """With which choice the finite difference agrees, in a sentence."""
    names = [_quoted(found, verdict) for verdict in found.verdicts if _agrees(verdict)]
    others = [_quoted(found, verdict) for verdict in found.verdicts if not _agrees(verdict)]
    if found.is_corner:
        slopes = next(v.slopes for v in found.verdicts if v.slopes.is_corner)
        left, right = slope_texts([slopes.left, slopes.right], slopes.loss)
        return (
            f"The loss has a corner here: its slope is {left} from the left and {right} from the "
            "right, so no choice is the derivative."
        )
    gradients = {verdict.analytic for verdict in found.verdicts}
    if not others and len(gradients) == 1:
        only = said(gradients.pop())
        return f"Here the choice makes no difference: the gradient is {only} with any of them."
    if not others:
        return "Every choice gives the gradient of its own loss: the finite differences confirm it."
    if not names:
        return "Here the finite difference agrees with none of the choices."
    return f"The finite difference agrees with {_listed(names)}, not with {_listed(others)}."


def _agrees(verdict: Verdict) -> bool:
    return Side.CENTER in verdict.agrees_with


def _quoted(found: Evidence, verdict: Verdict) -> str:
    return f"“{option_name(found.convention, verdict.option)}”"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _choices(found: Evidence, chosen: Option, width: float, theme: Theme) -> PanelPart:
    """A row a choice; a slope that agrees with the gradient has a check and a tint."""
    sides = tuple(Side) if width >= 420 else (Side.CENTER,)
    texts = _texts(found, sides)
    column = (width - _name_width(found, width)) / (1 + len(sides))
    lefts = [_PADDING + _name_width(found, width) + k * column for k in range(1 + len(sides))]
    marks: list[Mark] = []
    y, font = baseline(0, _HEAD, styles.LABEL), styles.LABEL
    heads = ("gradient", *(_SIDES[side] for side in sides))
    for left, head in zip(lefts, heads, strict=True):
        text = elide(head, font, column - 8)
        marks.append(Text(left + column - 8, y, text, font, theme.text_secondary, Anchor.END))
    for number, judged in enumerate(found.verdicts):
        top = _HEAD + number * _CHOICE
        marks.extend(_name(found, judged, chosen, top, width, theme))
        cells = zip(lefts, (None, *sides), texts[number], strict=True)
        for left, side, text in cells:
            agrees = side is not None and side in judged.agrees_with
            is_gradient = side is None
            ink = theme.backward if is_gradient else theme.ok if agrees else theme.text
            if agrees:
                box = (left + 4, top + 4, column - 4, _CHOICE - 8)
                marks.append(Rect(*box, fill=theme.ok + "1F", radius=5.0))
                marks.extend(sign(Outcome.AGREES, left + 15, top + _CHOICE / 2, theme.ok))
            line = baseline(top, _CHOICE, _NUMBERS)
            fitting = elide(text, _NUMBERS, column - (28 if agrees else 10))
            marks.append(Text(left + column - 8, line, fitting, _NUMBERS, ink, Anchor.END))
    return PanelPart(tuple(marks), _HEAD + len(found.verdicts) * _CHOICE)


def _texts(found: Evidence, sides: tuple[Side, ...]) -> list[list[str]]:
    """Gradient and slopes of every choice, all with the same decimals."""
    rows = [[v.analytic, *(v.slopes.of(side) for side in sides)] for v in found.verdicts]
    flat = [value for row in rows for value in row]
    largest_loss = max(abs(verdict.slopes.loss) for verdict in found.verdicts)
    texts = iter(slope_texts(flat, largest_loss, signed=True))
    return [[next(texts) for _ in row] for row in rows]


def slope_texts(slopes: Sequence[float], loss: float, *, signed: bool = False) -> list[str]:
    """Slopes with the same decimals; `≈ 0` below what the loss's last digits let a slope tell."""
    least = ABSOLUTE * max(1.0, abs(loss))
    is_noise = [0 < abs(slope) <= least for slope in slopes]
    clean = [0.0 if noise else slope for slope, noise in zip(slopes, is_noise, strict=True)]
    texts = group_texts(clean, 4, signed=signed)
    return ["≈ 0" if noise else text for text, noise in zip(texts, is_noise, strict=True)]


def _name_width(found: Evidence, width: float) -> float:
    names = (option_name(found.convention, option) for option in OPTIONS[found.convention])
    widest = max(text_width(name, styles.BODY_STRONG) for name in names)
    return min(widest + 90, width * 0.42)


def _name(
    found: Evidence, verdict: Verdict, chosen: Option, top: float, width: float, theme: Theme
) -> Iterator[Mark]:
    key = f"convention:{found.convention}:{verdict.option}"
    is_chosen = verdict.option == chosen
    fill = theme.here_tint if is_chosen else theme.panel + "00"
    yield Line(_PADDING, top + 0.5, _PADDING + width, top + 0.5, Stroke(theme.border))
    yield Rect(0, top + 1, width + 2 * _PADDING, _CHOICE - 1, fill=fill, key=key)
    room = _name_width(found, width) - 4
    font = styles.BODY_STRONG if is_chosen else styles.BODY
    name = elide(option_name(found.convention, verdict.option), font, room)
    yield Text(_PADDING, baseline(top, _CHOICE, font), name, font, theme.text, key=key)
    if verdict.option == STANDARD.option(found.convention):
        x = _PADDING + text_width(name, font) + 10
        label = elide("standard", styles.LABEL, room - (x - _PADDING))
        if len(label) > 4:
            line = baseline(top, _CHOICE, styles.LABEL)
            yield Text(x, line, label, styles.LABEL, theme.text_secondary, key=key)


def _notes(found: Evidence, width: float, theme: Theme) -> Iterator[PanelPart]:
    h = f"{found.verdicts[0].slopes.h:.0e}".replace("e-0", "e−")
    texts = [f"Slopes by real forward passes in float64, h = {h}."]
    if found.convention in {"reduction", "flip"}:
        texts.append("This choice changes the loss itself, so each row has slopes of its own.")
    if not all(verdict.slopes.is_settled for verdict in found.verdicts):
        texts.append("Another kink lies within ±2h: half the step gives other slopes.")
    yield space(8)
    yield paragraph(" ".join(texts), styles.LABEL, 16, theme.text_secondary, width, _PADDING)


def _changes(
    convention: Convention, changes: Comparison, chosen: Option, width: float, theme: Theme
) -> Iterator[PanelPart]:
    """The arrays that differ, in the order of the pass."""
    name = option_name(convention, chosen)
    if changes.is_same:
        text = f"With “{name}” not a number of this pass changes."
        yield paragraph(text, styles.BODY_STRONG, 20, theme.text, width, _PADDING)
        return
    text = (
        f"With “{name}” {counted(changes.count, 'value')} of the pass "
        f"{'changes' if changes.count == 1 else 'change'}, "
        f"in {counted(len(changes.changes), 'array')}:"
    )
    yield paragraph(text, styles.BODY_STRONG, 20, theme.text, width, _PADDING)
    yield space(4)
    for change in changes.changes[:_MOST_CHANGES]:
        yield _change(change, width, theme)
    others = len(changes.changes) - _MOST_CHANGES
    if others > 0:
        more = f"and {counted(others, 'array')} more"
        yield paragraph(more, styles.LABEL, 20, theme.text_secondary, width, _PADDING)


def _change(change: ArrayChange, width: float, theme: Theme) -> PanelPart:
    """`conv1.weight.grad  4 of 4   [0,0,0,1]  8 → 16`."""
    key = str(change.at)
    before, after = group_texts([change.before, change.after], 4)
    text = f"{before} → {after}"
    if before == after:
        text = f"{said(change.before)} by {said(change.after - change.before, signed=True)}"
    y = baseline(0, 24, _NUMBERS)
    right = _PADDING + width
    marks: list[Mark] = [
        Rect(_PADDING, 0, width, 24, fill=theme.panel + "00", key=key),
        Text(right, y, text, _NUMBERS, theme.text, Anchor.END, key),
    ]
    room = width - text_width(text, _NUMBERS) - 14
    name = elide(key, styles.MONO, room)
    marks.append(Text(_PADDING, y, name, styles.MONO, theme.text, key=key))
    left = room - text_width(name, styles.MONO) - 12
    count = f"largest of {change.count:,}" if change.count > 1 else "the only one"
    words = f"{count}, of {change.size:,}"
    if text_width(words, styles.LABEL) <= left:
        x = _PADDING + text_width(name, styles.MONO) + 12
        marks.append(Text(x, y, words, styles.LABEL, theme.text_secondary))
    return PanelPart(tuple(marks), 24.0)
