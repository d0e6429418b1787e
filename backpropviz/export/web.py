"""Frames as one HTML file that steps both ways, without a network and without a program.

What frames share is written once: a frame names its parts, a part its lines, and a line the shapes
of its characters. The script only puts them together.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from html import escape
from pathlib import Path
from typing import Final

from backpropviz.assets import resource
from backpropviz.errors import UsageError
from backpropviz.export.formats import ExportOptions
from backpropviz.export.fragments import fragments
from backpropviz.export.svg import SvgPart, svg_parts
from backpropviz.files.atomic import write_text
from backpropviz.scene.slide import Slide
from backpropviz.scene.theme import Theme

_ICONS: Final = {
    "first": ("First step", "Home", "M6 4v12M15 4.5 9.5 10l5.5 5.5"),
    "back": ("Step back", "Left", "M12.5 4.5 7 10l5.5 5.5"),
    "next": ("Step on", "Right", "M7.5 4.5 13 10l-5.5 5.5"),
    "last": ("Last step", "End", "M14 4v12M5 4.5 10.5 10 5 15.5"),
    "full": ("Full screen", "F", "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4"),
}


def write_html(slides: Iterable[Slide], _count: int, path: Path, options: ExportOptions) -> None:
    """Write all slides as one page, whole or not at all.

    Raises:
        UsageError: there is no slide.
        UserError: the disk refuses.
    """
    deck = _Deck(options)
    for slide in slides:
        deck.add(slide)
    write_text(path, deck.page())


def write_fragments(
    slides: Iterable[Slide], _count: int, path: Path, options: ExportOptions
) -> None:
    """Write all slides as one SVG of fragments, whole or not at all.

    Raises:
        UsageError: there is no slide.
        UserError: the disk refuses.
    """
    write_text(path, fragments(slides, text_as_text=options.text_as_text))


class _Deck:
    """What has been met so far, each thing once."""

    def __init__(self, options: ExportOptions) -> None:
        self._options = options
        self._shapes: dict[str, str] = {}
        self._lines: dict[str, int] = {}
        self._parts: dict[tuple[int, ...], int] = {}
        self._themes: dict[str, Theme] = {}
        self._frames: list[dict[str, object]] = []
        self._first: tuple[Slide, tuple[SvgPart, ...]] | None = None

    def add(self, slide: Slide) -> None:
        """Take one more frame."""
        parts = svg_parts(slide, text_as_text=self._options.text_as_text)
        if self._first is None:
            self._first = slide, parts
        for part in parts:
            self._shapes.update(part.shapes)
        self._themes.setdefault(slide.theme.name, slide.theme)
        self._frames.append(
            {
                "title": slide.title,
                "notes": slide.notes if self._options.notes else "",
                "address": slide.address,
                "step": slide.step,
                "theme": slide.theme.name,
                "background": slide.background[:7],
                "width": slide.width,
                "height": slide.height,
                "parts": [self._number_of(part) for part in parts],
            }
        )

    def _number_of(self, part: SvgPart) -> int:
        lines = tuple(self._lines.setdefault(line, len(self._lines)) for line in part.lines)
        return self._parts.setdefault(lines, len(self._parts))

    def page(self) -> str:
        """The whole file."""
        if self._first is None:
            raise UsageError("There is no frame to export; choose a range with at least one step.")
        slide, parts = self._first
        script = resource("web", "stepper.js").read_text(encoding="utf-8")
        style = resource("web", "stepper.css").read_text(encoding="utf-8")
        deck = {
            "lines": list(self._lines),
            "parts": [list(part) for part in self._parts],
            "frames": self._frames,
        }
        frame = self._frames[0]
        texts = {name: escape(str(frame[name])) for name in ("title", "notes", "address", "step")}
        shapes = "".join(f'<path id="{name}" d="{d}"/>' for name, d in sorted(self._shapes.items()))
        return _PAGE.format(
            theme=slide.theme.name,
            policy=_policy(script),
            title=texts["title"] or "BackpropViz",
            style="".join(map(_colors, self._themes.values()))
            + f"@page{{size:{slide.width:g}px {slide.height:g}px;margin:0}}\n{style}",
            shapes=shapes,
            ratio=f"{slide.width / slide.height:.6g}",
            size=f"{slide.width:g} {slide.height:g}",
            picture="\n".join(line for part in parts for line in part.lines),
            heading=texts["title"],
            notes=texts["notes"],
            address=texts["address"],
            step=texts["step"],
            count=len(self._frames),
            deck=_inert(deck),
            script=script,
            **{name: _button(name) for name in _ICONS},
        )


def _policy(script: str) -> str:
    """Nothing is loaded, and no other script runs, whatever a title says."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _inert(deck: Mapping[str, object]) -> str:
    """JSON that ends no script element."""
    text = json.dumps(deck, ensure_ascii=False, separators=(",", ":"))
    # Only these begin what would end it, or a comment or script in it; most markup stays short.
    return re.sub("<(?=[/!?sS])", r"\\u003c", text)


def _colors(theme: Theme) -> str:
    """A theme's colors as the page's style names them."""
    roles = [field.name for field in fields(theme) if str(getattr(theme, field.name))[:1] == "#"]
    named = ";".join(f"--{role.replace('_', '-')}:{getattr(theme, role)}" for role in roles)
    return f"html[data-theme={theme.name}]{{{named};--page:var(--panel)}}\n"


def _button(name: str) -> str:
    words, key, outline = _ICONS[name]
    return (
        f'<button type="button" id="{name}" aria-label="{words}" title="{words} ({key})">'
        f'<svg viewBox="0 0 20 20" aria-hidden="true"><path d="{outline}"/></svg></button>'
    )


_PAGE: Final = """<!DOCTYPE html>
<html lang="en" data-theme="{theme}" style="--ratio:{ratio}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="generator" content="BackpropViz">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main id="stage">
<svg id="slide" role="img" aria-label="{heading}" viewBox="0 0 {size}">{picture}</svg>
</main>
<section id="words" aria-live="polite" aria-label="This step">
<h1 id="title" dir="auto">{heading}</h1>
<p id="notes" dir="auto">{notes}</p>
<p id="place"><bdi id="address">{address}</bdi> <bdi id="step">{step}</bdi></p>
</section>
<nav id="bar" aria-label="Steps">
{first}
{back}
<input type="range" id="slider" min="1" max="{count}" step="1" value="1" aria-label="Step">
{next}
{last}
<output id="count" for="slider">1 of {count}</output>
{full}
</nav>
<noscript>
<p class="alone">This page steps with JavaScript; without it, it shows the first frame.</p>
</noscript>
<div id="pages" aria-hidden="true"></div>
<svg id="shapes" width="0" height="0" aria-hidden="true"><defs>{shapes}</defs></svg>
<script type="application/json" id="deck">{deck}</script>
<script>{script}</script>
</body>
</html>
"""
