"""What a page of frames holds, read as a browser reads it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any, Final

from backpropviz.export.svg import svg_document

_EMPTY: Final = {"meta", "link", "input"}


class PageReader(HTMLParser):
    """The elements of a page, each closed in its turn, and the texts of some."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        name = self.elements[-1][1].get("id", "") if self.elements else ""
        if name:
            self.texts[name] = self.texts.get(name, "") + data

    @property
    def deck(self) -> Any:
        """The frames, their parts and lines."""
        return json.loads(self.texts["deck"])


def rebuilt(page: str) -> list[str]:
    """Each frame's SVG document, put together from what the page holds."""
    deck = PageReader(page).deck
    block = re.search(r'<svg id="shapes".*?</svg>', page, re.DOTALL)
    assert block is not None
    shapes = dict(re.findall(r'<path id="([^"]*)" d="([^"]*)"/>', block[0]))
    documents = []
    for frame in deck["frames"]:
        lines = [deck["lines"][line] for part in frame["parts"] for line in deck["parts"][part]]
        used = set(re.findall(r'<use xlink:href="#([^"]*)"', "\n".join(lines)))
        known = {name: shapes[name] for name in used}
        size = frame["width"], frame["height"]
        documents.append(svg_document(*size, frame["title"], known, lines))
    return documents
