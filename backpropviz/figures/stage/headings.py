"""What stands above the stage and above each slot: path, title, symbol, legend."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from backpropviz.debugger.progress import call_stack
from backpropviz.debugger.timeline import BlockFrame, Depth
from backpropviz.engine.value import Address
from backpropviz.figures.numbers import Scale
from backpropviz.figures.stage.slot_layout import PlacedSlot
from backpropviz.figures.symbols import Notation
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.equation import Operator, Role, RowNode, Symbol
from backpropviz.scene.equation_layout import EquationStyle, Laid, layout
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Group,
    Line,
    Mark,
    Pixels,
    Rect,
    Stroke,
    Text,
)
from backpropviz.scene.text import elide, shown, text_width
from backpropviz.scene.theme import Theme

HEADER_HEIGHT = 36
_OVERHANG = 14
"""How far a title may reach past its slot: less than the gap to the next, and than the margin."""
_MARGIN = 32
_BASELINE = 23

Path: TypeAlias = Sequence[tuple[str, str]]
"""The levels that enclose the step as words, each with the key that leads there."""


def header(view: View, path: Path, width: float, theme: Theme) -> tuple[Mark, ...]:
    """The path to the step, and the legend of the result's scale."""
    line = Line(0, HEADER_HEIGHT - 0.5, width, HEADER_HEIGHT - 0.5, Stroke(theme.border))
    focus = view.focus
    legend: tuple[Mark, ...] = ()
    room = width - 2 * _MARGIN
    if focus is not None and width >= 520:
        scale = view.scales.of(focus.nest.target, theme)
        legend = scale_legend(scale, width - _MARGIN - 168, 10, theme)
        room -= 190
    # Backward › conv1 › ∂L/∂W › 0 ← 0 › [0, 1] › term 3 of 4, the last part in bold.
    marks: list[Mark] = []
    x = float(_MARGIN)
    for number, (text, key) in enumerate(path):
        is_last = number == len(path) - 1
        font = styles.BODY_STRONG if is_last else styles.BODY
        color = theme.text if is_last else theme.text_secondary
        fitting = elide(text, font, room - (x - _MARGIN))
        if not fitting:
            break
        marks.append(Text(x, _BASELINE, fitting, font, color, key=key))
        x += text_width(fitting, font) + 10
        if not is_last and x - _MARGIN < room - 12:
            marks.append(Text(x, _BASELINE, "›", styles.BODY, theme.text_tertiary))
            x += 16
    return (line, *marks, *legend)


def path_parts(view: View) -> Path:
    """The levels of the call stack as words, each with the key that leads there."""
    if view.is_done:
        return [("The step is complete", "")]
    if not view.has_begun:
        return [("The start of the pass", "")]
    frames = call_stack(view.timeline, view.state.k, view.depth)
    if len(frames) == 1:
        return [("Training step", "depth:pass")]
    return [(_frame_text(view, frame), f"depth:{frame.depth.title}") for frame in frames[1:]]


def _frame_text(view: View, frame: BlockFrame) -> str:
    if frame.depth is Depth.PHASE:
        return frame.name.capitalize()
    if frame.depth is Depth.LAYER:
        return frame.name
    if frame.depth is Depth.TENSOR:
        operation = view.timeline.operations[view.timeline.operation_at(view.state.k)]
        return view.notation.short(operation.nest.target)
    if frame.depth is Depth.TERM:
        return "no term" if view.term is None else str(view.term)
    return coordinates_text(view, frame)


def coordinates_text(view: View, frame: BlockFrame) -> str:
    """A channel as `2 ← 0` or `channel 2`, an element as `[0, 1]`."""
    varying = [(name, value) for name, value in frame.coordinates if name != "n"]
    if view.tape.batch > 1:
        varying = list(frame.coordinates)
    values = [str(value) for _, value in varying] or ["0"]
    names = "".join(name for name, _ in varying)
    if frame.depth is Depth.ELEMENT:
        return f"[{', '.join(values)}]"
    if names == "fc":
        return f"{values[0]} ← {values[1]}"
    if names[:1] == "n":
        inner = f", channel {', '.join(values[1:])}" if values[1:] else ""
        return f"sample {values[0]}{inner}"
    word = {"f": "filter", "c": "channel"}.get(names, "channel")
    return f"{word} {', '.join(values)}"


@lru_cache(maxsize=64)
def scale_legend(scale: Scale, x: float, y: float, theme: Theme) -> tuple[Mark, ...]:
    """The color map with its two ends; its width is 168."""
    low, high = scale.limits
    bar_x, bar_width = x + 52, 64
    ramp = np.linspace(low, high, bar_width)[np.newaxis]
    bar = Pixels(bar_x, y + 2, bar_width, 12, ramp, scale.colormap, scale.limits)
    middle: tuple[Mark, ...] = ()
    if scale.is_diverging:
        center = bar_x + bar_width / 2
        middle = (Line(center, y + 1, center, y + 15, Stroke(theme.text)),)
    font, ink = styles.INDEX, theme.text_secondary
    return (
        bar,
        *middle,
        Text(bar_x - 6, y + 12, _end(low, scale), font, ink, Anchor.END),
        Text(bar_x + bar_width + 6, y + 12, _end(high, scale), font, ink),
    )


def _end(value: float, scale: Scale) -> str:
    """A limit in at most seven characters."""
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 100 else 0
    return shown(value, digits, signed=scale.is_diverging)


def slot_heading(placed: PlacedSlot, notation: Notation, theme: Theme) -> tuple[Mark, ...]:
    """Symbol, title and shape on one line as far as they fit, the remark below."""
    slot, box = placed.slot, placed.box
    x, baseline = box.x, box.y + 16
    marks: list[Mark] = []
    if slot.address is not None:
        laid = symbol_marks(slot.address, notation, theme.text)
        marks.append(Group(laid.marks, x, round(baseline)))
        x += laid.width + 10
    room = box.right + _OVERHANG - x
    title = elide(slot.title, styles.BODY_STRONG, room)
    marks.append(Text(x, baseline, title, styles.BODY_STRONG, theme.text))
    x += text_width(title, styles.BODY_STRONG) + 8
    fits = x + text_width(slot.shape, styles.INDEX) <= box.right + _OVERHANG
    if fits:
        marks.append(Text(x, baseline, slot.shape, styles.INDEX, theme.text_tertiary))
    words = " · ".join(w for w in (slot.shape, slot.remark) if w)
    has_room = text_width(words, styles.ROW) <= box.width + _OVERHANG
    told = words if not fits and (has_room or not slot.remark) else slot.remark
    remark = elide(told, styles.ROW, box.width + _OVERHANG)
    if remark:
        marks.append(Text(box.x, baseline + 20, remark, styles.ROW, theme.text_secondary))
    return tuple(marks)


def symbol_marks(address: Address, notation: Notation, color: Color) -> Laid:
    """∂L/∂W on one line, as a title's first sign."""
    letter = notation.letter(address)
    name = Symbol(letter.text, italic=not letter.is_word)
    return _laid_symbol(name, color, is_gradient=address.is_gradient)


@lru_cache(maxsize=256)
def _laid_symbol(name: Symbol, color: Color, *, is_gradient: bool) -> Laid:
    parts = (Symbol("∂"), Symbol("L"), Operator("/"), Symbol("∂"), name)
    style = EquationStyle(dict.fromkeys(Role, color), color, size=20)
    return layout(RowNode(parts) if is_gradient else name, style)


CAPTION_HEIGHT = 26
REMARK_HEIGHT = 20
_LEAST_TITLE = 34


@frozen
class Caption:
    """What is written above a figure's part."""

    address: Address | None
    title: str
    shape: str = ""
    remark: str = ""


def caption_marks(
    caption: Caption, notation: Notation, x: float, y: float, width: float, theme: Theme
) -> tuple[Mark, ...]:
    """From (x, y) down; nothing is wider than `width`."""
    marks: list[Mark] = []
    baseline, left, right = y + 16, x, x + width
    if caption.address is not None:
        laid = symbol_marks(caption.address, notation, theme.text)
        if laid.width <= width:
            marks.append(Group(laid.marks, round(left), round(baseline)))
            left += laid.width + 10
    if right - left >= min(_LEAST_TITLE, text_width(caption.title, styles.BODY_STRONG)):
        title = elide(caption.title, styles.BODY_STRONG, right - left)
        marks.append(Text(left, baseline, title, styles.BODY_STRONG, theme.text))
        left += text_width(title, styles.BODY_STRONG) + 8
    if caption.shape and left + text_width(caption.shape, styles.INDEX) <= right:
        marks.append(Text(left, baseline, caption.shape, styles.INDEX, theme.text_tertiary))
    remark = elide(caption.remark, styles.ROW, width)
    if remark:
        marks.append(Text(x, baseline + REMARK_HEIGHT, remark, styles.ROW, theme.text_secondary))
    return tuple(marks)


FACT_HEIGHT = 58
_PADDING = 14
_GAP = 12


@frozen
class Fact:
    """`text` is the number, empty where it is not computed; `is_current` puts it in focus."""

    label: str
    text: str
    color: Color
    key: str = ""
    is_current: bool = False


def fact_marks(facts: Sequence[Fact], box: Box, theme: Theme) -> tuple[Mark, ...]:
    """As many as fit from left to right, each as wide as it needs."""
    marks: list[Mark] = []
    x = box.x
    for fact in facts:
        label = elide(fact.label, styles.LABEL, box.width - 2 * _PADDING)
        text = elide(fact.text, styles.NUMBER_MEDIUM, box.width - 2 * _PADDING)
        inner = max(text_width(label, styles.LABEL), text_width(text, styles.NUMBER_MEDIUM), 36)
        width = round(inner) + 2 * _PADDING
        if x + width > box.right + 0.5:
            break
        marks.extend(_one(fact, label, text, Box(x, box.y, width, FACT_HEIGHT), theme))
        x += width + _GAP
    return tuple(marks)


def _one(fact: Fact, label: str, text: str, box: Box, theme: Theme) -> tuple[Mark, ...]:
    edge = Stroke(theme.here, 2.0) if fact.is_current else Stroke(theme.border)
    edges = (box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1)
    card = Rect(*edges, fill=theme.panel, stroke=edge, radius=8.0, key=fact.key)
    x = box.x + _PADDING
    name = Text(x, box.y + 22, label, styles.LABEL, theme.text_secondary)
    if not text:
        return card, name, Ellipse(x + 4, box.y + 40, 2.5, 2.5, fill=theme.text_tertiary)
    number = Text(x, box.y + 45, text, styles.NUMBER_MEDIUM, fact.color, key=fact.key)
    return card, name, number
