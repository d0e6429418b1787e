"""The program with its window: from the first paint to the exit code.

The shell (menus, start page) is painted before NumPy is loaded; what debugging needs is imported
right after.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from backpropviz.assets import __version__
from backpropviz.errors import MachineError
from backpropviz.ui.process import check_display

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.process import Ending


def run_window(
    files: tuple[str, ...],
    network: str | None,
    theme: str | None,
    lesson: str | None = None,
    mode: str = "",
    dropout_seed: int | None = None,
) -> int:
    """Show the window until it is closed.

    Raises:
        MachineError: there is no display, or Qt lacks a library.
    """
    check_display()
    from backpropviz.ui.process import ended_by_signals

    with ended_by_signals() as ending:
        return _run(
            ending,
            theme,
            lambda window: window.open_at_start(files, network, lesson, mode, dropout_seed),
        )


def _run(ending: Ending, theme: str | None, begin: Callable[[MainWindow], None]) -> int:
    try:
        application = make_application()
        from PySide6.QtCore import QTimer

        from backpropviz.ui.main_window import MainWindow
    except ImportError as error:
        raise MachineError(
            f"Qt cannot be loaded ({error}): type “python -m backpropviz doctor” to see what is "
            "missing."
        ) from None
    window = MainWindow(theme)
    window.asks_before_closing = True

    def close_soon() -> None:
        # A signal arrives between any two instructions, inside an event handler perhaps.
        QTimer.singleShot(0, window, window.end)

    ending.close = close_soon
    _show_errors_in(window)
    begin(window)
    window.show()
    return int(application.exec())


def make_application() -> QApplication:
    """The one application object, named, with its fonts."""
    from PySide6.QtWidgets import QApplication

    from backpropviz.ui.process import use_plain_import

    use_plain_import()
    from backpropviz.ui.appearance import note_desktop

    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    application = QApplication(["backpropviz"])
    application.setApplicationName("BackpropViz")
    application.setApplicationVersion(__version__)
    application.setOrganizationName("BackpropViz")
    application.setDesktopFileName("backpropviz")
    note_desktop(application)
    return application


def _show_errors_in(window: MainWindow) -> None:
    """Tell an error that nothing caught in one sentence; Python prints it where asked for."""
    prints_traceback = "--debug" in sys.argv
    original = sys.excepthook

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            window.close()
            return
        if prints_traceback:
            original(kind, error, traceback)
        window.tell_error(error)

    sys.excepthook = hook
