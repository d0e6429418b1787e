"""One sentence about what the finite differences say of a convention's choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backpropviz.engine.conventions import Convention, Option
from backpropviz.engine.evidence import Evidence, Side, Slopes, Verdict, agrees

_OPTIONS: Mapping[tuple[Convention, Option], str] = {
    ("ties", "first"): "“first”",
    ("ties", "all"): "“all”",
    ("ties", "shared"): "“shared”",
    ("relu_at_zero", 0.0): "slope 0",
    ("relu_at_zero", 0.5): "slope ½",
    ("relu_at_zero", 1.0): "slope 1",
    ("reduction", "mean"): "the mean",
    ("reduction", "sum"): "the sum",
    ("flip", False): "cross-correlation",
    ("flip", True): "convolution",
}
_PLACES = {Side.LEFT: "the left slope", Side.CENTER: "their mean", Side.RIGHT: "the right slope"}


def evidence_text(found: Evidence) -> str:
    """What each choice agrees with, and the slopes themselves where the loss has a corner."""
    if not all(verdict.slopes.is_settled for verdict in found.verdicts):
        h = found.verdicts[0].slopes.h
        return (
            f"Another corner lies within {2 * h:g} of {found.address}, so its finite differences "
            "prove nothing: take a smaller h."
        )
    if found.is_corner:
        return _at_corner(found)
    right = [v for v in found.verdicts if v.agrees_with]
    wrong = [v for v in found.verdicts if not v.agrees_with]
    if found.convention in {"reduction", "flip"} and not wrong:
        return (
            f"Both choices agree with the finite difference of their own loss at {found.address}."
        )
    slopes = found.verdicts[0].slopes
    start = f"The finite difference at {found.address} is {_number(slopes.center, slopes)}"
    if not wrong:
        return f"{start}, and every choice agrees with it."
    if not right:
        return f"{start}, and no choice agrees with it."
    return f"{start}: {_names(found, right)} {_agree(right)} with it, {_names(found, wrong)} not."


def _at_corner(found: Evidence) -> str:
    slopes = found.verdicts[0].slopes
    told = "; ".join(f"{_names(found, [v])} {_gives(v)}" for v in found.verdicts)
    left, right = (_number(slope, slopes) for slope in (slopes.left, slopes.right))
    return (
        f"The loss has a corner at {found.address}: its slope is {left} to the left and {right} "
        f"to the right. {told[0].upper()}{told[1:]}."
    )


def _gives(verdict: Verdict) -> str:
    if not verdict.agrees_with:
        return f"gives {_number(verdict.analytic, verdict.slopes)}, none of them"
    return f"gives {_PLACES[verdict.agrees_with[0]]}"


def _number(slope: float, slopes: Slopes) -> str:
    """Six digits; what is only the rounding of a difference is 0."""
    return "0" if agrees(slope, 0, slopes.loss) else f"{slope:.6g}"


def _names(found: Evidence, verdicts: Iterable[Verdict]) -> str:
    names = [_OPTIONS[found.convention, verdict.option] for verdict in verdicts]
    return " and ".join(names)


def _agree(verdicts: list[Verdict]) -> str:
    return "agrees" if len(verdicts) == 1 else "agree"
