"""How the losses of a batch become one number."""

from __future__ import annotations

from typing import Literal, TypeAlias

from backpropviz.engine.operands import Constant
from backpropviz.errors import UserError

Reduction: TypeAlias = Literal["mean", "sum"]


def check_reduction(reduction: str) -> None:
    """Refuse anything but mean and sum."""
    if reduction not in {"mean", "sum"}:
        raise UserError(f"reduction = “{reduction}” must be “mean” or “sum”.")


def per_sample(reduction: Reduction, count: int) -> float:
    """What each summand is multiplied with: 1/count for the mean."""
    return 1 / count if reduction == "mean" else 1.0


def reduction_factor(reduction: Reduction, count: int) -> tuple[Constant, ...]:
    """The same as an operand; nothing where it is 1."""
    if reduction == "sum" or count == 1:
        return ()
    return (Constant(f"1/{count}", 1 / count),)
