"""Frames as one SVG whose pieces come and go, for Reveal.js and for Quarto.

What no frame changes stands by itself. Everything else is a fragment: it comes at the step that
brings it and goes at the step that replaces it. As a picture by itself the file shows its first
frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backpropviz.errors import UsageError
from backpropviz.export.svg import SvgPart, svg_document, svg_parts
from backpropviz.frozen import frozen
from backpropviz.scene.slide import Slide


@frozen
class FragmentRun:
    """A part as it stands from one frame to another, both included, counted from 0."""

    part: SvgPart
    first: int
    last: int


def fragments(slides: Iterable[Slide], *, text_as_text: bool = False) -> str:
    """The SVG document; the fragment of index i brings frame i + 2."""
    runs: dict[str, list[FragmentRun]] = {}
    order: list[str] = []
    width = height = 0.0
    title, count = "", 0
    for slide in slides:
        parts = svg_parts(slide, text_as_text=text_as_text)
        _insert(order, [part.name for part in parts])
        for part in parts:
            _lengthen(runs.setdefault(part.name, []), part, count)
        width, height = max(width, slide.width), max(height, slide.height)
        title = title or slide.title
        count += 1
    if not count:
        raise UsageError("There is no frame to export; choose a range with at least one step.")
    every = [run for name in order for run in runs[name]]
    shapes = {name: path for run in every for name, path in run.part.shapes.items()}
    lines = (line for run in every for line in _fragment(run, count))
    return svg_document(width, height, title, shapes, lines, is_fluid=True)


def _insert(order: list[str], names: list[str]) -> None:
    """Take new names into the order of drawing, each behind what lies below it."""
    at = 0
    for name in names:
        if name in order:
            at = order.index(name) + 1
        else:
            order.insert(at, name)
            at += 1


def _lengthen(runs: list[FragmentRun], part: SvgPart, frame: int) -> None:
    if runs and runs[-1].last == frame - 1 and runs[-1].part.lines == part.lines:
        runs[-1] = FragmentRun(part, runs[-1].first, frame)
    else:
        runs.append(FragmentRun(part, frame, frame))


def _fragment(run: FragmentRun, count: int) -> Iterator[str]:
    """The part's lines in the groups that let it come and go.

    `visibility` is an attribute, so that any style of a presentation wins over it.
    """
    comes, goes = run.first > 0, run.last < count - 1
    if run.first == run.last and comes and goes:
        groups = [_group("fragment current-visible", run.first, is_hidden=True)]
    else:
        groups = [_group("fragment", run.first, is_hidden=True)] if comes else []
        groups += [_group("fragment fade-out", run.last + 1)] if goes else []
    yield from groups
    yield from _renamed(run) if comes else run.part.lines
    yield from ["</g>"] * len(groups)


def _group(kind: str, frame: int, *, is_hidden: bool = False) -> str:
    hidden = ' visibility="hidden"' if is_hidden else ""
    # What replaces a part comes at once, so that a grid does not go pale between two steps.
    return (
        f'<g class="{kind}" data-fragment-index="{frame - 1}" data-step="{frame + 1}"{hidden} '
        'style="transition:none">'
    )


def _renamed(run: FragmentRun) -> Iterator[str]:
    """The lines with an identifier of their own."""
    first, *others = run.part.lines
    name = run.part.name
    yield first.replace(f'id="{name}"', f'id="{name}-at-{run.first + 1}"', 1)
    yield from others
