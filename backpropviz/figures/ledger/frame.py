"""Where the parts of a ledger's card lie."""

from __future__ import annotations

import math

from backpropviz.engine.derivation import Derivation
from backpropviz.figures.explanation.explained_step import Progress
from backpropviz.figures.ledger.rows import LedgerRows
from backpropviz.frozen import frozen
from backpropviz.scene.marks import Box
from backpropviz.scene.theme import Theme

TITLE, HEADING, LINE = 28.0, 20.0, 18.0
LOWEST_ROW = 20.0
_HIGHEST_ROW = 36.0
MOST_FOOTER_LINES = 3


@frozen(slots=False)
class LedgerFrame:
    """The card's box, its inner box, and the room above the rows that a waterfall takes."""

    derivation: Derivation
    progress: Progress
    content: LedgerRows
    box: Box
    inner: Box
    waterfall_height: float
    footer_lines: int
    theme: Theme

    @property
    def waterfall(self) -> Box:
        """Between the title and the rows."""
        return Box(self.inner.x, self.inner.y + TITLE, self.inner.width, self.waterfall_height)

    @property
    def headings_top(self) -> float:
        """Where the columns are named."""
        return self.inner.y + TITLE + self.waterfall_height

    @property
    def rows_top(self) -> float:
        """Where the first row begins."""
        return self.headings_top + HEADING

    @property
    def row_height(self) -> float:
        """As high as there is room, within bounds."""
        room = self.inner.bottom - self.rows_top - self.footer_lines * LINE - 4
        fitting = room / max(1, len(self.content.rows))
        return float(math.floor(min(_HIGHEST_ROW, max(LOWEST_ROW, fitting))))

    def row_y(self, number: int) -> float:
        """The top of a row."""
        return self.rows_top + number * self.row_height
