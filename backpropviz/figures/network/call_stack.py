"""Where the program stands, level by level, as a debugger's call stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.debugger.call_stack import call_stack as frames_at
from backpropviz.debugger.steps import Depth
from backpropviz.debugger.timeline import Frame
from backpropviz.engine.program import Phase
from backpropviz.figures.network.breakpoint_marks import pointer_mark
from backpropviz.figures.view import View
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import centered_baseline, elide, text_width, wrap
from backpropviz.scene.marks import Anchor, Font, Mark, Rect, Scene, Text
from backpropviz.scene.theme import Theme

ROW: Final = 28
_TITLE_X: Final = 28
_VALUE_X: Final = 92
_MARGIN: Final = 16
_LINE: Final = 16
_LONGEST_COUNT: Final = 9999
"""Larger numbers of steps are told as a percentage."""
_VALUE: Final = styles.ROW
_CURRENT: Final = styles.PANEL_TITLE


def call_stack(view: View, width: float, theme: Theme) -> Scene:
    """One row of 28 px a level that the focus has; the current one is tinted."""
    frames = frames_at(view.timeline, view.state.k, view.state.depth)
    frames = frames or (Frame(Depth.PASS, "pass", 0, 1, 0, view.timeline.steps),)
    rows = [
        mark
        for number, frame in enumerate(frames)
        for mark in _row(view, frame, number * ROW, width, theme, is_current=frame is frames[-1])
    ]
    height = len(frames) * ROW
    hint = list(_hint(view, frames, height, width, theme))
    height += len(hint) * _LINE + 2 * 8 if hint else 0
    return Scene(width, height, theme.panel, (*rows, *hint), "call stack")


def _row(
    view: View, frame: Frame, top: int, width: float, theme: Theme, *, is_current: bool
) -> Iterator[Mark]:
    middle, key = top + ROW / 2, f"depth:{frame.depth.title}"
    yield Rect(0, top, width, ROW, fill=theme.here_tint if is_current else None, key=key)
    if is_current and not view.is_done:
        yield from pointer_mark(middle, theme)
    title = _title(view, frame)
    yield _text(_TITLE_X, middle, title, styles.ROW, theme.text_secondary)
    count = _count(view, frame)
    yield _text(width - _MARGIN, middle, count, styles.INDEX, theme.text_secondary, Anchor.END)
    font = _CURRENT if is_current else _VALUE
    room = width - _MARGIN - text_width(count, styles.INDEX) - 8 - _VALUE_X
    yield _text(_VALUE_X, middle, elide(_value(view, frame), font, room), font, theme.text)


def _text(
    x: float, middle: float, text: str, font: Font, color: str, anchor: Anchor = Anchor.START
) -> Text:
    return Text(x, centered_baseline(middle, font), text, font, color, anchor)


def _title(view: View, frame: Frame) -> str:
    """The level's name; a tensor is called what it is."""
    if frame.depth is not Depth.TENSOR:
        return frame.depth.title.capitalize()
    operation = view.timeline.operations[view.timeline.operation_at(frame.start)]
    if operation.phase is Phase.UPDATE:
        return "Update"
    target = operation.nest.target
    if target.is_gradient:
        return "Gradient"
    return "Output" if target.quantity in {"output", "loss"} else "Tensor"


def _value(view: View, frame: Frame) -> str:
    """Which block of the level it is."""
    if frame.depth is Depth.PASS:
        return "training step" if not view.is_done else "finished"
    if frame.depth is Depth.PHASE:
        return frame.name.capitalize()
    if frame.depth is Depth.LAYER:
        return frame.name
    if frame.depth is Depth.TENSOR:
        return _tensor(view, frame)
    return _coordinates(view, frame)


def _tensor(view: View, frame: Frame) -> str:
    operation = view.timeline.operations[view.timeline.operation_at(frame.start)]
    target = operation.nest.target
    if target.is_gradient or operation.phase is Phase.UPDATE:
        return view.notation.short(target)
    return target.quantity


def _coordinates(view: View, frame: Frame) -> str:
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


def _count(view: View, frame: Frame) -> str:
    """Steps that have run of the level's steps; below the tensor its number among its siblings."""
    if frame.depth >= Depth.CHANNEL:
        return f"{frame.ordinal + 1}/{frame.total}"
    done, total = view.position - frame.start, frame.stop - frame.start
    if total <= _LONGEST_COUNT:
        return f"{done}/{total}"
    return f"{100 * done // total} %" if 100 * done >= total or not done else "<1 %"


def _hint(
    view: View, frames: tuple[Frame, ...], top: int, width: float, theme: Theme
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
