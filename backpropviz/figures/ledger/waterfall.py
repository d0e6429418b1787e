"""Many terms as a waterfall: a bar a bin from the sum before to the sum after it.

Where a bin's terms cancel out its bar is short, so its largest term is drawn over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from backpropviz.engine.derivation import Derivation
from backpropviz.figures.explanation.explained_step import Progress
from backpropviz.figures.explanation.term_keys import term_key
from backpropviz.figures.ledger.sign_color import sign_color
from backpropviz.figures.ledger.term_bins import TermBins, bin_terms
from backpropviz.figures.number_groups import group_texts
from backpropviz.frozen import frozen
from backpropviz.scene.fonts import text_width
from backpropviz.scene.marks import Anchor, Box, Line, Mark, Rect, Stroke, Text
from backpropviz.scene.theme import INDEX, Theme

LEAST_HEIGHT = 72.0
_PITCH, _BELOW, _LABEL_GAP = 6.0, 16.0, 8.0
_LINE = 14.0


def waterfall(
    derivation: Derivation, progress: Progress, box: Box, theme: Theme, what: str = "term"
) -> tuple[Mark, ...]:
    """All terms in loop order; a bar's key is that of the largest term in it."""
    most = int((box.width - 72) // _PITCH)
    bins = bin_terms(derivation, progress, most=max(8, most))
    ends = np.concatenate([bins.before, bins.after, bins.before + bins.peaks, [0.0]])
    if not np.isfinite(ends).all():
        return ()
    low, high = float(ends.min()), float(ends.max())
    drawing = _Drawing(
        derivation, progress, bins, low, high if high > low else low + 1.0, box, theme, what
    )
    return tuple(drawing.marks())


@frozen(slots=False)
class _Drawing:
    derivation: Derivation
    progress: Progress
    bins: TermBins
    low: float
    high: float
    box: Box
    theme: Theme
    what: str

    @cached_property
    def texts(self) -> list[str]:
        return group_texts([self.low, self.high], 3)

    @cached_property
    def left(self) -> float:
        widest = max(text_width(text, INDEX) for text in (*self.texts, "0"))
        return float(round(self.box.x + widest + _LABEL_GAP))

    @cached_property
    def pitch(self) -> float:
        return (self.box.right - self.left) / len(self.bins.peaks)

    def y(self, value: float) -> float:
        top, height = self.box.y + 4, self.box.height - _BELOW - 8
        return float(round(top + height * (self.high - value) / (self.high - self.low)))

    def marks(self) -> Iterator[Mark]:
        yield from self._axis()
        current = self.progress.current
        here = None if current is None else self.bins.place_of(current)
        for place in range(len(self.bins.peaks)):
            if self.bins.ran[place]:
                yield from self._bar(place, is_current=place == here)
        yield from self._legend()

    def _axis(self) -> Iterator[Mark]:
        theme, zero = self.theme, self.y(0.0)
        yield Line(self.left, zero, self.box.right, zero, Stroke(theme.border_strong))
        taken: list[float] = []
        labels = [(0.0, "0"), (self.high, self.texts[1]), (self.low, self.texts[0])]
        for value, text in labels:
            y = self.y(value)
            if all(abs(y - other) >= _LINE for other in taken):
                taken.append(y)
                x = self.left - _LABEL_GAP + 2
                yield Text(x, y + 4, text, INDEX, theme.text_tertiary, Anchor.END)

    def _bar(self, place: int, *, is_current: bool) -> Iterator[Mark]:
        bins, theme = self.bins, self.theme
        before, after = float(bins.before[place]), float(bins.after[place])
        peak = float(bins.peaks[place])
        x, width = self.left + place * self.pitch, max(1.0, self.pitch - 1)
        top, bottom = sorted((self.y(before), self.y(after)))
        color = theme.here if is_current else sign_color(after - before, theme)
        key = term_key(self.derivation, int(bins.largest[place]))
        yield Rect(x, self.box.y, self.pitch, self.box.height - _BELOW, key=key)
        yield Rect(x, top, width, max(1.0, bottom - top), fill=color, key=key)
        if bins.size > 1 and abs(peak) > abs(after - before):
            middle = x + width / 2
            stroke = Stroke(theme.here if is_current else theme.text_secondary)
            yield Line(middle, self.y(before), middle, self.y(before + peak), stroke, key)

    def _legend(self) -> Iterator[Mark]:
        y, color = self.box.bottom - 4, self.theme.text_tertiary
        size = self.bins.size
        many, first = f"{self.what}s", 1 if self.what == "term" else 0
        text = f"{many} {first} to {self.bins.count - 1 + first:,} in loop order"
        if size > 1:
            text += f", {size:,} a bar; a line: the largest of them"
        if text_width(text, INDEX) > self.box.right - self.left:
            text = f"{self.bins.count:,} {many}, {size:,} a bar"
        yield Text(self.left, y, text, INDEX, color)
