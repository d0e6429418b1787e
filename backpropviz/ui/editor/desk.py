"""The way to the network editor and from it: to the debugger, to training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal

from backpropviz.engine.value import Shape
from backpropviz.scene.theme import Theme
from backpropviz.ui.host import Host
from backpropviz.ui.opened import suits
from backpropviz.ui.requests import OpenRequest

if TYPE_CHECKING:
    from backpropviz.engine.architecture.draft import Draft
    from backpropviz.engine.model import Model
    from backpropviz.ui.editor.draft import DraftController
    from backpropviz.ui.editor.window import NetworkEditor
    from backpropviz.ui.kept_work import KeptDraft

_DIGITS: Final[Shape] = (1, 28, 28)


class EditorDesk(QObject):
    """Made once; what is drafted stays until the program ends.

    `train_wanted` carries a model that is to be trained; `changed` when the draft did.
    """

    changed = Signal()
    train_wanted = Signal(object)

    def __init__(self, host: Host) -> None:
        super().__init__(host.window)
        self._host = host
        self.editor: NetworkEditor | None = None
        self._kept: DraftController | None = None
        self._made: Model | None = None
        host.actions.bind({"new_network": self.new_network, "edit_network": self.edit_network})

    @property
    def unsaved(self) -> Draft | None:
        """A draft that is in no file."""
        kept = self._kept
        return kept.draft if kept is not None and kept.is_unsaved else None

    @property
    def kept_draft(self) -> KeptDraft | None:
        """The same with what it began with, to be kept."""
        from backpropviz.ui.kept_work import KeptDraft

        if self._kept is None or self.unsaved is None:
            return None
        return KeptDraft(self._kept.draft, self._kept.base, self.editor is not None)

    def take_kept(self, kept: KeptDraft) -> None:
        """The draft of another window; it is still in no file."""
        from backpropviz.ui.editor.draft import DraftController

        if self.editor is not None:
            self.editor.close()
        controller = DraftController(kept.draft, kept.base, self)
        controller.in_file = None
        self._keep(controller)
        if kept.is_shown:
            self.new_network()

    def new_network(self) -> None:
        """Open the editor: on what was drafted last, else on a network to begin with."""
        from backpropviz.ui.editor.draft import DraftController
        from backpropviz.ui.editor.window import new_draft

        if self.editor is None:
            shape, names = self._wanted_input()
            self._show(self._kept or DraftController(new_draft(shape, names), None, self))
        self._raise()

    def edit_network(self) -> None:
        """Open the editor on the network that is open, with the edits that led to it."""
        opened = self._host.controller.opened
        if opened is not None:
            self.edit(opened.subject.model)

    def edit(self, model: Model) -> None:
        """Open the editor on a model."""
        from backpropviz.ui.dialog import ask_sure
        from backpropviz.ui.editor.draft import controller_for

        is_known = self._kept is not None and model in (self._kept.base, self._made)
        if self.unsaved is not None and not is_known:
            parent = self.editor or self._host.window
            heading = "Replace the drafted network?"
            remark = f"“{self.unsaved.title}” is in no file. The editor holds one draft at a time."
            if not ask_sure(parent, heading, remark, ("Replace it", "Go on with the draft")):
                self.new_network()
                return
        if self.editor is not None and not is_known:
            self.editor.close()
        if self.editor is None:
            known = self._kept if is_known else None
            self._show(known or controller_for(model, self))
        self._raise()

    def use_theme(self, colors: Theme) -> None:
        if self.editor is not None:
            self.editor.use_theme(colors)

    def close(self) -> None:
        """Close the editor and wait for its thread."""
        if self.editor is not None:
            self.editor.close()

    def _show(self, controller: DraftController) -> None:
        from backpropviz.ui.editor.window import NetworkEditor

        self._keep(controller)
        self.editor = NetworkEditor(self._host.window, controller, self._host.theme)
        self.editor.finished.connect(self._forget)
        self.editor.open_wanted.connect(self._open)
        self.editor.train_wanted.connect(self._train)

    def _keep(self, controller: DraftController) -> None:
        if self._kept is controller:
            return
        if self._kept is not None:
            self._kept.deleteLater()
        self._kept = controller
        controller.changed.connect(self.changed)

    def _raise(self) -> None:
        if self.editor is not None:
            self.editor.show()
            self.editor.raise_()
            self.editor.activateWindow()

    def _forget(self) -> None:
        self.editor = None

    def _open(self, model: Model) -> None:
        """Record a pass of a model; asks for a picture where the open one does not suit."""
        from backpropviz.ui.editor.end_forms import ask_picture

        request = OpenRequest(network=model.title, model=model)
        opened = self._host.controller.opened
        is_pictured = opened is not None and suits(opened.subject, model)
        # A class can be guessed from the answer; wanted numbers cannot.
        is_enough = is_pictured and model.network.loss.about.is_of_classes
        if model.example is None and not is_enough:
            asked = ask_picture(self.editor or self._host.window, model)
            if asked is None:
                return
            request = replace(request, image=asked.image, target=asked.target)
        self._made = model
        self.close()
        self._host.open(request)

    def _train(self, model: Model) -> None:
        self._made = model
        self.close()
        self.train_wanted.emit(model)

    def _wanted_input(self) -> tuple[Shape, tuple[str, ...]]:
        """The input and the classes of what is open, else those of handwritten digits."""
        opened = self._host.controller.opened
        if opened is not None and len(opened.subject.model.network.input_shape) == 3:
            model = opened.subject.model
            return model.network.input_shape, model.class_names
        return _DIGITS, tuple(str(digit) for digit in range(10))
