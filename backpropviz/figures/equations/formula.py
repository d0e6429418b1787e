"""The equations of a value: in symbols, with its indices, with its numbers.

The three say the same thing, and the last one adds up, digit by digit: what is not written out is
there as a subtotal, and what rounding left over as a residue.
"""

from __future__ import annotations

from backpropviz.engine.derivation import Derivation
from backpropviz.engine.nest import Rule
from backpropviz.figures.equations.folding import TermOrder, fold
from backpropviz.figures.equations.formula_indices import in_symbols, with_indices
from backpropviz.figures.equations.formula_numbers import with_numbers
from backpropviz.figures.equations.operand_nodes import OperandWriter
from backpropviz.figures.equations.written_sum import WrittenSum
from backpropviz.figures.explanation.explained_step import ALL, Progress
from backpropviz.frozen import frozen
from backpropviz.scene.equation import Row

__all__ = ["Formula", "formula", "in_symbols"]


@frozen
class Formula:
    """The equations; `where` explains an abbreviation used with indices (`g = ∂L/∂o`)."""

    symbols: Row
    indices: Row
    numbers: Row
    where: str = ""


def formula(
    derivation: Derivation,
    progress: Progress = ALL,
    *,
    most: int = 6,
    order: TermOrder = TermOrder.POSITION,
) -> Formula:
    """The three equations; sums of more than `most` terms are folded."""
    writer = OperandWriter.of(derivation.nest, derivation.tape)
    folded = fold(derivation, progress, most=_shown(derivation, most), order=order)
    written = WrittenSum(derivation, progress, folded, writer)
    return Formula(
        in_symbols(derivation.nest, derivation.tape),
        with_indices(written),
        with_numbers(written),
        _where(written),
    )


def _shown(derivation: Derivation, most: int) -> int:
    """A long sum shows fewer terms than a short one, since it has to say what it leaves out."""
    is_short = derivation.term_values.size <= most or derivation.rule is Rule.MAX
    return most if is_short else max(3, most - 2)


def _where(written: WrittenSum) -> str:
    if not written.abbreviates:
        return ""
    gradient = next(o.address for o in written.operands if o.address and o.address.is_gradient)
    return f"g = {written.writer.notation.short(gradient)}"
