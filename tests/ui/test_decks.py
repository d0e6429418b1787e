"""From a slide back to the moment that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from backpropviz.cli.commands import main
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.export.formats import ExportOptions
from backpropviz.export.pptx import write
from backpropviz.figures.frames import frames
from backpropviz.figures.slides.deck import SlideRange
from backpropviz.figures.slides.look import SlideLook
from backpropviz.named_file import deck_named
from backpropviz.scene.theme import LIGHT
from backpropviz.ui import application
from backpropviz.ui.kept_work import saved_in, session_bytes
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.requests import request_for
from tests.ui.bench import bench_of
from tests.ui.conftest import Open

_FIRST, _LAST = "conv1.weight.grad[0,0,0,0]", "conv1.weight.grad[0,0,1,1]"


@pytest.fixture
def deck(window: MainWindow, open_in: Open, tmp_path: Path) -> Path:
    """Sixteen slides of an example in which a number was changed and a breakpoint set."""
    open_in(network="tiny-max")
    controller = bench_of(window).controller
    opened = controller.opened
    assert opened is not None
    found = frames(opened.view, _FIRST, _LAST, Depth.TERM, (1920, 1080), LIGHT)
    path = tmp_path / "talk.pptx"
    write(SlideRange(found, SlideLook()), 16, path, ExportOptions(session=session_bytes(opened)))
    return path


def test_a_slide_opens_where_it_was_taken(window: MainWindow, open_in: Open, deck: Path) -> None:
    open_in(network="lenet")
    open_in(network=f"{deck}#7")
    opened = bench_of(window).controller.opened
    assert opened is not None
    assert opened.subject.network == "tiny-max"
    assert opened.view.depth is Depth.TERM
    assert opened.focus_address == parse("conv1.weight.grad[0,0,0,1]")
    assert opened.view.term is not None
    assert opened.view.term.number == 3


def test_a_deck_is_opened_as_a_network_by_any_way_in(deck: Path) -> None:
    for name in (str(deck), f"{deck}#12"):
        assert request_for([name]).network == name
    assert deck_named(f"{deck}#12") == (deck, 12)
    assert deck_named(str(deck)) == (deck, 1)
    assert deck_named(f"{deck}#x") is None
    assert deck_named("nothing.pptx#2") is None


def test_what_leads_nowhere_gets_a_sentence(deck: Path) -> None:
    with pytest.raises(UserError, match="16 slides: there is no slide 17"):
        saved_in(f"{deck}#17")


def test_the_command_line_takes_a_slide(deck: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, ...]] = []

    def run(files: tuple[str, ...], *_rest: object) -> int:
        opened.append(files)
        return 0

    monkeypatch.setattr(application, "run_window", run)
    assert main([f"{deck}#7"]) == 0
    assert main(["open", str(deck)]) == 0
    assert opened == [(f"{deck}#7",), (str(deck),)]
    assert main(["open", f"{deck}7"]) == 2
