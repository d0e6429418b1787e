"""Where the weights come from: a seed, an initialization, and those there were."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from backpropviz.engine.architecture.building import Start, WeightPlan
from backpropviz.engine.initialize import DEFAULT_SCHEME, SCHEMES
from backpropviz.number_text import whole_number
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO, ROW, Theme
from backpropviz.ui.controls import CONTROL_HEIGHT
from backpropviz.ui.editor.choosing import ChoiceChip
from backpropviz.ui.editor.editor_line import EditorLine
from backpropviz.ui.plain_text import PlainLabel, plain_tip

_SEED = "[0-9]{0,9}"
"""An integer validator lets the separators of thousands pass, which Python does not read."""


class WeightRow(QWidget):
    """`changed` tells that the start is another one."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._scheme = DEFAULT_SCHEME
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        label = PlainLabel(self.tr("Fresh weights"))
        label.setFont(qfont(ROW))
        label.setObjectName("Secondary")
        self.scheme = ChoiceChip(self.tr("Initialization"))
        self.scheme.set_choices([(name, name.replace("_", " "), "") for name in SCHEMES])
        self.scheme.chosen.connect(self._choose)
        self.scheme.show_value(self._scheme.replace("_", " "))
        self.seed = EditorLine("0")
        self.seed.setValidator(QRegularExpressionValidator(_SEED, self.seed))
        self.seed.setFont(qfont(MONO))
        self.seed.setFixedSize(84, CONTROL_HEIGHT)
        self.seed.setAccessibleName(self.tr("Seed"))
        self.seed.setToolTip(self.tr("The same seed draws the same weights."))
        self.seed.textChanged.connect(self._tell)
        seed_label = PlainLabel(self.tr("seed"))
        seed_label.setFont(qfont(ROW))
        seed_label.setObjectName("Secondary")
        self.keeps = QCheckBox(self.tr("Keep weights that fit"))
        self.keeps.setFont(qfont(ROW))
        self.keeps.toggled.connect(self._tell)
        for part in (label, self.scheme, seed_label, self.seed, self.keeps):
            row.addWidget(part)

    @property
    def start(self) -> Start:
        """What is chosen."""
        keeps = self.keeps.isChecked() and not self.keeps.isHidden()
        return Start(whole_number(self.seed.text()) or 0, self._scheme, keeps)

    def show_plan(self, plan: WeightPlan, *, has_base: bool) -> None:
        """Offer to keep weights where there are some to keep."""
        self.keeps.setVisible(has_base)
        self.keeps.setEnabled(bool(plan.kept))
        kept = ", ".join(plan.kept) or self.tr("none")
        fresh = ", ".join(plan.fresh) or self.tr("none")
        told = self.tr("Kept: {kept}; new: {new}").format(kept=kept, new=fresh)
        self.keeps.setToolTip(plain_tip(told))

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self.scheme.use_theme(colors)

    def _choose(self, scheme: str) -> None:
        self._scheme = scheme
        self.scheme.show_value(scheme.replace("_", " "))
        self._tell()

    def _tell(self) -> None:
        self.changed.emit()
