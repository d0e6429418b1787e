"""Where a run begins: fresh weights or the network's own, their seed, their width."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from backpropviz.engine.initialize import DEFAULT_SCHEME, INITIALIZATIONS, WRONG
from backpropviz.engine.training.run import Initial
from backpropviz.errors import UserError
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import MONO, Theme
from backpropviz.ui.controls import CONTROL_HEIGHT, Chip, Segmented
from backpropviz.ui.plain_text import PlainLabel
from backpropviz.ui.training.form_parts import form_rows
from backpropviz.ui.training.typed import LARGEST, told, typed_value

_FRESH, _OWN = "fresh", "own"
_FIELD_WIDTH, _NOTE_WIDTH = 104, 260


class FirstWeightsForm(QWidget):
    """What is chosen becomes an `Initial`; a beginning wrong on purpose says what it does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._weights = Segmented(self.tr("First weights"))
        self._weights.set_choices(
            [
                (self.tr("Fresh"), _FRESH, self.tr("Draw them anew, by the seed.")),
                (self.tr("Its own"), _OWN, self.tr("Go on from the weights that it has.")),
            ]
        )
        self._weights.chosen.connect(self._follow)
        self._width = Segmented(self.tr("Numbers"))
        self._width.set_choices([("float32", 32, ""), ("float64", 64, "")])
        self._width.set_value(32)
        self._scheme, self._note = Chip(self.tr("Initialization")), PlainLabel()
        self._seed = QLineEdit("0")
        self._scheme.hide_label()
        self._note.setObjectName("Note")
        self._note.setWordWrap(True)
        self._note.setFixedWidth(_NOTE_WIDTH)
        self._seed.setFont(qfont(MONO))
        self._seed.setFixedSize(_FIELD_WIDTH, CONTROL_HEIGHT)
        self._seed.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._seed.setAccessibleName(self.tr("Seed"))
        self._lay_out()
        self._fill()
        self.use_own(False)

    def _lay_out(self) -> None:
        rows = form_rows()
        rows.addRow(self.tr("First weights"), self._weights)
        rows.addRow(self.tr("Initialization"), self._scheme)
        rows.addRow("", self._note)
        rows.addRow(self.tr("Seed"), self._seed)
        rows.addRow(self.tr("Numbers"), self._width)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)

    def use_own(self, is_own: bool) -> None:
        """Begin with the network's own weights, or with fresh ones."""
        self._weights.set_value(_OWN if is_own else _FRESH)
        self._scheme.setEnabled(not is_own)

    def use_scheme(self, name: str) -> None:
        """Draw fresh weights in this way."""
        self._name = name
        self._scheme.show_value(_title(name))
        wrong = WRONG.get(name)
        self._note.setText("" if wrong is None else wrong.seen)
        self._note.setVisible(wrong is not None)

    def typed(self) -> Initial:
        """What is chosen now.

        Raises:
            UserError: the seed cannot be used.
        """
        seed = typed_value(self._seed.text(), self.tr("Seed"))
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < LARGEST:
            raise UserError(f"Seed = {told(self._seed.text())} must be a whole number from 0 on.")
        return Initial(
            seed,
            self._name,
            from_weights=self._weights.value == _OWN,
            float_bits=64 if self._width.value == 64 else 32,
        )

    def use_theme(self, colors: Theme) -> None:
        """Take the colors of a theme."""
        self._scheme.use_theme(colors)

    def _fill(self) -> None:
        entries: list[QAction | None] = []
        for name in INITIALIZATIONS:
            if name == next(iter(WRONG)):
                entries.append(None)
            action = QAction(_title(name), self._scheme.menu())
            action.setData(name)
            action.triggered.connect(self._choose)
            entries.append(action)
        self._scheme.fill(entries)
        self.use_scheme(DEFAULT_SCHEME)

    def _follow(self, how: object) -> None:
        self.use_own(how == _OWN)

    def _choose(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.use_scheme(str(action.data()))


def _title(name: str) -> str:
    if name in WRONG:
        return f"Wrong on purpose: {WRONG[name].title.lower()}"
    return name.replace("_", " ").capitalize()
