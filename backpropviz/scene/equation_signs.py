"""The signs of an equation that grow with what they hold: delimiters, roots, bars, and ∑."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi
from typing import TypeAlias

from backpropviz.scene.equation_setting import (
    LETTERS,
    SIGNS,
    Box,
    Setting,
    around,
    font,
    letters,
)
from backpropviz.scene.marks import Mark, Path, Rect, Stroke

_BIG_ASCENT, _BIG_DESCENT = 0.78, 0.25  # ink of ∑ and ∏ in em of their own size


def bar(width: float, thickness: float, setting: Setting) -> Box:
    """A bar that stands on its baseline."""
    color, key = setting.color(), setting.key

    def draw(x: float, y: float) -> Mark:
        return Rect(x, y - thickness, width, thickness, fill=color, key=key)

    return Box(width, thickness, 0.0, draw)


def big_sign(text: str, setting: Setting) -> Box:
    """∑ or ∏ centered on the axis, or a word such as max."""
    if len(text) > 1:
        return letters(text, font(LETTERS, setting.size), setting)
    size = setting.size * setting.style.big_size / setting.style.size
    sign = letters(text, font(SIGNS, size), setting)
    down = round((_BIG_ASCENT - _BIG_DESCENT) / 2 * size - setting.axis)
    ascent, descent = _BIG_ASCENT * size - down, _BIG_DESCENT * size + down
    return Box(sign.width, ascent, descent, None, ((0.0, float(down), sign),))


def delimited(item: Box, left: str, right: str, setting: Setting) -> Box:
    """A box between two delimiters, as letters while it is low and as outlines when it is tall."""
    height = max(item.ascent - setting.axis, item.descent + setting.axis)
    opening, closing = (_delimiter(text, height, setting) for text in (left, right))
    x = opening.width
    return around([(0.0, 0.0, opening), (x, 0.0, item), (x + item.width, 0.0, closing)])


def _delimiter(text: str, half_height: float, setting: Setting) -> Box:
    if half_height < 0.75 * setting.size or text not in _OUTLINES:
        return letters(text, font(LETTERS, setting.size), setting)
    half = half_height + 0.06 * setting.size
    width = 0.42 * setting.size
    shape = _OUTLINES[text](width, half, setting.rule)
    middle, color, key = setting.axis, setting.color(), setting.key

    def draw(x: float, y: float) -> Mark:
        points = tuple((x + px, y - middle + py) for px, py in shape)
        return Path(points, fill=color, closed=True, key=key)

    return Box(width, half + middle, half - middle, draw)


Outline: TypeAlias = tuple[tuple[float, float], ...]
OutlineOf: TypeAlias = Callable[[float, float, float], Outline]
"""The points around a delimiter of a width, half height and line thickness."""


def _parenthesis(width: float, half: float, rule: float) -> Outline:
    """A crescent, thickest in the middle."""
    heights = [-half * cos(pi * step / 12) for step in range(13)]
    reach = 0.62 * width
    edge = 0.86 * width

    def bow(height: float, depth: float) -> float:
        return edge - depth * (1 - (height / half) ** 2)

    outer = [(bow(height, reach), height) for height in heights]
    inner = [(bow(height, reach - 1.6 * rule), height) for height in reversed(heights)]
    return (*outer, *inner)


def _bracket(width: float, half: float, rule: float) -> Outline:
    left, right = 0.3 * width, 0.85 * width
    return (
        (right, -half), (left, -half), (left, half), (right, half),
        (right, half - rule), (left + rule, half - rule),
        (left + rule, rule - half), (right, rule - half),
    )  # fmt: skip


def _upright_bar(width: float, half: float, rule: float) -> Outline:
    left = (width - rule) / 2
    return ((left, -half), (left + rule, -half), (left + rule, half), (left, half))


def _mirrored(outline: OutlineOf) -> OutlineOf:
    def mirror(width: float, half: float, rule: float) -> Outline:
        return tuple((width - x, y) for x, y in outline(width, half, rule))

    return mirror


_OUTLINES: Mapping[str, OutlineOf] = {
    "(": _parenthesis,
    ")": _mirrored(_parenthesis),
    "[": _bracket,
    "]": _mirrored(_bracket),
    "|": _upright_bar,
}


def root(item: Box, setting: Setting) -> Box:
    """A box under a root sign."""
    size, rule = setting.size, setting.rule
    top, bottom = item.ascent + 0.12 * size + rule, item.descent
    lead, width = 0.62 * size, 0.66 * size + item.width
    stroke, key = Stroke(setting.color(), rule), setting.key
    shape = ((0.06, -0.3 * size), (0.18 * size, -0.38 * size), (0.36 * size, bottom), (lead, -top))

    def draw(x: float, y: float) -> Mark:
        points = (*((x + px, y + py) for px, py in shape), (x + width, y - top))
        return Path(points, stroke, key=key)

    return Box(width + 0.06 * size, top + rule, bottom, draw, ((lead, 0.0, item),))
