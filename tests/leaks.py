"""What a Qt test must not leave behind: top-level widgets, running threads, active timers."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer
from PySide6.QtWidgets import QApplication
from shiboken6 import Shiboken

QTS_OWN_WIDGETS = {"QTipLabel"}


def find_leaks() -> dict[int, str]:
    """Map the identity of each thing that lives or runs now to what it is."""
    return {id(thing): description for thing, description in _living()}


def new_leaks(before: dict[int, str]) -> list[str]:
    """List what has come since `before`, after all that was marked for deletion is gone."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if not _since(before):
        return []
    # Only a reference cycle may have kept it; collecting on every test would be slow.
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return _since(before)


def _since(before: dict[int, str]) -> list[str]:
    return sorted(text for identity, text in find_leaks().items() if identity not in before)


def _living() -> Iterator[tuple[object, str]]:
    for thread in threading.enumerate():
        # Python keeps a dummy for each foreign thread that ever ran its code.
        if not thread.name.startswith("Dummy-"):
            yield thread, f"thread {thread.name}"
    for widget in QApplication.topLevelWidgets():
        if widget.parent() is None and widget.metaObject().className() not in QTS_OWN_WIDGETS:
            yield widget, f"widget {_describe(widget)}"
    for wrapper in Shiboken.getAllValidWrappers():
        if isinstance(wrapper, QTimer) and wrapper.isActive():
            yield wrapper, f"timer {_describe(wrapper)}, every {wrapper.interval()} ms"
        elif isinstance(wrapper, QThread) and wrapper.isRunning() and not _is_main(wrapper):
            yield wrapper, f"QThread {_describe(wrapper)}"


def _is_main(thread: QThread) -> bool:
    application = QCoreApplication.instance()
    return application is not None and thread is application.thread()


def _describe(thing: QObject) -> str:
    return f"{thing.metaObject().className()} {thing.objectName()!r}"
