"""A run that leaves another one: from which update, with which settings, under which name."""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QLineEdit, QWidget

from backpropviz.engine.training.course import Hyperparameters
from backpropviz.errors import UserError
from backpropviz.scene.theme import Theme
from backpropviz.ui.dialogs.frame import FramedDialog
from backpropviz.ui.training.hyperparameter_form import HyperparameterForm
from backpropviz.ui.training.state import RunState

_LONGEST_NAME = 200


class ForkDialog(FramedDialog):
    """Shows the settings that hold there, to be changed."""

    def __init__(self, parent: QWidget, run: RunState, colors: Theme) -> None:
        number = run.shown_iteration
        super().__init__(
            parent,
            parent.tr("Fork after update {number}").format(number=f"{number:,}"),
            parent.tr("The weights, the data and the seed stay; the other run stays as it is."),
        )
        self._name = QLineEdit(f"{run.run.title}, from {number:,}")
        self._name.setMinimumWidth(260)
        self._name.setMaxLength(_LONGEST_NAME)
        self._name.setAccessibleName(self.tr("Name"))
        self._form = HyperparameterForm()
        self._form.refused.connect(self.say)
        self._form.use_theme(colors)
        self._form.show_settings(run.run.course.at(number + 1))
        rows = QFormLayout()
        rows.addRow(self.tr("Name"), self._name)
        self.body.addLayout(rows)
        self.body.addWidget(self._form)
        cancel = self.add_button(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        use = self.add_button(self.tr("Fork"), is_primary=True)
        use.clicked.connect(self._accept)

    @property
    def title(self) -> str:
        """The name of the new run."""
        return self._name.text().strip()

    @property
    def settings(self) -> Hyperparameters | None:
        """Its settings."""
        return self._form.shown

    def _accept(self) -> None:
        try:
            self._form.show_settings(self._form.typed())
        except UserError as error:
            self.say(str(error))
            return
        self.accept()


def ask_fork(parent: QWidget, run: RunState, colors: Theme) -> tuple[str, Hyperparameters] | None:
    """Name and settings of the fork; None where the person dismisses the dialog."""
    dialog = ForkDialog(parent, run, colors)
    is_used = dialog.exec() == ForkDialog.DialogCode.Accepted
    title, settings = dialog.title, dialog.settings
    dialog.deleteLater()
    return (title, settings) if is_used and settings is not None else None
