"""The form of one layer: name, kind, settings, inputs, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import TypeAlias

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from backpropviz.document import Configuration
from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture.draft import Draft, LayerSurvey, Survey
from backpropviz.engine.kinds.protocol import MODE_FIELDS, Moded
from backpropviz.engine.kinds.registry import catalog
from backpropviz.engine.value import Shape, shape_text
from backpropviz.frozen import setting_of
from backpropviz.paint.families import qfont
from backpropviz.scene.theme import LABEL, LIGHT, MONO, PANEL_TITLE, ROW, Theme
from backpropviz.ui import boxes
from backpropviz.ui.appearance import faint, icon
from backpropviz.ui.controls import PlainLabel, plain_tip
from backpropviz.ui.editor.draft import DraftController
from backpropviz.ui.forms import ChoiceChip, Control, EditorLine, Fields

Setter: TypeAlias = Callable[[str, object], str]
"""Takes a field's name and value; returns why it is refused, or nothing."""
LABEL_WIDTH = 104


def settings_of(configuration: Configuration) -> list[str]:
    """What a person sets; the mode of a layer is that of the whole pass."""
    hidden = MODE_FIELDS if isinstance(configuration, Moded) else ()
    names = (field.name for field in fields(configuration))  # type: ignore[arg-type]
    return [name for name in names if name not in hidden]


class SettingFields(QWidget):
    """Made for one kind of configuration; `show_values` follows it afterwards."""

    def __init__(self, configuration: Configuration, give: Setter) -> None:
        super().__init__()
        self._give = give
        self.kind = configuration.kind
        self._fields = Fields(configuration, settings_of(configuration))
        self._fields.setParent(self)
        self._fields.given.connect(self._set)
        self.controls = self._fields.controls
        self._notes: dict[str, QLabel] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        self._grid.setColumnStretch(1, 1)
        for number, (name, control) in enumerate(self.controls.items()):
            self._add(number, name, control)

    def show_values(self, configuration: Configuration) -> None:
        """Show the present values; nothing is refused any more."""
        self._fields.show_values(configuration)
        for note in self._notes.values():
            note.hide()

    def refusal(self, name: str) -> str:
        """What is said below a field."""
        return self._notes[name].text() if not self._notes[name].isHidden() else ""

    def _add(self, number: int, name: str, control: Control) -> None:
        about = self._fields.about[name]
        label = boxes.words(about.title, ROW)
        label.setToolTip(plain_tip(about.help))
        label.setBuddy(control)
        label.setFixedHeight(28)
        if isinstance(control, QCheckBox):
            control.setFixedHeight(28)
        self._notes[name] = note = refusal_label()
        cell = boxes.column(control, note, gap=3)
        self._grid.addWidget(label, number, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addLayout(cell, number, 1)

    def _set(self, name: str) -> None:
        show_refusal(self._notes[name], self._give(name, self._fields.value(name)))


def refusal_label() -> QLabel:
    """The line below a control that says why it was refused; hidden until then."""
    note = boxes.words("", LABEL, "Refusal", wraps=True)
    note.hide()
    return note


def show_refusal(note: QLabel, refusal: str) -> None:
    """Say below a control why it was refused, or nothing."""
    note.setText(refusal)
    note.setVisible(bool(refusal))


class EditorForm(QScrollArea):
    """A form of the right side."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        inner.setObjectName("Panel")
        self.column = boxes.column(gap=10, margins=(16, 10, 16, 16), owner=inner)
        self.alert = boxes.words(style="Alert", wraps=True)
        self.alert.hide()
        self.column.addWidget(self.alert)
        self.setWidget(inner)
        self._fields: SettingFields | None = None
        self._place = 0

    def say_problem(self, text: str) -> None:
        """What does not fit here, or nothing."""
        self.alert.setText(text[:1].upper() + text[1:])
        self.alert.setVisible(bool(text))

    def add_row(self, label: str, control: QWidget) -> QLabel:
        """A control with its label; returns the line below for what is refused."""
        title, note = PlainLabel(label), refusal_label()
        title.setFont(qfont(ROW))
        title.setFixedSize(LABEL_WIDTH, 28)
        title.setBuddy(control)
        row, cell = QHBoxLayout(), QVBoxLayout()
        row.setSpacing(12)
        cell.setSpacing(3)
        if isinstance(control, ChoiceChip):
            cell.addWidget(control, 0, Qt.AlignmentFlag.AlignLeft)
        else:
            cell.addWidget(control)
        cell.addWidget(note)
        row.addWidget(title, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(cell, 1)
        self.column.addLayout(row)
        return note

    def add_title(self, text: str) -> None:
        title = boxes.words(text, PANEL_TITLE)
        self.column.addSpacing(4)
        self.column.addWidget(title)

    def keep_place_for_fields(self) -> None:
        """Settings will stand here."""
        self._place = self.column.count()

    @property
    def fields(self) -> SettingFields | None:
        """The settings that stand in their place."""
        return self._fields

    def put_fields(self, fields: SettingFields) -> None:
        """Other settings in the place of those before."""
        if self._fields is not None:
            self.column.removeWidget(self._fields)
            self._fields.hide()
            self._fields.deleteLater()
        self._fields = fields
        self.column.insertWidget(self._place, fields)
        fields.setVisible(bool(fields.controls))


def text_line(name: str, help_text: str = "") -> EditorLine:
    """A line for a name."""
    line = EditorLine()
    line.setAccessibleName(name)
    line.setToolTip(plain_tip(help_text))
    return line


UNKNOWN = "not known yet"


class FactsView(QWidget):
    """Rows are made anew only where their labels change."""

    def __init__(self) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(6)
        self._values: dict[str, QLabel] = {}

    def show_rows(self, rows: dict[str, str]) -> None:
        """Show label and value of each."""
        if list(rows) != list(self._values):
            while self._form.rowCount():
                self._form.removeRow(0)
            self._values = {label: self._add(label) for label in rows}
        for label, text in rows.items():
            self._values[label].setText(text)

    def value(self, label: str) -> str:
        return self._values[label].text()

    def _add(self, label: str) -> QLabel:
        title, value = PlainLabel(label), PlainLabel()
        title.setFont(qfont(ROW))
        title.setObjectName("Secondary")
        title.setMinimumWidth(LABEL_WIDTH)
        value.setFont(qfont(MONO))
        value.setWordWrap(True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._form.addRow(title, value)
        return value


def fact_rows(facts: LayerSurvey) -> dict[str, str]:
    """Shapes, parameters and costs of a layer in words."""
    inputs = ", ".join(_shape(shape) for shape in facts.inputs)
    rows = {"In": inputs, "Out": _shape(facts.output)}
    rows |= {name: shape_text(shape) for name, shape in facts.kept_shapes.items()}
    rows["Parameters"] = count_text(facts.parameters)
    rows["Multiply-adds"] = count_text(facts.multiply_adds)
    rows["Output memory"] = bytes_text(facts.activation_bytes)
    return rows


def count_text(count: int | None) -> str:
    """`61,706`."""
    return UNKNOWN if count is None else f"{count:,}"


def bytes_text(count: int | None) -> str:
    """`18.4 KB`, decimal units."""
    if count is None:
        return UNKNOWN
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _shape(shape: Shape | None) -> str:
    return UNKNOWN if shape is None else shape_text(shape)


class InputsField(QWidget):
    """`given` carries the names of all inputs."""

    given = Signal(tuple)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Inputs")
        self.colors: Theme = LIGHT
        self.chips: list[ChoiceChip] = []
        self._rows: list[QWidget] = []
        self._removers: list[QToolButton] = []
        self._inputs: tuple[str, ...] = ()
        self._nearest = ""
        self._column = boxes.column(gap=6, margins=boxes.BARE, owner=self)
        self.more = boxes.button("Another input", self._add, "Quiet")
        self._column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    def show_inputs(self, draft: Draft, found: Survey, name: str) -> None:
        """Show what a layer reads, and offer what it may read."""
        node = draft.node(name)
        is_join = node.layer.about.is_join
        sources = draft.sources(name)
        self._inputs, self._nearest = node.inputs, sources[-1]
        self._make_rows(len(node.inputs))
        choices = [(source, _told(source, found), "") for source in reversed(sources)]
        for chip, remover, source in zip(self.chips, self._removers, node.inputs, strict=True):
            chip.set_choices(choices)
            chip.show_value(source)
            remover.setVisible(len(node.inputs) > (2 if is_join else 1))
        self.more.setVisible(is_join)

    def use_theme(self, colors: Theme) -> None:
        self.colors = colors
        for chip, remover in zip(self.chips, self._removers, strict=True):
            chip.use_theme(colors)
            remover.setIcon(icon("x", colors.text_secondary, faint(colors)))

    def _make_rows(self, count: int) -> None:
        while len(self._rows) > count:
            row = self._rows.pop()
            self.chips.pop()
            self._removers.pop()
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        while len(self._rows) < count:
            self._add_row()
        self.use_theme(self.colors)

    def _add_row(self) -> None:
        row, chip, remover = QWidget(), ChoiceChip("Input"), QToolButton()
        boxes.row(chip, remover, None, gap=4, margins=boxes.BARE, owner=row)
        number = len(self._rows)
        for part in (chip, remover):
            part.setProperty("number", number)
        remover.setFixedSize(24, 24)
        remover.setIconSize(QSize(14, 14))
        remover.setAccessibleName("Drop this input")
        remover.setToolTip("Drop this input")
        remover.clicked.connect(self._drop)
        chip.chosen.connect(self._choose)
        self.chips.append(chip)
        self._rows.append(row)
        self._removers.append(remover)
        self._column.insertWidget(number, row)

    def _choose(self, source: str) -> None:
        number = int(self.sender().property("number"))
        self.given.emit((*self._inputs[:number], source, *self._inputs[number + 1 :]))

    def _drop(self) -> None:
        number = int(self.sender().property("number"))
        self.given.emit((*self._inputs[:number], *self._inputs[number + 1 :]))

    def _add(self) -> None:
        self.given.emit((*self._inputs, self._nearest))


def _told(source: str, found: Survey) -> str:
    shape = found.shapes.get(source)
    return f"{source}   {shape_text(shape)}" if shape else source


class LayerForm(EditorForm):
    """Shows the chosen layer of a controller."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self._controller = controller
        self._name = ""
        self.kind = ChoiceChip("Kind")
        self.kind.set_choices(_kinds())
        self.kind.chosen.connect(self._change_kind)
        self.name_line = text_line("Name", "Addresses begin with it.")
        self.name_line.editingFinished.connect(self._rename)
        self.inputs = InputsField()
        self.inputs.given.connect(self._change_inputs)
        self.facts = FactsView()
        self.add_row("Kind", self.kind)
        self.help = boxes.words(style="Note", wraps=True)
        self.column.addWidget(self.help)
        self.name_note = self.add_row("Name", self.name_line)
        self.keep_place_for_fields()
        self.inputs_note = self.add_row("Reads", self.inputs)
        self.add_title("What follows")
        self.column.addWidget(self.facts)
        self.column.addStretch(1)

    def show_layer(self) -> None:
        """Follow the controller, which has a layer chosen."""
        controller = self._controller
        draft, found, name = controller.draft, controller.survey, controller.chosen
        node, facts = draft.node(name), found.facts(name)
        about = node.layer.about
        self.say_problem(found.problem_at(name))
        self.kind.show_value(about.title)
        self.help.setText(about.help)
        if self._name != name:
            show_refusal(self.name_note, "")
        self.name_line.setText(name)
        show_refusal(self.inputs_note, "")
        fields = self.fields
        if fields is None or fields.kind != node.layer.kind or self._name != name:
            self.put_fields(SettingFields(node.layer, self._change_setting))
        else:
            fields.show_values(node.layer)
        self._name = name
        self.inputs.show_inputs(draft, found, name)
        self.facts.show_rows(fact_rows(facts))

    def use_theme(self, colors: Theme) -> None:
        self.kind.use_theme(colors)
        self.inputs.use_theme(colors)

    def _change_setting(self, field: str, value: object) -> str:
        name = self._name
        label = f"{setting_of(self._controller.draft.node(name).layer, field).title} of {name}"
        change = partial(edits.change_setting, name=name, field=field, value=value)
        return self._controller.edit(label, change).removeprefix(f"{name}: ")

    def _change_kind(self, kind: str) -> None:
        name = self._name
        label = f"kind of {name}"
        self._controller.edit(label, partial(edits.change_kind, name=name, kind=kind))

    def _rename(self) -> None:
        name, new = self._name, self.name_line.text().strip()
        if new == name or not self.name_line.isModified():
            return
        self.name_line.setModified(False)
        label = f"rename {name}"
        refusal = self._controller.edit(label, partial(edits.rename, name=name, new=new), new)
        show_refusal(self.name_note, refusal)

    def _change_inputs(self, inputs: tuple[str, ...]) -> None:
        name = self._name
        label = f"inputs of {name}"
        change = partial(edits.change_inputs, name=name, inputs=inputs)
        refusal = self._controller.edit(label, change)
        show_refusal(self.inputs_note, refusal.removeprefix(f"{name}: "))


def _kinds() -> list[tuple[str, str, str] | None]:
    """All kinds, a line between families."""
    result: list[tuple[str, str, str] | None] = []
    family = None
    for entry in catalog().values():
        if family not in {None, entry.about.family}:
            result.append(None)
        family = entry.about.family
        result.append((entry.kind, entry.about.title, entry.about.help))
    return result
