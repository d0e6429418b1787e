"""The losses of a batch: a line a sample with its target and answer, a bar, and the mean.

A click on a line (`sample:<n>`) leads to the same step in that sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.kinds.protocol import LOSS, LOSS_NAME
from backpropviz.figures.sample import SAMPLE_KEY
from backpropviz.figures.sample_words import arrow_words
from backpropviz.figures.scales import finite_values
from backpropviz.figures.view import View
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Box, Ellipse, Mark, Rect, Stroke, Text
from backpropviz.scene.numbers import fixed, group_decimals, shown
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
    yield Text(box.x, box.y + 14, _title(view), styles.BODY_STRONG, theme.text)
    rows = -(-batch // across)
    known = view.plane_status(SAMPLE_LOSS, (None,))
    largest = float(np.max(finite_values(known.values), initial=0.0)) or 1.0
    decimals = group_decimals(view.tape[SAMPLE_LOSS].ravel().tolist())
    for sample in range(batch):
        column, row = divmod(sample, rows)
        place = Box(
            round(box.x + column * (width + _GAP)), box.y + _TITLE + row * _ROW, width, _ROW
        )
        value = float(known.values[sample]) if known.computed[sample] else None
        text = "" if value is None else fixed(value, decimals)
        yield from _line(view, sample, value, text, largest, place, theme)


def _title(view: View) -> str:
    done, total = view.steps_done(LOSS)
    what = "mean" if view.tape.network.loss.reduction == "mean" else "sum"
    made = f"; their {what} is the loss, {shown(view.tape.loss, 4)}" if done == total else ""
    return f"Losses of all {view.tape.batch} samples{made}"


def _line(
    view: View,
    sample: int,
    value: float | None,
    text: str,
    largest: float,
    box: Box,
    theme: Theme,
) -> Iterator[Mark]:
    key, baseline, middle = f"{SAMPLE_KEY}{sample}", box.y + 14, box.y + box.height / 2
    is_shown = sample == view.sample
    stroke = Stroke(theme.here, 1.5) if is_shown else None
    yield Rect(
        *(box.x - 4, box.y, box.width + 8, box.height - 1),
        fill=theme.stage + "00",
        stroke=stroke,
        radius=3.0,
        key=key,
    )
    yield Text(box.x, baseline, str(sample), styles.MONO, theme.text_tertiary, key=key)
    words = elide(arrow_words(view, sample), styles.ROW, _WORDS)
    if words:
        yield Text(box.x + _NUMBER, baseline, words, styles.ROW, theme.text, key=key)
    if value is None:
        yield Ellipse(box.right - 4, middle, 2.0, 2.0, fill=theme.text_tertiary)
        return
    yield Text(box.right, baseline, text, styles.MONO, theme.text, Anchor.END, key)
    room = box.width - _NUMBER - _WORDS - max(_VALUE, text_width(text, styles.MONO)) - 10
    if np.isfinite(value) and value > 0:
        x = box.x + _NUMBER + _WORDS
        yield Rect(x, middle - 4, max(1.0, room * value / largest), 8, fill=theme.loss, radius=2.0)
