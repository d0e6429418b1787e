"""Smoothed curves that grow with their runs: only what is new is smoothed."""

from __future__ import annotations

from collections.abc import Sequence

from backpropviz.figures.training.curve_plane import Drawn
from backpropviz.figures.training.curves import ChartKind, Series
from backpropviz.figures.training.smoothing import Smoothed, Smoothing
from backpropviz.frozen import frozen


@frozen(eq=False)
class _Kept:
    series: Series
    smoothed: Smoothed


class CurveCache:
    """Keeps the last line of every curve of every chart."""

    def __init__(self) -> None:
        self._kept: dict[tuple[ChartKind, str], _Kept] = {}

    def drawn(
        self, kind: ChartKind, series: Sequence[Series], smoothing: Smoothing
    ) -> tuple[Drawn, ...]:
        """The series with their lines."""
        return tuple(self._one(kind, one, smoothing) for one in series)

    def _one(self, kind: ChartKind, series: Series, smoothing: Smoothing) -> Drawn:
        if not series.is_smoothed or smoothing.is_none:
            return Drawn(series, series.values)
        key = kind, series.key
        kept = self._kept.get(key)
        before = Smoothed(smoothing)
        if kept is not None and kept.smoothed.smoothing == smoothing and _grew(kept.series, series):
            before = kept.smoothed
        found = before.extended(series.values)
        self._kept[key] = _Kept(series, found)
        return Drawn(series, found.values)


def _grew(before: Series, now: Series) -> bool:
    """Whether a curve goes on from what it was: same beginning, same last known row."""
    count = len(before.iterations)
    if not count or count > len(now.iterations):
        return False
    places = (0, count - 1)
    return all(
        before.iterations[k] == now.iterations[k]
        and (before.values[k] == now.values[k] or before.values[k] != before.values[k])
        for k in places
    )
