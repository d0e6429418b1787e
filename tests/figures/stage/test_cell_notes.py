"""Notes in the cells of one plane are shown in all of them or in none."""

from __future__ import annotations

import pytest

from backpropviz.debugger.timeline import Depth
from backpropviz.figures.stage.stage import stage
from backpropviz.scene.cells import fitting_notes
from backpropviz.scene.marks import Box, Text
from backpropviz.scene.theme import LIGHT
from tests.figures.map_views import at_step, start


@pytest.mark.parametrize("width", range(560, 1300, 20))
@pytest.mark.parametrize("name", ["tiny-max", "tiny-avg"])
def test_a_minus_sign_does_not_decide_which_weights_are_noted(name: str, width: int) -> None:
    view = at_step(start(name), "conv1.weight.grad", 0, Depth.ELEMENT)
    scene = stage(view, width, 524, LIGHT)
    texts = [mark.text for mark in scene.walk() if isinstance(mark, Text)]
    noted = [text for text in texts if text.replace(" ", "").startswith("W=")]
    assert len(noted) in {0, 4}, noted


def test_notes_lose_their_spaces_before_they_are_left_out() -> None:
    notes = ("W = 1", "W = -1")
    assert fitting_notes(notes, Box(0, 0, 60, 40)) == {"W = 1": "W = 1", "W = -1": "W = -1"}
    assert fitting_notes(notes, Box(0, 0, 36, 40)) == {"W = 1": "W=1", "W = -1": "W=-1"}
    assert fitting_notes(notes, Box(0, 0, 26, 40)) == {"W = 1": "", "W = -1": ""}
