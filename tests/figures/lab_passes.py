"""Base points and ancestries of bundled networks, for the figures about nudging and provenance."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backpropviz.debugger.ancestry import Ancestry
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.nudge import BasePoint, base_point_of
from backpropviz.figures.view import View
from backpropviz.scene.marks import Scene, Text
from backpropviz.scene.text import decimal_of
from backpropviz.scene.theme import DARK, LIGHT
from tests.figures.map_views import at, start

THEMES = (LIGHT, DARK)
NETWORKS = ("tiny-max", "lenet")


@lru_cache
def point_of(name: str) -> BasePoint:
    return base_point_of(start(name).tape)


@lru_cache
def finished(name: str) -> View:
    view = start(name)
    return at(view, view.timeline.steps, Depth.PASS)


@lru_cache
def ancestry_of(name: str) -> Ancestry:
    view = start(name)
    return Ancestry(view.tape, view.timeline.operations)


def texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.walk() if isinstance(mark, Text)]


def keyed_texts(scene: Scene, key: str) -> list[str]:
    return [m.text for m in scene.walk() if isinstance(m, Text) and m.key == key]


def says(text: str, value: float) -> bool:
    """Whether a shown number is the value, rounded to the digits that are shown."""
    number = decimal_of(text)
    if not number.is_finite():
        return not np.isfinite(value)
    unit = 10.0 ** int(number.as_tuple().exponent)
    return bool(abs(float(number) - value) <= unit * 0.5001 + abs(value) * 1e-12)
