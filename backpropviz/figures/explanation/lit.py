"""What lights up where a term or a value is pointed at: an overlay, so that nothing is redrawn."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from backpropviz.scene.cells import framed
from backpropviz.scene.hit import Place, places
from backpropviz.scene.marks import Mark, Rect, Scene
from backpropviz.scene.theme import Theme

_SMALL = 12.0
_WIDE = 4.0
_TINT = "2E"


def lit_marks(scene: Scene, keys: Collection[str], theme: Theme) -> tuple[Mark, ...]:
    """The places of some keys: cells outlined, texts and rows tinted."""
    return tuple(mark for place in places(scene, keys) for mark in _lit(place, theme))


def _lit(place: Place, theme: Theme) -> Iterator[Mark]:
    box, color = place.box, theme.text_secondary
    if place.is_text or box.width > _WIDE * box.height:
        around = box.inset(-2) if place.is_text else box
        edges = (around.x, around.y, around.width, around.height)
        yield Rect(*edges, fill=f"{color}{_TINT}", radius=3.0)
        return
    yield from framed(box.inset(-1) if box.width < _SMALL else box, color, theme, 2.0)
