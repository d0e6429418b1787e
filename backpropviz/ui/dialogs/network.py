"""Layers, shapes and parameters of the network."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from backpropviz.engine.arrays import shape_text
from backpropviz.engine.network import Network, Node
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.opened import Opened


class NetworkDialog(FramedDialog):
    """A table of the layers."""

    def __init__(self, parent: QWidget, opened: Opened) -> None:
        model = opened.subject.model
        super().__init__(parent, model.title, model.remark)
        table = QTreeWidget()
        table.setAccessibleName(self.tr("Layers"))
        table.setFont(qfont(MONO))
        table.setRootIsDecorated(False)
        table.setHeaderLabels(
            [self.tr(title) for title in ("Layer", "Kind", "Inputs", "Output", "Parameters")]
        )
        network = opened.view.tape.network
        table.addTopLevelItem(
            QTreeWidgetItem(["image", "", "", shape_text(network.input_shape), ""])
        )
        for node in network.nodes:
            table.addTopLevelItem(_row(network, node))
        table.addTopLevelItem(QTreeWidgetItem(["loss", network.loss.kind, network.output, "", ""]))
        header = table.header()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.body.addWidget(table)
        count = self.tr("{n} parameters").format(n=f"{model.parameter_count:,}")
        self.say(f"{model.remark} {count}." if model.remark else count)
        close = self.add_button(self.tr("Close"), is_primary=True)
        close.clicked.connect(self.accept)
        self.resize(720, 520)


def _row(network: Network, node: Node) -> QTreeWidgetItem:
    shapes = network.parameter_shapes(node)
    count = sum(math.prod(shape) for shape in shapes.values())
    named = ", ".join(f"{name} {shape_text(shape)}" for name, shape in shapes.items())
    return QTreeWidgetItem(
        [
            node.name,
            node.layer.kind,
            ", ".join(node.inputs),
            shape_text(network.shapes[node.name]),
            f"{count:,}: {named}" if count else "",
        ]
    )
