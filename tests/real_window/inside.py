"""Run the true program, and answer questions about it on a socket.

A question is a Python expression, worked out on the GUI thread as soon as it is true. Names that it
may use: `app`, `window` (the main window), `focus`, `popup`, `titles()`, `target()`, and the lists
`fired` (names of the actions that were triggered) and `pressed` (keys that reached a window).
"""

from __future__ import annotations

import json
import queue
import runpy
import socket
import sys
import threading
import time
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAction, QImage, QKeyEvent, QWindow
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QWidget,
)

MODIFIERS = {Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta}
POLL_MS = 15


class Witness(QObject):
    """Lives on the GUI thread: sees keys and actions, and answers."""

    def __init__(self, app: QApplication) -> None:
        super().__init__()
        self._app = app
        self.questions: queue.Queue[tuple[str, float]] = queue.Queue()
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.fired: list[str] = []
        self.pressed: list[str] = []
        self._actions: set[int] = set()
        self._asked: tuple[str, float] | None = None
        self._timer: QTimer | None = None

    def event(self, event: QEvent) -> bool:
        if event.type() != QEvent.Type.User:
            return super().event(event)
        if self._timer is None:
            self._timer = QTimer(self)
            self._timer.setInterval(POLL_MS)
            self._timer.timeout.connect(self._try)
            self._app.installEventFilter(self)
        self._asked = self.questions.get()
        self._try()
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        # Of a key that reaches a window, Qt first asks whether it is a shortcut.
        is_press = event.type() == QEvent.Type.ShortcutOverride
        if is_press and isinstance(event, QKeyEvent) and isinstance(watched, QWindow):
            key = Qt.Key(event.key())
            if key not in MODIFIERS and not event.isAutoRepeat():
                self.pressed.append(key.name)
        return False

    def _note(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.fired.append(action.objectName() or action.text())

    def _try(self) -> None:
        if self._asked is None or self._timer is None:
            return
        expression, until = self._asked
        try:
            value = eval(expression, self._names())  # noqa: S307 - our own tests ask
            answer = {"value": value}
        except Exception as error:  # noqa: BLE001 - what is asked may not be there yet
            value, answer = None, {"error": f"{type(error).__name__}: {error}"}
        if value or time.monotonic() > until:
            self._timer.stop()
            self._asked = None
            self.answers.put(answer)
        else:
            self._timer.start()

    def _names(self) -> dict[str, Any]:
        tops = [widget for widget in self._app.topLevelWidgets() if widget.isVisible()]
        window = next((w for w in self._app.topLevelWidgets() if hasattr(w, "start_page")), None)
        if window is not None and hasattr(window, "actions_by_name"):
            for action in window.actions_by_name.by_name.values():
                if id(action) not in self._actions:
                    self._actions.add(id(action))
                    action.triggered.connect(self._note)
        popup, focus = self._app.activePopupWidget(), self._app.focusWidget()

        def target() -> str:
            """What gets the next key: the popup's own focus where one is open."""
            found = focus if popup is None else popup.focusWidget()
            found = popup if found is None else found
            return type(found).__name__ if found is not None else ""

        return {
            "app": self._app,
            "window": window,
            "focus": focus,
            "popup": popup,
            "tops": tops,
            "titles": lambda: sorted({top.windowTitle() for top in tops if top.windowTitle()}),
            "target": target,
            "fired": self.fired,
            "pressed": self.pressed,
            "QMenu": QMenu,
            "QLineEdit": QLineEdit,
            "QLabel": QLabel,
            "QWidget": QWidget,
            "QPushButton": QPushButton,
            "of_kind": lambda name: _of_kind(tops, name),
            "center": _center,
            "find": _find,
            "QTimer": QTimer,
            "gray_image": _gray_image,
            "in_scroll_area": _in_scroll_area,
            "calm": lambda: _calm(self._app, window),
            "begin_run": lambda: _begin_run(window),
        }


def _of_kind(tops: list[QWidget], name: str) -> list[Any]:
    """The visible widgets of a class, by its name."""
    found = [w for top in tops for w in (top, *top.findChildren(QWidget)) if w.isVisible()]
    return [widget for widget in found if name in {cls.__name__ for cls in type(widget).__mro__}]


def _center(widget: QWidget) -> list[int]:
    """Where a widget's middle is on the screen, in its physical pixels."""
    point, ratio = widget.mapToGlobal(widget.rect().center()), widget.devicePixelRatioF()
    return [round(point.x() * ratio), round(point.y() * ratio)]


def _gray_image(width: int, height: int) -> QImage:
    image = QImage(width, height, QImage.Format.Format_Grayscale8)
    image.fill(128)
    return image


def _in_scroll_area(widget: QWidget) -> bool:
    """Whether a person can scroll to it."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QScrollArea):
        above = above.parentWidget()
    return above is not None


def _find(scene: Any, key: str) -> Any:
    from backpropviz.scene.hit import find

    return find(scene, key)


def _calm(app: QApplication, window: Any) -> bool:
    """Close a thing that is open; true once the pass is in sight and the stage in focus."""
    popup, modal = app.activePopupWidget(), app.activeModalWidget()
    beside = [w for w in app.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]
    floating = _of_kind([window], "Floating")
    stage = window.workbench.stage
    if popup is not None:
        popup.close()
    elif modal is not None:
        modal.close()
    elif beside:
        beside[0].close()
    elif floating:
        floating[0].leave()
    elif window.workbench.training.is_shown:
        window.workbench.training.leave()
    elif not window.isActiveWindow():
        window.activateWindow()
    elif window.workbench.controller.opened is not None and not stage.hasFocus():
        stage.setFocus()
    elif stage.focused_key:
        stage._focus(None)
    else:
        return bool(stage.hasFocus())
    return False


def _begin_run(window: Any) -> None:
    """A small run, as the dialog for a new run would begin it."""
    from tests.ui.training.conftest import small_run

    window.workbench.training.room.begin(small_run(), starts=False)


def serve(path: str) -> None:
    """Answer one question after another, from a thread of its own."""
    while (app := QCoreApplication.instance()) is None:
        time.sleep(0.01)
    assert isinstance(app, QApplication)
    witness = Witness(app)
    witness.moveToThread(app.thread())
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        while True:
            line, _ = server.accept()
            with line, line.makefile("rw", encoding="utf-8") as stream:
                question = json.loads(stream.readline())
                until = time.monotonic() + question["patience"]
                witness.questions.put((question["expression"], until))
                QCoreApplication.postEvent(witness, QEvent(QEvent.Type.User))
                stream.write(json.dumps(witness.answers.get(), default=str))


if __name__ == "__main__":
    threading.Thread(target=serve, args=(sys.argv.pop(1),), daemon=True).start()
    runpy.run_module("backpropviz", run_name="__main__", alter_sys=True)
