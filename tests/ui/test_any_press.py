"""Press anything in any window, in any order: no error, no warning, and the memory stays flat.

A run of the suite makes a few hundred events from a fresh seed, which it prints; `ANY_PRESSES` and
`ANY_PRESSES_SEED` in the environment ask for more of them, and for the same again.
"""

from __future__ import annotations

import ctypes
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import ClassVar, Final

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QAction, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QFileDialog,
    QLineEdit,
    QMenu,
    QWidget,
)
from shiboken6 import isValid

from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.process import collect_everything
from backpropviz.ui.requests import OpenRequest
from tests.ui.bench import bench_of
from tests.ui.training.conftest import small_run

EVENTS: Final = int(os.environ.get("ANY_PRESSES", "250"))
SEED: Final = int(os.environ.get("ANY_PRESSES_SEED", "0")) or secrets.randbelow(10**9) + 1
_WITHOUT: Final = {"quit"}
_KEYS: Final = (
    *(Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Space),
    *(Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Home),
    *(Qt.Key.Key_End, Qt.Key.Key_Delete, Qt.Key.Key_PageDown, Qt.Key.Key_F6, Qt.Key.Key_F9),
    *(Qt.Key.Key_F10, Qt.Key.Key_F11, Qt.Key.Key_F5, Qt.Key.Key_E, Qt.Key.Key_N, Qt.Key.Key_W),
)
_TEXTS: Final = ("", "3", "-1", "1e9", "nan", "conv1.weight.grad[0,0,0,1]", "<b>&amp;", "²", "گربه")
_NETWORKS: Final = ("tiny-max", "tiny-avg", "tiny-dense", "mlp")
_FRESH: Final = 700
"""Events until everything is closed and a small network opened: some states lead nowhere new."""
_CHECKPOINTS_BYTES: Final = 8 * 2**20
"""Of all runs: what is kept of the past grows up to a budget, which is to be full early."""
_GROWTH_MB: Final = 80
"""From a third of the events to their end. Qt keeps 14 KB of a separator at each panel that comes
back, and caches fill; of 20,000 events the last 13,000 added 46 MB."""


class Presser:
    """A hand that does anything that can be done with what is in sight."""

    def __init__(self, window: MainWindow, random: Random) -> None:
        self._window, self._random = window, random
        self.done: list[str] = []
        self._popups = QTimer(window)
        self._popups.setInterval(20)
        self._popups.timeout.connect(self._leave_popup)
        self._popups.start()
        self._acts: Sequence[tuple[float, Callable[[], object]]] = (
            (4.0, self.trigger),
            (3.0, self.click),
            (2.0, self.push),
            (3.0, self.key),
            (1.0, self.write),
            (0.5, self.wheel),
            (0.3, self.open),
            (0.2, self.resize),
            (0.5, self.close_one),
        )

    def press(self) -> None:
        """One event, and a little time for the window."""
        weights = [weight for weight, _ in self._acts]
        (act,) = self._random.choices([act for _, act in self._acts], weights)
        act()
        for _ in range(self._random.randint(0, 3)):
            QCoreApplication.processEvents()

    def tidy(self) -> None:
        """Close all windows but the first, and let go what was closed."""
        for widget in QApplication.topLevelWidgets():
            if widget is not self._window and widget.isVisible():
                widget.close()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def rest(self) -> None:
        """No more events."""
        self._popups.stop()

    def _leave_popup(self) -> None:
        """A menu that a button opens waits in a loop of its own: choose from it, or leave it."""
        popup = QApplication.activePopupWidget()
        if popup is None:
            return
        if isinstance(popup, QMenu) and self._random.random() < 0.5:
            choices = [a for a in popup.actions() if a.isEnabled() and a.objectName() != "quit"]
            if choices:
                chosen = self._random.choice(choices)
                self._note(f"chosen {chosen.text()}")
                # Later: what it opens may wait in a loop again, and this timer must go on.
                QTimer.singleShot(0, chosen, chosen.trigger)
        popup.close()

    def _note(self, what: str) -> None:
        self.done = [*self.done[-30:], what]

    def _front(self) -> QWidget:
        """The window that takes events: a popup or a modal dialog before any other."""
        blocking = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if blocking is not None:
            return blocking
        shown = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w.isWindow()]
        return self._random.choice(shown or [self._window])

    def _some(self, kind: type[QWidget]) -> QWidget | None:
        inside = _usable(self._front(), kind)
        return self._random.choice(inside) if inside else None

    def trigger(self) -> None:
        """Any action of the table or of a menu that is enabled, unless something blocks."""
        if QApplication.activeModalWidget() is not None:
            return
        menus = [a for menu in self._window.findChildren(QMenu) for a in menu.actions()]
        actions: list[QAction] = [*self._window.actions_by_name.by_name.values(), *menus]
        action = self._random.choice([a for a in actions if a.objectName() not in _WITHOUT])
        if action.isEnabled() and action.text() != "Quit":
            self._note(f"action {action.objectName() or action.text()}")
            action.trigger()

    def click(self) -> None:
        widget = self._some(QWidget)
        if widget is None or widget.width() < 1 or widget.height() < 1:
            return
        at = QPoint(self._random.randrange(widget.width()), self._random.randrange(widget.height()))
        self._note(f"click {type(widget).__name__} {widget.objectName()} {at.toTuple()}")
        is_double = self._random.random() < 1 / 6
        presses = (QTest.mousePress, QTest.mouseRelease)
        again = (_double_press, QTest.mouseRelease)
        for act in (*presses, *again) if is_double else presses:
            # What a press opens may have closed the widget, which a window system would know.
            if isValid(widget) and widget.isVisible():
                act(widget, Qt.MouseButton.LeftButton, pos=at)

    def push(self) -> None:
        button = self._some(QAbstractButton)
        if isinstance(button, QAbstractButton):
            self._note(f"push {button.accessibleName() or button.text()}")
            button.click()

    def key(self) -> None:
        widget = QApplication.focusWidget() or self._front()
        key = self._random.choice(_KEYS)
        held = self._random.choices(
            (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier), (4, 1)
        )[0]
        self._note(f"key {key.name} in {type(widget).__name__}")
        QTest.keyClick(widget, key, held)

    def write(self) -> None:
        line = self._some(QLineEdit)
        if isinstance(line, QLineEdit):
            text = self._random.choice(_TEXTS)
            self._note(f"write {text!r} in {line.accessibleName()}")
            line.selectAll()
            line.insert(text)  # as typed: a validator has its say
            line.textEdited.emit(text)
            QTest.keyClick(line, Qt.Key.Key_Return)

    def wheel(self) -> None:
        names = ("zoom_in", "zoom_out", "zoom_reset", "to_start", "to_end")
        action = self._window.actions_by_name[self._random.choice(names)]
        if action.isEnabled():
            action.trigger()

    def open(self) -> None:
        self._note("open")
        self._window.open(OpenRequest(network=self._random.choice(_NETWORKS)))

    def resize(self) -> None:
        self._window.resize(*self._random.choice(((960, 640), (1280, 800), (1440, 900))))

    def close_one(self) -> None:
        front = self._front()
        if front is not self._window:
            self._note(f"close {type(front).__name__}")
            front.close()


def _usable(window: QWidget, kind: type[QWidget]) -> list[QWidget]:
    """What can be used in a window; a child may be gone of which Python has heard nothing."""
    found = (widget for widget in window.findChildren(kind) if isValid(widget))
    return [widget for widget in found if widget.isVisible() and widget.isEnabled()]


def _double_press(widget: QWidget, button: Qt.MouseButton, *, pos: QPoint) -> None:
    """The second press of a double click."""
    place, far = QPointF(pos), QPointF(widget.mapToGlobal(pos))
    kind, held = QEvent.Type.MouseButtonDblClick, Qt.KeyboardModifier.NoModifier
    QCoreApplication.sendEvent(widget, QMouseEvent(kind, place, far, button, button, held))


def memory_mb() -> tuple[float, float]:
    """What the process uses of its memory, and what it has of the system's; 0 where none says it.

    The second is larger by what lies free between blocks in use, which grows to a bound of its own.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        library = ctypes.CDLL("libc.so.6")
        library.mallinfo2.restype = _MallocFacts
    except (OSError, AttributeError):
        return 0.0, 0.0
    facts = library.mallinfo2()
    used = facts.uordblks + facts.hblkhd
    return used / 1e6, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class _MallocFacts(ctypes.Structure):
    """`struct mallinfo2` of the C library."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@pytest.fixture
def no_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there to answer: a modal dialog is shown and left open, a file is not chosen."""
    monkeypatch.setattr(QDialog, "exec", _shown)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("", ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([], ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: "")


def _shown(dialog: QDialog) -> int:
    """What `exec` does, for as long as a few events take; then it is as if Esc was pressed."""
    dialog.show()
    random = Random(SEED)
    for _ in range(12):
        inside = _usable(dialog, QWidget)
        if inside and dialog.isVisible():
            widget = random.choice(inside)
            QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
        QCoreApplication.processEvents()
    if dialog.isVisible():
        dialog.reject()
    return dialog.result()


@pytest.mark.usefixtures("no_questions")
def test_anything_can_be_pressed(
    window: MainWindow, capsys: pytest.CaptureFixture[str], record_property: Callable[..., None]
) -> None:
    with capsys.disabled():
        print(f"\nANY_PRESSES={EVENTS} ANY_PRESSES_SEED={SEED}", end=" ")
    record_property("seed", SEED)
    # Any list of commands offers it, and nothing could be pressed after it.
    window.actions_by_name["quit"].triggered.disconnect()
    presser = Presser(window, Random(SEED))
    room = bench_of(window).training.room
    room.begin(small_run(), starts=False)
    held: list[float] = []
    for number in range(EVENTS):
        presser.press()
        if number % _FRESH == _FRESH - 1:
            presser.tidy()
            room.controller.pause()
            for run in room.controller.state.runs[:-1]:
                room.controller.remove(run.number)
            room.controller.resize(_CHECKPOINTS_BYTES)
            window.open(OpenRequest(network="tiny-max"))
            collect_everything()  # what is held, not what waits to be used again
            used, taken = memory_mb()
            held.append(used)
            with capsys.disabled():
                print(f"{number + 1:,}: {used:.0f} of {taken:.0f} MB", end="  ", flush=True)
    presser.tidy()
    presser.rest()
    assert window.isVisible(), presser.done
    assert all(run.error is None for run in room.controller.state.runs), presser.done
    settled = held[len(held) // 3 :]
    assert not settled or settled[-1] - settled[0] < _GROWTH_MB, held
