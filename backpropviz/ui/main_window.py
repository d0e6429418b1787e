"""The one window: from the first paint, after which the engine is loaded, to the last question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSettings, QSize, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog

from backpropviz.ui.process import collect_between_events, collect_if_due
from backpropviz.ui.recent import last_session_file, saved_state
from backpropviz.ui.requests import OpenRequest, request_for
from backpropviz.ui.shell import Shell
from backpropviz.ui.windows import bounded, keep_on_screen

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from backpropviz.ui.background import Background
    from backpropviz.ui.palette import CommandPalette
    from backpropviz.ui.workbench import Workbench

FIRST_SIZE = QSize(1440, 900)
_GEOMETRY = "window/geometry"
_PULSE_MS = 500


class MainWindow(Shell):
    """What a person opens, as soon as it can be; `workbench` is None until the engine is loaded."""

    ready = Signal()

    def __init__(self, theme: str | None = None) -> None:
        super().__init__(theme)
        self.workbench: Workbench | None = None
        self._waiting: OpenRequest | None = None
        self._loader: Background | None = None
        self.asks_before_closing = False
        """Whether a person is there to be asked; else what is in no file is kept."""
        self.start_page.painted.connect(self._after_first_paint)
        self.start_page.requested.connect(self.open)
        self.start_page.files_wanted.connect(self.choose_files)
        self.start_page.resume_wanted.connect(self.resume_session)
        geometry = saved_state(_GEOMETRY)
        if geometry is None or not self.restoreGeometry(geometry):
            self.resize(bounded(self, FIRST_SIZE))
        keep_on_screen(self)
        self._first_size = self.size()
        collect_between_events()
        # A signal, too, reaches Python only when Python code runs now and then.
        pulse = QTimer(self)
        pulse.timeout.connect(collect_if_due)
        pulse.start(_PULSE_MS)

    def _bind(self) -> None:
        self.actions_by_name.bind(
            {
                "open": self.choose_files,
                "open_example": self.open_example,
                "open_lenet": self.open_lenet,
                "resume": self.resume,
                "quit": self.close,
                "paste": self.paste,
                "palette": self.show_palette,
                "preferences": self.show_preferences,
                "toggle_theme": self.toggle_theme,
                "shortcuts": self.show_shortcuts,
                "about": self.show_about,
            }
        )

    def _after_first_paint(self) -> None:
        QTimer.singleShot(0, self, self._go_on)

    def _go_on(self) -> None:
        """After the first paint: what keys and menus do, and then the engine."""
        if self.size() == self._first_size:
            # By now the window manager has told what its frame takes.
            keep_on_screen(self)
        from backpropviz.ui.actions import ActionSet
        from backpropviz.ui.background import Background

        self.actions_by_name = ActionSet(self)
        self.actions_by_name.fill(self.menus)
        self._bind()
        self.actions_by_name.use_theme(self.theme)
        if self._waiting is None:
            self.start_page.refresh(self.theme)
        self.actions_by_name.enable(
            has_pass=False, has_last_session=last_session_file().exists(), shows_pass=False
        )
        QGuiApplication.styleHints().colorSchemeChanged.connect(self.follow_desktop)
        self._loader = Background(self)
        self._loader.answered.connect(self._take_engine)
        self._loader.failed.connect(self.tell_error)
        self._loader.run(_import_workbench)

    def _take_engine(self, build: Callable[[Shell], Workbench]) -> None:
        self.workbench = build(self)
        self.theme_changed.connect(self.workbench.use_theme)
        self.preferences_changed.connect(self.workbench.read_preferences)
        self.workbench.controller.failed.connect(self._tell_failure)
        self.ready.emit()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.workbench.open(waiting)
        else:
            self.workbench.fill_start_page()

    def open_at_start(
        self,
        files: tuple[str, ...],
        network: str | None,
        lesson: str | None = None,
        mode: str = "",
        dropout_seed: int | None = None,
    ) -> None:
        """Open what the command line names, once the engine is there."""
        if files or network or lesson:
            request = request_for(files, network, lesson)
            self.open(replace(request, mode=mode, dropout_seed=dropout_seed))

    def open(self, request: OpenRequest) -> None:
        """Open a network, an image or both; while the engine loads, the newest request waits."""
        if self.workbench is None:
            self._waiting = request
            self.status.say("Loading…")
            return
        self.workbench.open(request)

    def open_example(self) -> None:
        """Open the 3×3 example."""
        self.open(OpenRequest(network="tiny-max"))

    def open_lenet(self) -> None:
        """Open LeNet on its example digit."""
        self.open(OpenRequest(network="lenet"))

    def resume(self) -> None:
        """Open what a window has left; else the session that was open when it was closed."""
        if self.workbench is not None and self._has_offer:
            self.workbench.resuming.resume()
        else:
            self.resume_session()

    def resume_session(self) -> None:
        """Open the session that was open when the window was closed."""
        if last_session_file().exists():
            self.open(OpenRequest(network=str(last_session_file())))

    @property
    def _has_offer(self) -> bool:
        return self.workbench is not None and self.workbench.resuming.has_offer

    def choose_files(self) -> None:
        """Ask for files and open them."""
        from PySide6.QtWidgets import QFileDialog

        names, _ = QFileDialog.getOpenFileNames(
            self,
            "Open an image, a network, a session or a lesson",
            str(QSettings().value("folder/open", "")),
            (
                "All that can be opened (*.png *.jpg *.jpeg *.gif *.bmp *.tif *.tiff *.webp *.avif"
                " *.json *.bpv *.toml);;All files (*)"
            ),
        )
        if names:
            QSettings().setValue("folder/open", names[0].rpartition("/")[0])
            self.open(request_for(names))

    def paste(self) -> None:
        """Open the picture or the file on the clipboard."""
        from backpropviz.ui.requests import request_from

        content = QGuiApplication.clipboard().mimeData()
        request = request_from(content)
        if request is None:
            self.tell("The clipboard holds no picture and no file: copy one first.")
        else:
            self.open(request)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() or event.mimeData().hasImage():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        from backpropviz.ui.requests import request_from

        request = request_from(event.mimeData())
        if request is not None:
            event.acceptProposedAction()
            self.open(request)

    def _tell_failure(self, error: BaseException) -> None:
        """What could not be opened leaves what is there: at the start, the start page."""
        self.tell_error(error)
        if self.workbench is not None and self.workbench.controller.opened is None:
            self.start_page.refresh(self.theme)
            self.workbench.fill_start_page()

    def show_palette(self) -> None:
        """Find an action, a layer or an address, and do what is chosen."""
        palette = self.command_palette()
        palette.taken.connect(palette.run)
        palette.open()

    def command_palette(self) -> CommandPalette:
        """Over the window that a person works in, with all that can be done now."""
        from backpropviz.ui.palette import CommandPalette, action_entries
        from backpropviz.ui.windows import front

        entries, go = action_entries(self.actions_by_name), None
        if self.workbench is not None:
            entries += self.workbench.palette_entries()
            go = None if self.workbench.training.is_shown else self.workbench.commands.go_to_text
        return CommandPalette(front(self), self.theme, entries, go)

    def end(self) -> None:
        """Close without a question, whatever is open: the program is asked to end."""
        self.asks_before_closing = False
        for dialog in self.findChildren(QDialog):
            if dialog.isModal() and dialog.isVisible():
                dialog.reject()
        self.close()
        QApplication.quit()

    def _wants_to_keep(self) -> bool | None:
        """Whether to keep what is in no file; None: the window stays."""
        bench = self.workbench
        unsaved = () if bench is None else bench.autosave.unsaved()
        application = QApplication.instance()
        is_logout = isinstance(application, QApplication) and application.isSavingSession()
        if not self.asks_before_closing or bench is None or not unsaved or is_logout:
            return True
        from backpropviz.ui.autosave import ClosingChoice, ask_to_close

        answer = ask_to_close(self, unsaved, is_training=bench.training.is_running)
        if answer is ClosingChoice.KEEP and not self._can_keep():
            return None
        return None if answer is ClosingChoice.CANCEL else answer is ClosingChoice.KEEP

    def _can_keep(self) -> bool:
        from backpropviz.errors import UserError
        from backpropviz.ui.kept_work import check_keepable

        try:
            check_keepable()
        except UserError as error:
            self.tell_error(error)
            return False
        return True

    def closeEvent(self, event: QCloseEvent) -> None:
        keeps = self._wants_to_keep()
        if keeps is None:
            event.ignore()
            return
        QSettings().setValue(_GEOMETRY, self.saveGeometry())
        self.close_dialogs()
        if self.workbench is not None:
            self.workbench.close(keeps=keeps)
        if self._loader is not None:
            self._loader.stop()
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange and self.workbench is not None:
            self.workbench.pause_if_minimized()


def _import_workbench() -> object:
    """Import all that debugging needs, on the loader's thread; returns what builds it."""
    from backpropviz.ui.workbench import Workbench

    return Workbench
