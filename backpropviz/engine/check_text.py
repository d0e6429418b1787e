"""A gradient check as text: what was checked, the verdict, the worst values, the kinks."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.engine.bands import Band
from backpropviz.engine.gradcheck import Checked, Outcome, Plan, Report
from backpropviz.engine.kink import Crossing, Flip

_SHOWN = 10
_HEADER = ("value", "analytic", "finite difference", "relative error", "band")


def check_text(report: Report, shown: int = _SHOWN) -> str:
    """The report in lines, the `shown` worst values of it in a table."""
    lines = [
        f"{report.network}: {_what(report.plan)}",
        f"float64, h = {report.h:g}, loss {report.loss:.10g}",
        *_unfinished(report),
        "",
        *_table(report.results[:shown]),
        *_kinks(report.results[:shown]),
        "",
        _bands(report),
        verdict(report),
    ]
    return "\n".join(lines)


def verdict(report: Report) -> str:
    """One sentence: passed or failed, and on how many values."""
    count, fails = len(report.results), len(report.failures)
    excused = [result for result in report.results if result.outcome is Outcome.KINK]
    kinks, closer = len(excused), sum(result.closer is not None for result in excused)
    apart = f"; {closer:,} agree once h is so small that no kink lies within ±h" if closer else ""
    if kinks > closer:
        apart += f"; {kinks - closer:,} could not be judged, since they stand on a kink"
    if fails:
        worst = report.failures[0].address
        return f"FAILED: {fails:,} of {count:,} gradients are wrong, worst {worst}{apart}."
    return f"PASSED: {count - kinks:,} of {count:,} gradients agree{apart}."


def _what(plan: Plan) -> str:
    if plan.is_complete:
        return f"all {plan.count:,} values"
    return (
        f"{plan.count:,} of {plan.size:,} values, at most {plan.per_array:,} of each array, "
        f"drawn with seed {plan.seed}"
    )


def _unfinished(report: Report) -> Iterator[str]:
    if not report.is_finished:
        yield f"stopped after {len(report.results):,} of {report.plan.count:,} values"


def _table(results: tuple[Checked, ...]) -> Iterator[str]:
    if not results:
        return
    rows = [_HEADER, *(_row(result) for result in results)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADER))]
    for row in rows:
        first, *numbers, last = row
        middle = (cell.rjust(w) for cell, w in zip(numbers, widths[1:-1], strict=True))
        yield "  ".join((first.ljust(widths[0]), *middle, last))


def _row(result: Checked) -> tuple[str, ...]:
    error = "" if result.error is None else f"{result.error:.1e}"
    words = "kink" if result.outcome is Outcome.KINK else result.band.words
    words = "WRONG" if result.outcome is Outcome.FAILS else words
    return (
        str(result.address),
        f"{result.analytic + 0.0:.9g}",
        f"{result.numeric + 0.0:.9g}",
        error,
        words,
    )


def _kinks(results: tuple[Checked, ...]) -> Iterator[str]:
    kinked = [result for result in results if result.kinks]
    if kinked:
        yield ""
    for result in kinked:
        others = result.kink_count - 1
        more = f", and {others:,} more" if others else ""
        yield f"{result.address} ± h: {kink_text(result.kinks[0])}{more}{closer_text(result)}"


def closer_text(result: Checked) -> str:
    """What a step says that is too small to reach the kink."""
    if result.closer is None:
        return ""
    verb = "agrees" if result.closer.agrees(result.analytic) else "does not agree either"
    return f"; with h = {result.closer.h:.0e} it {verb}"


def kink_text(kink: Crossing) -> str:
    """What happened, in words."""
    if isinstance(kink, Flip):
        return f"{kink.address} goes from {kink.before + 0.0:.3g} to {kink.after + 0.0:.3g}"
    return f"the winner of {kink.address} changes from {kink.before} to {kink.after}"


def _bands(report: Report) -> str:
    judged = (result for result in report.results if result.outcome is not Outcome.KINK)
    counts = dict.fromkeys(Band, 0)
    for result in judged:
        counts[result.band] += 1
    return ", ".join(f"{band.words}: {count:,}" for band, count in counts.items() if count)
