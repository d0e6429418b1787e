"""The ledger by sample: what each sample of a batch adds to a value, all its terms together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backpropviz.engine.derivation import Derivation
from backpropviz.engine.shares import Shares
from backpropviz.figures.equations.folding import TermOrder
from backpropviz.figures.explanation.explained_step import ALL, Progress
from backpropviz.figures.ledger.ledger import ledger_card
from backpropviz.figures.ledger.rows import LedgerRow, LedgerRows, Piece, ledger_rows
from backpropviz.figures.sample_words import arrow_words
from backpropviz.figures.view import View
from backpropviz.scene.equation import Role
from backpropviz.scene.marks import Box, Mark
from backpropviz.scene.theme import Theme


def sample_ledger(view: View, shares: Shares, box: Box, theme: Theme) -> tuple[Mark, ...]:
    """A row a sample, all bars above; a row's key leads to the first term of its sample."""
    derivation, progress = view.explained.derivation, view.explained.progress
    if derivation is None:
        return ()
    summed, ran = summed_by_sample(derivation, progress, shares)
    is_complete = progress.mask(derivation.term_values.size) is None

    def rows(most: int) -> LedgerRows:
        return _named(view, ledger_rows(summed, ran, most, TermOrder.POSITION), is_complete)

    return ledger_card(summed, ran, box, theme, TermOrder.POSITION, rows, "sample")


def summed_by_sample(
    derivation: Derivation, progress: Progress, shares: Shares
) -> tuple[Derivation, Progress]:
    """The same value with one term a sample, which stands where the sample's first term stands."""
    mask = progress.mask(derivation.term_values.size)
    summed = replace(
        derivation,
        value=progress.running(derivation),
        positions=derivation.positions[shares.first],
        term_values=shares.values,
    )
    if mask is None and progress.current is None:
        return summed, ALL
    current = None
    if progress.current is not None:
        current = int(np.searchsorted(shares.first, progress.current, side="right")) - 1
    return summed, Progress(current, None if mask is None else mask[shares.first])


def _named(view: View, content: LedgerRows, is_complete: bool) -> LedgerRows:
    rows = tuple(
        _row(view, row, sample)
        for row, sample in zip(content.rows, content.folded.numbers, strict=True)
    )
    folded = replace(content.folded, is_complete=is_complete)
    return replace(content, rows=rows, folded=folded, place_names="sample", what="sample")


def _row(view: View, row: LedgerRow, sample: int) -> LedgerRow:
    """Which sample it is, its target and the answer."""
    words = Piece(arrow_words(view, sample), Role.MUTED)
    name = Piece(f"sample {sample}", Role.MUTED)
    return replace(row, number="", place=str(sample), term=(name,), numbers=(words,), why="")
