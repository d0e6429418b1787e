"""A convention with proof: the gradient under each choice beside the slopes of the loss itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from backpropviz.engine.comparison import ArrayChange, Comparison
from backpropviz.engine.conventions import OPTIONS, STANDARD, Convention, Option
from backpropviz.engine.evidence import Evidence, Side, Verdict
from backpropviz.engine.gradcheck import ABSOLUTE, Outcome
from backpropviz.figures.analysis.check_badge import sign
from backpropviz.figures.explanation.stack import Part, baseline, paragraph, space, stacked
from backpropviz.figures.number_groups import counted, group_texts, said
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Line, Mark, Rect, Scene, Stroke, Text
from backpropviz.scene.theme import Theme

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
_PADDING, _ROW, _HEAD = 16.0, 32.0, 22.0
_NUMBERS: Final = styles.NUMBER_SMALL
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
        _table(found, chosen, inner, theme),
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


def _table(found: Evidence, chosen: Option, width: float, theme: Theme) -> Part:
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
    for number, verdict in enumerate(found.verdicts):
        top = _HEAD + number * _ROW
        marks.extend(_name(found, verdict, chosen, top, width, theme))
        cells = zip(lefts, (None, *sides), texts[number], strict=True)
        for left, side, text in cells:
            agrees = side is not None and side in verdict.agrees_with
            is_gradient = side is None
            ink = theme.backward if is_gradient else theme.ok if agrees else theme.text
            if agrees:
                box = (left + 4, top + 4, column - 4, _ROW - 8)
                marks.append(Rect(*box, fill=theme.ok + "1F", radius=5.0))
                marks.extend(sign(Outcome.AGREES, left + 15, top + _ROW / 2, theme.ok))
            line = baseline(top, _ROW, _NUMBERS)
            fitting = elide(text, _NUMBERS, column - (28 if agrees else 10))
            marks.append(Text(left + column - 8, line, fitting, _NUMBERS, ink, Anchor.END))
    return Part(tuple(marks), _HEAD + len(found.verdicts) * _ROW)


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
    yield Rect(0, top + 1, width + 2 * _PADDING, _ROW - 1, fill=fill, key=key)
    room = _name_width(found, width) - 4
    font = styles.BODY_STRONG if is_chosen else styles.BODY
    name = elide(option_name(found.convention, verdict.option), font, room)
    yield Text(_PADDING, baseline(top, _ROW, font), name, font, theme.text, key=key)
    if verdict.option == STANDARD.option(found.convention):
        x = _PADDING + text_width(name, font) + 10
        label = elide("standard", styles.LABEL, room - (x - _PADDING))
        if len(label) > 4:
            line = baseline(top, _ROW, styles.LABEL)
            yield Text(x, line, label, styles.LABEL, theme.text_secondary, key=key)


def _notes(found: Evidence, width: float, theme: Theme) -> Iterator[Part]:
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
) -> Iterator[Part]:
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


def _change(change: ArrayChange, width: float, theme: Theme) -> Part:
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
    return Part(tuple(marks), 24.0)
