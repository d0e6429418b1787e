"""The process around the window: its garbage, its imports, its display, the signals that end it.

Garbage is looked for between events, on the window's thread alone: a closed window is often a
cycle, and Qt crashes where another thread, in the middle of its work, destroys a widget. It is
looked for rarely, and never among what stays: a figure makes thousands of small objects that free
themselves.
"""

from __future__ import annotations

import builtins
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

from backpropviz.errors import MachineError

_NEW_OBJECTS, _YOUNG_PER_MIDDLE, _MIDDLE_PER_FULL = 50_000, 4, 2


def collect_between_events() -> None:
    """Leave all cycles to `collect_if_due`."""
    gc.disable()


def collect_if_due() -> None:
    """Look for cycles if many objects are new; called on the window's thread.

    Objects that are alive are only counted: a list of them would hold one that another thread is
    just making, which Python forbids.
    """
    young, middle, old = gc.get_count()
    if young < _NEW_OBJECTS:
        return
    if middle >= _YOUNG_PER_MIDDLE and old >= _MIDDLE_PER_FULL:
        collect_everything()
    else:
        gc.collect(int(middle >= _YOUNG_PER_MIDDLE))


def collect_everything() -> None:
    """Look among all objects that were not set aside, and give back what was freed.

    The C library of Linux keeps freed memory that lies between what is still in use.
    """
    import ctypes

    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def set_aside_what_stays() -> None:
    """Collect once, then never look again at modules, classes and all else that is alive now."""
    gc.collect()
    gc.freeze()


_PYSIDE_IMPORT, _IMPORT_BEFORE = "__feature_import__", "__orig_import__"


def use_plain_import() -> None:
    """Import as before PySide was loaded; nothing happens where its import is not in front."""
    before = getattr(builtins, _IMPORT_BEFORE, None)
    if before is not None and builtins.__import__.__name__ == _PYSIDE_IMPORT:
        builtins.__import__ = before


_XCB_LIBRARIES: Final = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}


def check_display(environment: Mapping[str, str] = os.environ) -> None:
    """Pass where a window can be shown.

    Raises:
        MachineError: there is no display, or a library for it is missing; it says what to type.
    """
    if not sys.platform.startswith("linux") or environment.get("QT_QPA_PLATFORM"):
        return
    if _has_wayland(environment):
        return
    display = environment.get("DISPLAY", "")
    if not display:
        raise MachineError(
            "There is no display here: run this on a desktop, or type "
            "“xvfb-run python -m backpropviz” for a virtual one; the other commands "
            "(explain, record, export) need none."
        )
    missing = [package for library, package in _XCB_LIBRARIES.items() if not _loads(library)]
    if missing:
        raise MachineError(
            f"Qt needs {' and '.join(missing)} to show a window here: type "
            f"“sudo apt install {' '.join(missing)}”."
        )
    if not _answers(display):
        raise MachineError(
            f"The display “{display}” does not answer: check DISPLAY, or type "
            "“xvfb-run python -m backpropviz” for a virtual one."
        )


def _has_wayland(environment: Mapping[str, str]) -> bool:
    name, folder = environment.get("WAYLAND_DISPLAY"), environment.get("XDG_RUNTIME_DIR")
    if not name:
        return False
    return Path(name).is_absolute() or bool(folder and Path(folder, name).exists())


def _loads(library: str) -> bool:
    import ctypes

    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _answers(display: str) -> bool:
    """Whether an X server takes a connection."""
    import ctypes

    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode(), None)
    works = bool(xcb.xcb_connection_has_error(connection) == 0)
    xcb.xcb_disconnect(connection)
    return works


ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Ending:
    """Whether a signal has asked for the end; `close` is called once there is a window.

    Ctrl+C before that ends the program as in any command.
    """

    def __init__(self) -> None:
        self.close: Callable[[], None] | None = None

    def take(self, number: int, _frame: FrameType | None) -> None:
        """A signal: Python hands it over between two of its instructions."""
        if self.close is not None:
            self.close()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Take signals until the program ends; what is ignored, as under nohup, stays so."""
    ending = Ending()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in ENDING}
    taken = [n for n, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, ending.take)
    try:
        yield ending
    finally:
        for number in taken:
            signal.signal(number, before[number])
