"""A gradient check as a table: the worst values first, each with its verdict and its kinks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from backpropviz.engine.bands import Band
from backpropviz.engine.check_text import closer_text, verdict
from backpropviz.engine.gradcheck import Checked, Outcome, Report
from backpropviz.figures.analysis.check_badge import error_text, outcome_colors, sign
from backpropviz.figures.analysis.nudge_course import kink_words
from backpropviz.figures.analysis.nudge_sweep import band_colors, small
from backpropviz.figures.explanation.stack import Part, baseline, paragraph, space, stacked
from backpropviz.figures.number_groups import counted
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.fonts import elide, text_width
from backpropviz.scene.marks import Anchor, Color, Font, Line, Mark, Rect, Scene, Stroke, Text
from backpropviz.scene.numbers import with_sign
from backpropviz.scene.theme import Theme

SHOWN: Final = 40
_PADDING, _ROW, _NOTE = 16.0, 24.0, 18.0
_GAP, _LEAST_NAME, _SIGN = 20.0, 150.0, 18.0
_NUMBERS: Final = styles.NUMBER_SMALL


@frozen
class _Column:
    """A heading above texts; `is_right` puts them at the right edge."""

    title: str
    texts: tuple[str, ...]
    font: Font
    is_right: bool = True

    @property
    def width(self) -> float:
        """That of the widest text."""
        texts = max((text_width(text, self.font) for text in self.texts), default=0.0)
        return max(texts, text_width(self.title, styles.LABEL))


def check_figure(report: Report, width: float, theme: Theme, shown: int = SHOWN) -> Scene:
    """The verdict, how many values each band has, and the `shown` worst ones.

    A row's key is the value's address, that of the line below it the kink's.
    """
    inner = width - 2 * _PADDING
    listed = report.results[:shown]
    parts = [
        paragraph(_verdict(report), styles.SENTENCE, 22, theme.text, inner, _PADDING),
        space(4),
        paragraph(scope(report), styles.BODY, 20, theme.text_secondary, inner, _PADDING),
        space(12),
        _counts(report, inner, theme),
        space(12),
        _table(listed, inner, theme),
    ]
    others = len(report.results) - len(listed)
    if others > 0:
        text = f"and {counted(others, 'value')} more, each of them closer"
        parts += [
            space(6),
            paragraph(text, styles.LABEL, 16, theme.text_secondary, inner, _PADDING),
        ]
    column = stacked(parts, _PADDING)
    return Scene(width, column.height + _PADDING, theme.panel, column.marks, "gradient check")


def scope(report: Report) -> str:
    """What was checked, and how."""
    plan = report.plan
    what = f"All {plan.count:,} values"
    if not plan.is_complete:
        what = (
            f"{plan.count:,} of {plan.size:,} values, at most {plan.per_array:,} of each array, "
            f"drawn with seed {plan.seed}"
        )
    if not report.is_finished:
        what += f"; stopped after {len(report.results):,}"
    return f"{what}. Central differences in float64 with h = {small(report.h)}."


def _verdict(report: Report) -> str:
    return verdict(report).replace("PASSED: ", "").replace("FAILED: ", "")


def _counts(report: Report, width: float, theme: Theme) -> Part:
    """A colored square, the band's words and its count, on as many lines as they need."""
    judged = [result for result in report.results if result.outcome is not Outcome.KINK]
    entries = [
        (band.words, sum(result.band is band for result in judged), band_colors(band, theme)[0])
        for band in Band
    ]
    kinks = report.outcomes.get(Outcome.KINK, 0)
    entries.append(("kink within ±h", kinks, theme.loss))
    marks: list[Mark] = []
    x, y, font = _PADDING, 0.0, styles.ROW
    for words, count, color in (entry for entry in entries if entry[1]):
        number = f"{count:,}"
        used = 14 + text_width(words, font) + 6 + text_width(number, _NUMBERS)
        if x > _PADDING and x + used > _PADDING + width:
            x, y = _PADDING, y + 20
        line = baseline(y, 20, font)
        marks.append(Rect(x, y + 6, 8, 8, fill=color, radius=2.0))
        marks.append(Text(x + 14, line, words, font, theme.text_secondary))
        place = x + 14 + text_width(words, font) + 6
        marks.append(Text(place, line, number, _NUMBERS, theme.text))
        x += used + 18
    return Part(tuple(marks), y + 20)


def _table(results: Sequence[Checked], width: float, theme: Theme) -> Part:
    columns, name_width = _fitting(_columns(results), width)
    edges = _edges(columns, name_width)
    marks: list[Mark] = [*_headings(columns, edges, name_width, theme)]
    y = _ROW
    for number, result in enumerate(results):
        marks.extend(_row(result, number, columns, edges, y, (name_width, width), theme))
        y += _ROW
        if result.kinks:
            marks.append(_kink_line(result, y - 4, width, theme))
            y += _NOTE
    return Part(tuple(marks), y)


def _columns(results: Sequence[Checked]) -> tuple[_Column, ...]:
    return (
        _Column("analytic", tuple(pair_texts(r)[0] for r in results), _NUMBERS),
        _Column("finite difference", tuple(pair_texts(r)[1] for r in results), _NUMBERS),
        _Column("relative error", tuple(map(error_text, results)), _NUMBERS),
        _Column("verdict", tuple(map(_words, results)), styles.ROW, is_right=False),
    )


def pair_texts(result: Checked) -> tuple[str, str]:
    """Both numbers with nine digits, enough to see where they part; integers as integers."""
    pair = result.analytic, result.numeric
    texts = [f"{value + 0.0:.9g}" for value in pair]
    if any("." in text for text in texts):
        texts = [f"{value:#.9g}" if value else "0" for value in pair]
    analytic, numeric = (with_sign(_plain_power(text), signed=False) for text in texts)
    return analytic, numeric


def _plain_power(text: str) -> str:
    mantissa, _, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if power else mantissa


def _words(result: Checked) -> str:
    if result.outcome is Outcome.KINK:
        return "kink"
    return "wrong" if result.outcome is Outcome.FAILS else result.band.words


def _fitting(columns: tuple[_Column, ...], width: float) -> tuple[tuple[_Column, ...], float]:
    """The columns that leave the address some room: the verdict first, then the error."""
    for kept in (columns, columns[2:], columns[3:]):
        used = sum(column.width + _GAP for column in kept) + _SIGN
        if width - used >= _LEAST_NAME:
            return kept, width - used
    return columns[3:], max(40.0, width - _SIGN - _GAP - columns[3].width)


def _edges(columns: tuple[_Column, ...], name_width: float) -> tuple[float, ...]:
    """The left edge of each column."""
    edges, x = [], _PADDING + name_width + _GAP
    for column in columns:
        x += _SIGN if not column.is_right else 0.0
        edges.append(x)
        x += column.width + _GAP
    return tuple(edges)


def _headings(
    columns: tuple[_Column, ...], edges: tuple[float, ...], name_width: float, theme: Theme
) -> Iterator[Mark]:
    font, ink = styles.LABEL, theme.text_secondary
    y = baseline(0, _ROW, font)
    yield Text(_PADDING, y, elide("value, the worst first", font, name_width), font, ink)
    for column, edge in zip(columns, edges, strict=True):
        yield _cell(column.title, column, edge, y, font, ink)


def _cell(text: str, column: _Column, edge: float, y: float, font: Font, ink: Color) -> Text:
    if column.is_right:
        return Text(edge + column.width, y, text, font, ink, Anchor.END)
    return Text(edge, y, text, font, ink)


def _row(
    result: Checked,
    number: int,
    columns: tuple[_Column, ...],
    edges: tuple[float, ...],
    top: float,
    widths: tuple[float, float],
    theme: Theme,
) -> Iterator[Mark]:
    key = str(result.address)
    ink = outcome_colors(result.outcome, theme)[0]
    if result.outcome is Outcome.AGREES:
        ink = band_colors(result.band, theme)[0]
    yield Line(_PADDING, top + 0.5, _PADDING + widths[1], top + 0.5, Stroke(theme.border))
    yield Rect(_PADDING, top + 1, widths[1], _ROW - 1, fill=theme.panel + "00", key=key)
    name = elide(key, styles.MONO, widths[0])
    y = baseline(top, _ROW, styles.MONO)
    yield Text(_PADDING, y, name, styles.MONO, theme.text, key=key)
    for column, edge in zip(columns, edges, strict=True):
        is_verdict = not column.is_right
        if is_verdict:
            yield from sign(result.outcome, edge - _SIGN / 2 - 2, top + _ROW / 2, ink)
        color = ink if is_verdict else theme.text
        line = baseline(top, _ROW, column.font)
        yield _cell(column.texts[number], column, edge, line, column.font, color)


def _kink_line(result: Checked, top: float, width: float, theme: Theme) -> Text:
    """The first kink within ±h, and how many others there are."""
    kink = result.kinks[0]
    others = result.kink_count - 1
    more = f", and {others:,} more" if others else ""
    text = f"within ±h {kink.address}: {kink_words(kink)}{more}{closer_text(result)}"
    font = styles.LABEL
    shown = elide(text, font, width - 12)
    place = baseline(top, _NOTE, font)
    return Text(_PADDING + 12, place, shown, font, theme.loss, key=str(kink.address))
