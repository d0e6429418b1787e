"""Checks that hold for every scene: its texts can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backpropviz.scene.hit import intersection
from backpropviz.scene.marks import Box, Group, Mark, Scene, Text
from backpropviz.scene.text import cap_height, descent, text_start, text_width, x_height

TOLERANCE_PX = 0.5

_SMALL_LETTERS = frozenset("acemnorsuvwxzαεικνορστυω·.,;:-−=+×~ ")
_BELOW_BASELINE = frozenset("gjpqyQJ,;()[]{}|_@$/∂∑∏√βγζημξρςφχψ")


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A text in the scene's coordinates: its ink, and what it may fill."""

    text: str
    ink: Box
    room: Box


def assert_text_is_legible(scene: Scene) -> None:
    """Each text lies inside its clip and the scene, and no two texts' ink intersects."""
    problems = [*texts_outside(scene), *texts_that_overlap(scene)]
    assert not problems, "\n".join([f"{scene.title}, {scene.width}×{scene.height}:", *problems])


def texts_outside(scene: Scene) -> list[str]:
    """A line for each text that is cut."""
    return [
        f"{placed.text!r} at {_shown(placed.ink)} leaves {_shown(placed.room)}"
        for placed in placed_texts(scene)
        if not _is_inside(placed.ink, placed.room)
    ]


def texts_that_overlap(scene: Scene) -> list[str]:
    """A line for each pair of texts that touch."""
    texts = sorted(placed_texts(scene), key=lambda placed: placed.ink.y)
    problems: list[str] = []
    for index, upper in enumerate(texts):
        for lower in texts[index + 1 :]:
            if lower.ink.y >= upper.ink.bottom - TOLERANCE_PX:
                break
            if _overlap(upper.ink, lower.ink):
                problems.append(
                    f"{upper.text!r} at {_shown(upper.ink)} meets "
                    f"{lower.text!r} at {_shown(lower.ink)}"
                )
    return problems


def placed_texts(scene: Scene) -> list[PlacedText]:
    """Every text that is not blank, in the scene's coordinates."""
    return list(_placed(scene.marks, (0.0, 0.0, 1.0), Box(0, 0, scene.width, scene.height)))


def ink_box(text: Text) -> Box:
    """About where the glyphs are: no descent under digits, no capitals over small letters."""
    font = text.font
    small = set(text.text) <= _SMALL_LETTERS
    above = x_height(font) if small else cap_height(font)
    below = descent(font) * 0.9 if _BELOW_BASELINE & set(text.text) else 0.0
    return Box(text_start(text), text.y - above, text_width(text.text, font), above + below)


def _placed(
    marks: Iterable[Mark], frame: tuple[float, float, float], room: Box
) -> Iterator[PlacedText]:
    for mark in marks:
        if isinstance(mark, Group):
            inner = room if mark.clip is None else intersection(room, _moved(mark.clip, frame))
            dx, dy, scale = frame
            moved = (dx + scale * mark.dx, dy + scale * mark.dy, scale * mark.scale)
            yield from _placed(mark.marks, moved, inner)
        elif isinstance(mark, Text) and mark.text.strip():
            yield PlacedText(mark.text, _moved(ink_box(mark), frame), room)


def _moved(box: Box, frame: tuple[float, float, float]) -> Box:
    dx, dy, scale = frame
    return Box(dx + scale * box.x, dy + scale * box.y, scale * box.width, scale * box.height)


def _is_inside(ink: Box, room: Box) -> bool:
    grown = room.inset(-TOLERANCE_PX)
    return (
        grown.x <= ink.x
        and grown.y <= ink.y
        and ink.right <= grown.right
        and ink.bottom <= grown.bottom
    )


def _overlap(first: Box, second: Box) -> bool:
    shared = intersection(first, second)
    return shared.width > TOLERANCE_PX and shared.height > TOLERANCE_PX


def _shown(box: Box) -> str:
    return f"({box.x:.1f}, {box.y:.1f}, {box.width:.1f}×{box.height:.1f})"
