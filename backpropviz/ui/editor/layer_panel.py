"""The left side of the editor: the list of layers and what can be done with them."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QFrame, QVBoxLayout

from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture.catalog import entry_of
from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.kinds.protocol import LOSS_NAME, Layer
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.scene.theme import LIGHT, Theme
from backpropviz.ui.controls import PanelHead, hairline
from backpropviz.ui.editor.draft_controller import DraftController
from backpropviz.ui.editor.kind_chooser import KindChooser
from backpropviz.ui.editor.layer_list import LayerList
from backpropviz.ui.editor.layer_rows import editor_rows


class LayerPanel(QFrame):
    """Shows the layers of a controller, and edits their order."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self.setObjectName("Panel")
        self._controller = controller
        self.colors: Theme = LIGHT
        self.head = PanelHead(self.tr("Layers"))
        self.up = self.head.add_button("arrow-up", self.tr("Move up  Alt+Up"))
        self.down = self.head.add_button("arrow-down", self.tr("Move down  Alt+Down"))
        self.double = self.head.add_button("copy", self.tr("Duplicate  Ctrl+D"))
        self.trash = self.head.add_button("trash-2", self.tr("Remove  Delete"))
        self.plus = self.head.add_button("plus", self.tr("Add a layer after this one  Insert"))
        self.list = LayerList()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(hairline())
        column.addWidget(self.list, 1)
        self.list.chosen.connect(controller.choose)
        self.list.moved.connect(self.move_layer)
        self.list.removed.connect(self.remove_layer)
        self.list.doubled.connect(self.double_layer)
        self.list.wanted.connect(self.ask_kind)
        self.plus.clicked.connect(self.ask_kind)
        self.up.clicked.connect(partial(self._move_chosen, -1))
        self.down.clicked.connect(partial(self._move_chosen, 1))
        self.double.clicked.connect(self._double_chosen)
        self.trash.clicked.connect(self._remove_chosen)

    def show_layers(self) -> None:
        """Follow the controller."""
        controller = self._controller
        self.list.show_rows(editor_rows(controller.draft, controller.survey), controller.chosen)
        for button in (self.up, self.down, self.double, self.trash):
            button.setEnabled(not controller.is_end)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.colors = colors
        self.head.use_theme(colors)
        self.list.use_theme(colors)

    def ask_kind(self) -> None:
        """Let a person choose a kind, and add such a layer after the chosen one."""
        place = self.plus.mapToGlobal(QPoint(-340, self.plus.height() + 4))
        place.setX(max(place.x(), self.mapToGlobal(QPoint(8, 0)).x()))
        chooser = KindChooser(self, self.colors, place)
        chooser.taken.connect(self._add_chosen)
        chooser.open()

    def _add_chosen(self) -> None:
        chooser = self.sender()
        if isinstance(chooser, KindChooser) and chooser.chosen:
            self.add_layer(chooser.chosen)

    def add_layer(self, kind: str) -> None:
        """Add a layer with the usual settings of its kind."""
        self._add(
            entry_of(kind).layer, self.tr("add {what}").format(what=entry_of(kind).about.title)
        )

    def double_layer(self, name: str) -> None:
        """Add a layer like another one behind it."""
        layer = self._controller.draft.node(name).layer
        self._add(layer, self.tr("duplicate {name}").format(name=name))

    def remove_layer(self, name: str) -> None:
        """Take a layer out."""
        label = self.tr("remove {name}").format(name=name)
        self._controller.edit(label, partial(edits.remove, name=name))

    def move_layer(self, name: str, place: int) -> None:
        """Put a layer at another place, or say why it cannot stand there."""
        place = max(0, min(len(self._controller.draft.nodes) - 1, place))
        label = self.tr("move {name}").format(name=name)
        self._controller.edit(label, partial(edits.move, name=name, place=place), name)

    def _add(self, layer: Layer, label: str) -> None:
        controller = self._controller
        after = controller.draft.output if controller.chosen == LOSS_NAME else controller.chosen
        before = controller.draft

        def make(draft: Draft) -> Draft:
            return edits.add(draft, layer, after or IMAGE_NAME)

        if not controller.edit(label, make):
            controller.choose(edits.added_name(before, controller.draft))

    def _move_chosen(self, by: int) -> None:
        controller = self._controller
        if not controller.is_end:
            self.move_layer(controller.chosen, controller.draft.place(controller.chosen) + by)

    def _double_chosen(self) -> None:
        if not self._controller.is_end:
            self.double_layer(self._controller.chosen)

    def _remove_chosen(self) -> None:
        if not self._controller.is_end:
            self.remove_layer(self._controller.chosen)
