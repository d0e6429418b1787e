"""The one value that a map of products adds up to: ∑, an arrow, and the value in its cell."""

from __future__ import annotations

from math import isfinite

import numpy as np

from backpropviz.engine.boxes import join
from backpropviz.figures.number_groups import group_texts
from backpropviz.figures.sample import SAMPLE_KEY
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.slot_layout import Placed
from backpropviz.figures.view import View
from backpropviz.scene import theme as styles
from backpropviz.scene.cells import Cell, CellState, cell, value_fill
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Anchor, Box, Mark, Path, Stroke, Text
from backpropviz.scene.theme import Theme

_ARROW = 30
_HEIGHT = 48
_SIGNIFICANT = 4


def total_width(view: View, focus: Focus) -> float:
    """Room that the arrow and the value need at the right."""
    return _ARROW + 16 + _cell_width(view, focus)


def _cell_width(view: View, focus: Focus) -> float:
    below = max((text_width(text, styles.LABEL) for text, _ in _share_lines(view)), default=0.0)
    return max(72.0, text_width(_text(view, focus), styles.NUMBER_MEDIUM) + 20, below)


def _text(view: View, focus: Focus) -> str:
    value = view.value
    signed = focus.nest.target.is_gradient
    return "" if value is None else group_texts([value], _SIGNIFICANT, signed=signed)[0]


def total_marks(view: View, focus: Focus, before: Placed, theme: Theme) -> tuple[Mark, ...]:
    """At the right of the products, at the height of their middle."""
    value = view.value
    if value is None or focus.target is None:
        return ()
    extent = _extent(before)
    middle = round(extent.y + extent.height / 2)
    x = extent.right + 8
    box = Box(round(x + _ARROW), middle - _HEIGHT / 2, _cell_width(view, focus), _HEIGHT)
    arrow = Path(((x, middle), (box.x - 5, middle)), Stroke(theme.here, 2.0), arrow=True)
    address = focus.nest.target.at(focus.target)
    return (
        Text(x + _ARROW / 2 - 2, middle - 14, "∑", styles.FORMULA_SUM, theme.text, Anchor.MIDDLE),
        arrow,
        *cell(_cell(view, focus, value, box, theme), theme),
        Text(
            box.x + box.width / 2,
            box.bottom + 20,
            _caption(focus),
            styles.LABEL,
            theme.here,
            Anchor.MIDDLE,
            key=str(address),
        ),
        *_start(view, focus, box, theme),
        *_share_marks(view, box, theme),
    )


def _share_lines(view: View) -> tuple[tuple[str, str], ...]:
    """What the shown sample adds, and all others; each with a key."""
    shares = view.shares
    if shares is None or not np.isfinite(shares.values).all():
        return ()
    own = float(shares.values[view.sample])
    others = float(shares.values.sum()) - own
    texts = group_texts([own, others], 3, signed=True)
    first = (f"sample {view.sample}: {texts[0]}", f"{SAMPLE_KEY}{view.sample}")
    count = view.samples_begun - 1
    word = f"{count} other{'s' if count > 1 else ''}"
    return (first, (f"{word}: {texts[1]}", "")) if count else (first,)


def _share_marks(view: View, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """How the value is made of the sample's share and those of all others."""
    font, x = styles.LABEL, box.x + box.width / 2
    return tuple(
        Text(x, box.bottom + 40 + 18 * k, text, font, theme.text_secondary, Anchor.MIDDLE, key)
        for k, (text, key) in enumerate(_share_lines(view))
    )


def _start(view: View, focus: Focus, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """What the sum starts from, where that is not 0: the bias."""
    if focus.loops.initial is None:
        return ()
    found = focus.loops.initial.at(view.tape, focus.coordinates)
    if found.address is None:
        return ()
    letter = view.notation.letter(found.address).text
    text = f"from {letter} = {group_texts([found.value], _SIGNIFICANT)[0]}"
    x, font = box.x + box.width / 2, styles.LABEL
    key = str(found.address)
    return (Text(x, box.bottom + 38, text, font, theme.text_secondary, Anchor.MIDDLE, key),)


def _extent(before: Placed) -> Box:
    left = min(grid.box.x for grid in before.grids)
    top = min(grid.box.y for grid in before.grids)
    right = max(grid.box.right for grid in before.grids)
    bottom = max(grid.box.bottom for grid in before.grids)
    return Box(left, top, right - left, bottom - top)


def _cell(view: View, focus: Focus, value: float, box: Box, theme: Theme) -> Cell:
    key = str(focus.nest.target.at(focus.target or ()))
    if not isfinite(value):
        return Cell(box, CellState.NOT_FINITE, _text(view, focus), key=key)
    scale = view.scales.of(focus.nest.target, theme)
    done = focus.steps_done >= _end_of_element(focus)
    return Cell(
        box,
        CellState.CURRENT if done else CellState.IN_PROGRESS,
        _text(view, focus),
        value_fill(value, scale.colormap, scale.limits),
        key=key,
        font=styles.NUMBER_MEDIUM,
    )


def _end_of_element(focus: Focus) -> int:
    """The step after the last of the current element."""
    last = tuple(r.stop - 1 for r in focus.element_region)
    return join(last, focus.loops.sizes) + 1


def _caption(focus: Focus) -> str:
    varying = [str(i) for i, n in zip(focus.target or (), focus.nest.shape, strict=True) if n > 1]
    return f"element [{', '.join(varying)}]"
