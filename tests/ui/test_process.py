"""Where and when garbage is collected."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from pytestqt.qtbot import QtBot

from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.process import (
    _NEW_OBJECTS,
    collect_between_events,
    collect_everything,
    collect_if_due,
)


class Cycle:
    """As many a closed window: nothing but itself holds it."""

    def __init__(self) -> None:
        self.me = self


def test_a_look_holds_nothing_that_another_thread_is_making(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python refuses to finish a tuple that somebody else can see."""
    monkeypatch.setattr(gc, "get_objects", lambda *_: pytest.fail("objects are listed"))
    collect_everything()
    kept = [[number] for number in range(_NEW_OBJECTS + 1)]
    collect_if_due()
    assert kept


def test_cycles_are_destroyed_on_the_window_s_thread_alone(
    window: MainWindow, qtbot: QtBot
) -> None:
    made, threads = Cycle(), list[threading.Thread]()
    weakref.finalize(made, lambda: threads.append(threading.current_thread()))
    del made

    def work() -> None:
        many = [[number] for number in range(2 * _NEW_OBJECTS)]
        assert not threads
        del many

    busy = threading.Thread(target=work)
    busy.start()
    busy.join()
    assert threads == []
    kept = [[number] for number in range(2 * _NEW_OBJECTS)]
    qtbot.waitUntil(lambda: threads == [threading.main_thread()])
    assert kept


def test_what_has_become_old_is_looked_at_once_it_is_many() -> None:
    was_enabled = gc.isenabled()
    collect_between_events()
    try:
        collect_everything()
        made = Cycle()
        ended = weakref.ref(made)
        gc.collect(0)
        gc.collect(1)  # old by now
        del made
        kept: list[list[int]] = []
        while ended() is not None and len(kept) < 40 * _NEW_OBJECTS:
            kept += [[number] for number in range(_NEW_OBJECTS + 1)]
            collect_if_due()
        assert ended() is None
    finally:
        if was_enabled:
            gc.enable()
