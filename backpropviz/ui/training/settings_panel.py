"""The settings of a run: those that can be changed while it goes, and those that are what it is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QFrame, QLabel, QVBoxLayout, QWidget

from backpropviz.engine.training.run import Run
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO, Theme
from backpropviz.ui.controls import PanelHead, file_name, shortened
from backpropviz.ui.plain_text import PlainLabel, plain_tip
from backpropviz.ui.training.hyperparameter_form import HyperparameterForm
from backpropviz.ui.training.state import RunState

_MOST_CHANGES, _LONGEST = 3, 12


class SettingsPanel(QFrame):
    """Emits settings that hold from the next update on."""

    changed = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Panel")
        self.head = PanelHead(self.tr("Run"))
        self._facts: dict[str, QLabel] = {}
        self._form = HyperparameterForm()
        self._form.chosen.connect(self.changed)
        self._form.refused.connect(self._refuse)
        self.setFocusProxy(self._form)
        self._changes = PlainLabel()
        self._changes.setObjectName("Note")
        self._changes.setWordWrap(True)
        self._run: Run | None = None
        facts = QFormLayout()
        facts.setVerticalSpacing(6)
        facts.setHorizontalSpacing(12)
        facts.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        facts.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, title in (
            ("data", self.tr("Data")),
            ("validation", self.tr("Validation")),
            ("seed", self.tr("Seed")),
            ("numbers", self.tr("Numbers")),
            ("augmentation", self.tr("Augmented")),
        ):
            facts.addRow(title, self._fact(name))
        inner = QVBoxLayout()
        inner.setContentsMargins(16, 2, 16, 14)
        inner.setSpacing(10)
        inner.addLayout(facts)
        inner.addWidget(self._form)
        inner.addWidget(self._changes)
        inner.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addLayout(inner)

    def _fact(self, name: str) -> QLabel:
        label = PlainLabel()
        label.setFont(qfont(MONO))
        label.setAlignment(Qt.AlignmentFlag.AlignRight)
        label.setMinimumWidth(1)
        label.setTextFormat(Qt.TextFormat.PlainText)
        self._facts[name] = label
        return label

    def show_run(self, state: RunState) -> None:
        """Show the settings of the next update."""
        run = state.run
        if run is self._run:
            return
        self._run = run
        dataset = run.dataset
        held_out = 0 if dataset.validation is None else len(dataset.validation)
        texts = {
            "data": f"{shortened(file_name(dataset.source), _LONGEST)}, {len(dataset.training):,}",
            "validation": f"{held_out:,}" if held_out else "none",
            "seed": str(run.seed),
            "numbers": str(run.dtype),
            "augmentation": "no" if run.augmentation is None else "yes",
        }
        for name, text in texts.items():
            self._facts[name].setText(text)
        self._facts["data"].setToolTip(plain_tip(f"{dataset.title}\n{dataset.source}"))
        self._form.show_settings(run.course.at(state.now.iteration + 1))
        changes = run.course.changes[-_MOST_CHANGES:]
        lines = [f"From update {change.iteration:,}: {change.words}." for change in changes]
        self._changes.setText("\n".join(lines))
        self._changes.setVisible(bool(lines))

    def _refuse(self, sentence: str) -> None:
        """Say it, and show what the run uses: the panel tells the truth about it."""
        self._form.restore()
        self.refused.emit(sentence)

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.head.use_theme(colors)
        self._form.use_theme(colors)
