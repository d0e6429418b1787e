"""How the ledger of a sum over a batch is ordered, to choose from: position, size, sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backpropviz.figures.explanation.stack import baseline
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Box, Mark, Rect, Text
from backpropviz.scene.theme import LABEL, LABEL_MEDIUM, Theme

SWITCH_KEY: Final = "ledger:by_"
"""`ledger:by_position`, `ledger:by_size`, `ledger:by_sample`: a click asks for that order."""
ORDERS: Final = ("position", "size", "sample")
_GAP, _PAD = 4.0, 5.0


def switch_width() -> float:
    """What the switch takes."""
    words = sum(text_width(word, LABEL_MEDIUM) + 2 * _PAD for word in ORDERS)
    return words + _GAP * (len(ORDERS) - 1)


def order_switch(
    chosen: str, right: float, top: float, height: float, theme: Theme
) -> Iterator[Mark]:
    """Three words, right-aligned; the chosen one stands on a tint."""
    x = right - switch_width()
    for word in ORDERS:
        width = text_width(word, LABEL_MEDIUM) + 2 * _PAD
        box, key = Box(x, top + (height - 20) / 2, width, 20), f"{SWITCH_KEY}{word}"
        is_chosen = word == chosen
        fill = theme.border if is_chosen else theme.panel
        yield Rect(box.x, box.y, box.width, box.height, fill=fill, radius=4.0, key=key)
        font = LABEL_MEDIUM if is_chosen else LABEL
        color = theme.text if is_chosen else theme.text_secondary
        yield Text(x + _PAD, baseline(top, height, LABEL), word, font, color, key=key)
        x += width + _GAP
