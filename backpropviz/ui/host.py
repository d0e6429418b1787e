"""What a window beside the main one, a dialog's opener or a desk may ask of the main window.

The main window makes all of them; none of them knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtWidgets import QMainWindow, QWidget

from backpropviz.scene.theme import Theme

if TYPE_CHECKING:
    from backpropviz.ui.actions import ActionSet
    from backpropviz.ui.controller import Controller
    from backpropviz.ui.controls import Offer
    from backpropviz.ui.pointing import Pointing
    from backpropviz.ui.requests import OpenRequest
    from backpropviz.ui.shell import StatusLine
    from backpropviz.ui.stage_view import StageView


class Host(Protocol):
    """The main window with what is open in it; whatever is opened has `window` as its parent."""

    @property
    def window(self) -> QMainWindow: ...
    @property
    def theme(self) -> Theme: ...
    @property
    def actions(self) -> ActionSet: ...
    @property
    def status(self) -> StatusLine: ...
    @property
    def controller(self) -> Controller: ...
    @property
    def stage(self) -> StageView: ...
    @property
    def pointing(self) -> Pointing: ...

    def say(self, text: str) -> None:
        """A sentence in the status line, until the next one."""

    def tell(self, text: str, offer: Offer | None = None) -> None:
        """A sentence that stays until dismissed; `offer` does something about it."""

    def tell_error(self, error: BaseException) -> None:
        """What went wrong, in a sentence."""

    def open(self, request: OpenRequest) -> None:
        """Open a network, an image, a run or a lesson."""

    def add_page(self, page: QWidget) -> None:
        """Something that can be shown in the window's middle."""

    def enable_actions(self) -> None:
        """Something came or went on which actions depend."""
