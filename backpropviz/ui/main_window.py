"""The window's shell: menus, start page, status bar. What debugging needs joins after the paint.

Nothing up to the first paint touches Qt's `Qt` namespace: making its enumerations in Python takes
as long as a sixth of a bare window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSettings, QSize, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QStackedWidget

from backpropviz.scene.theme import Theme
from backpropviz.ui.appearance import (
    apply_theme,
    choose_theme,
    chosen_theme_name,
    remember_desktop,
    resolve_theme,
)
from backpropviz.ui.menus import MENUS, Menu, with_letters
from backpropviz.ui.recent import last_session_file, saved_state
from backpropviz.ui.requests import OpenRequest, request_for
from backpropviz.ui.start_page import StartPage
from backpropviz.ui.status_line import StatusLine
from backpropviz.ui.windows import bounded, keep_on_screen

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent

    from backpropviz.ui.actions import ActionSet
    from backpropviz.ui.background import Background
    from backpropviz.ui.controls import Offer
    from backpropviz.ui.workbench import Workbench

FIRST_SIZE = QSize(1440, 900)
SMALLEST_SIZE = QSize(800, 440)
_GEOMETRY = "window/geometry"


class MainWindow(QMainWindow):
    """The one window; `workbench` is None until the engine is loaded."""

    ready = Signal()
    actions_by_name: ActionSet
    """From the first paint on."""

    def __init__(self, theme: str | None = None) -> None:
        super().__init__()
        self._theme_name = theme or chosen_theme_name()
        self.theme: Theme = resolve_theme(self._theme_name)
        self._dress()
        self.workbench: Workbench | None = None
        self._waiting: OpenRequest | None = None
        self._loader: Background | None = None
        self.asks_before_closing = False
        """Whether a person is there to be asked; else what is in no file is kept."""
        self._build()

    def _build(self) -> None:
        self.setWindowTitle("BackpropViz")
        self.setAcceptDrops(True)
        self.setMinimumSize(SMALLEST_SIZE)
        self.setDockNestingEnabled(True)
        self.menuBar().setFixedHeight(28)
        self.menus = {
            title: Menu(text, self) for title, text in zip(MENUS, with_letters(MENUS), strict=True)
        }
        for menu in self.menus.values():
            self.menuBar().addMenu(menu)
        self.status = StatusLine(self)
        self.setStatusBar(self.status)
        self.start_page = StartPage(self)
        self.start_page.painted.connect(self._after_first_paint)
        self.start_page.requested.connect(self.open)
        self.start_page.files_wanted.connect(self.choose_files)
        self.start_page.resume_wanted.connect(self.resume)
        self.pages = QStackedWidget(self)
        self.pages.addWidget(self.start_page)
        self.setCentralWidget(self.pages)
        self.start_page.setFocus()
        geometry = saved_state(_GEOMETRY)
        if geometry is None or not self.restoreGeometry(geometry):
            self.resize(bounded(self, FIRST_SIZE))
        keep_on_screen(self)
        self._first_size = self.size()

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

    def enable_actions(self) -> None:
        """Enable what can be used now."""
        self.actions_by_name.enable(
            has_pass=self.workbench is not None and self.workbench.controller.opened is not None,
            has_last_session=last_session_file().exists() or self._has_offer,
            has_run=self.workbench is not None and self.workbench.training.has_run,
            shows_pass=self.workbench is not None and not self.workbench.training.is_shown,
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
        self.enable_actions()
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_desktop)
        self._loader = Background(self)
        self._loader.answered.connect(self._take_engine)
        self._loader.failed.connect(self.tell_error)
        self._loader.run(_import_workbench)

    def _take_engine(self, build: Callable[[MainWindow], Workbench]) -> None:
        self.workbench = build(self)
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
        elif last_session_file().exists():
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

    def tell(self, text: str, offer: Offer | None = None) -> None:
        """Say a sentence that must be read: above the status bar until dismissed."""
        from backpropviz.ui.controls import show_notice

        self.status.say("")
        show_notice(self, text, self.theme, offer)

    def tell_error(self, error: BaseException) -> None:
        """Say what went wrong; the session is as it was."""
        from backpropviz.ui.background import sentence

        self.tell(sentence(error))

    def _tell_failure(self, error: BaseException) -> None:
        """What could not be opened leaves what is there: at the start, the start page."""
        self.tell_error(error)
        if self.workbench is not None and self.workbench.controller.opened is None:
            self.start_page.refresh(self.theme)
            self.workbench.fill_start_page()

    def pulse(self) -> None:
        """Let Python run, so that it sees signals such as Ctrl+C."""

    def show_palette(self) -> None:
        """Find an action, a layer or an address."""
        from backpropviz.ui.palette import show_palette

        show_palette(self)

    def show_preferences(self) -> None:
        """Theme, speed, color map, motion."""
        from backpropviz.ui.information import PreferencesDialog

        dialog = PreferencesDialog(self)
        dialog.theme_chosen.connect(self.use_theme)
        dialog.exec()
        dialog.deleteLater()
        if self.workbench is not None:
            self.workbench.read_preferences()

    def show_shortcuts(self) -> None:
        """All keys on one sheet."""
        from backpropviz.ui.information import ShortcutSheet

        dialog = ShortcutSheet(self)
        dialog.exec()
        dialog.deleteLater()

    def show_about(self) -> None:
        """Version, libraries, licenses."""
        from backpropviz.ui.information import AboutDialog

        dialog = AboutDialog(self)
        dialog.exec()
        dialog.deleteLater()

    def use_theme(self, name: str) -> None:
        """Take a theme and remember it: system, light or dark."""
        choose_theme(name)
        self._theme_name = name
        self._change_theme()

    def toggle_theme(self) -> None:
        """From light to dark, or back."""
        self.use_theme("light" if self.theme.name == "dark" else "dark")

    def _follow_desktop(self) -> None:
        remember_desktop()
        if self._theme_name == "system":
            self._change_theme()

    def _change_theme(self) -> None:
        self.theme = resolve_theme(self._theme_name)
        from backpropviz.ui.controls import dress_notice

        self._dress()
        self._color()
        dress_notice(self, self.theme)
        if self.workbench is not None:
            self.workbench.use_theme(self.theme)

    def _dress(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, self.theme)

    def _color(self) -> None:
        self.actions_by_name.use_theme(self.theme)
        self.start_page.use_theme(self.theme)

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
        from backpropviz.ui.closing import ClosingChoice, ask_to_close

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
        self._close_dialogs()
        if self.workbench is not None:
            self.workbench.close(keeps=keeps)
        if self._loader is not None:
            self._loader.stop()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        from backpropviz.ui.windows import press_focused_button

        if not press_focused_button(self, event):
            super().keyPressEvent(event)

    def _close_dialogs(self) -> None:
        """No dialog outlives the window that it asks for."""
        from PySide6.QtWidgets import QDialog

        for dialog in self.findChildren(QDialog):
            dialog.close()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange and self.workbench is not None:
            self.workbench.pause_if_minimized()


def _import_workbench() -> object:
    """Import all that debugging needs, on the loader's thread; returns what builds it."""
    from backpropviz.ui.workbench import Workbench

    return Workbench
