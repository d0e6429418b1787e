"""A gradient held against its finite difference, in one line beside the value."""

from __future__ import annotations

from typing import Final

from backpropviz.engine.bands import Band
from backpropviz.engine.gradcheck import Checked, Outcome
from backpropviz.figures.analysis.nudge_sweep import small
from backpropviz.figures.explanation.stack import Part
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width
from backpropviz.scene.marks import (
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


def badge(checked: Checked, width: float, theme: Theme, x: float = 0.0, *, also: str = "") -> Part:
    """`✓ analytic = finite difference  3e−9`, shorter where there is less room.

    `also` names a further source that gives the same number. Its key is the gradient's address.
    """
    ink, tint = outcome_colors(checked.outcome, theme)
    error = error_text(checked)
    font = styles.LABEL_MEDIUM
    used = _ICON + (text_width(error, styles.INDEX) + 18 if error else 10)
    words = elide(_fitting(checked, width - used, also), font, width - used)
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
    return Part(tuple(marks), HEIGHT)


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
        return (Path(((x - 5, y + 2.5), (x, y + 2.5), (x + 4, y - 4)), stroke), *_dot(x, y, ink))
    return (
        Line(x - 3.5, y - 3.5, x + 3.5, y + 3.5, stroke),
        Line(x - 3.5, y + 3.5, x + 3.5, y - 3.5, stroke),
    )


def error_text(checked: Checked) -> str:
    """The relative error; nothing where both are 0 or it says nothing."""
    if checked.error is None or checked.band is Band.BOTH_ZERO:
        return ""
    return small(checked.error)


def _fitting(checked: Checked, width: float, also: str) -> str:
    """The longest words that have room."""
    options: tuple[str, ...] = {
        Outcome.AGREES: ("analytic = finite difference", "= finite difference", "agrees"),
        Outcome.KINK: ("a kink lies within ±h: no verdict", "kink within ±h", "kink"),
        Outcome.FAILS: ("analytic ≠ finite difference", "≠ finite difference", "wrong"),
    }[checked.outcome]
    if checked.error is None:
        options = ("analytic = finite difference = 0", "both are 0", "both 0")
    if also and checked.outcome is Outcome.AGREES:
        options = (f"{options[0]} = {also}", *options)
    fitting = (text for text in options if text_width(text, styles.LABEL_MEDIUM) <= width)
    return next(fitting, options[-1])


def _dot(x: float, y: float, ink: Color) -> tuple[Mark, ...]:
    return (Ellipse(x, y + 2.5, 2.0, 2.0, fill=ink),)
