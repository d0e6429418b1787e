"""The form of one layer: name, kind, settings, inputs, and what follows from them."""

from __future__ import annotations

from functools import partial

from backpropviz.engine.architecture import edits
from backpropviz.engine.architecture.catalog import catalog
from backpropviz.frozen import setting_of
from backpropviz.scene.theme import Theme
from backpropviz.ui.editor.choosing import ChoiceChip
from backpropviz.ui.editor.draft_controller import DraftController
from backpropviz.ui.editor.facts_view import FactsView, fact_rows
from backpropviz.ui.editor.form import EditorForm, show_refusal, text_line
from backpropviz.ui.editor.inputs_field import InputsField
from backpropviz.ui.editor.setting_fields import SettingFields
from backpropviz.ui.plain_text import PlainLabel


class LayerForm(EditorForm):
    """Shows the chosen layer of a controller."""

    def __init__(self, controller: DraftController) -> None:
        super().__init__()
        self._controller = controller
        self._name = ""
        self.kind = ChoiceChip(self.tr("Kind"))
        self.kind.set_choices(_kinds())
        self.kind.chosen.connect(self._change_kind)
        self.name_line = text_line(self.tr("Name"), self.tr("Addresses begin with it."))
        self.name_line.editingFinished.connect(self._rename)
        self.inputs = InputsField()
        self.inputs.given.connect(self._change_inputs)
        self.facts = FactsView()
        self.add_row(self.tr("Kind"), self.kind)
        self.help = PlainLabel()
        self.help.setObjectName("Note")
        self.help.setWordWrap(True)
        self.column.addWidget(self.help)
        self.name_note = self.add_row(self.tr("Name"), self.name_line)
        self.keep_place_for_fields()
        self.inputs_note = self.add_row(self.tr("Reads"), self.inputs)
        self.add_title(self.tr("What follows"))
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
        """Take the colors of a theme."""
        self.kind.use_theme(colors)
        self.inputs.use_theme(colors)

    def _change_setting(self, field: str, value: object) -> str:
        name = self._name
        label = self.tr("{field} of {name}").format(
            field=setting_of(self._controller.draft.node(name).layer, field).title, name=name
        )
        change = partial(edits.change_setting, name=name, field=field, value=value)
        return self._controller.edit(label, change).removeprefix(f"{name}: ")

    def _change_kind(self, kind: str) -> None:
        name = self._name
        label = self.tr("kind of {name}").format(name=name)
        self._controller.edit(label, partial(edits.change_kind, name=name, kind=kind))

    def _rename(self) -> None:
        name, new = self._name, self.name_line.text().strip()
        if new == name or not self.name_line.isModified():
            return
        self.name_line.setModified(False)
        label = self.tr("rename {name}").format(name=name)
        refusal = self._controller.edit(label, partial(edits.rename, name=name, new=new), new)
        show_refusal(self.name_note, refusal)

    def _change_inputs(self, inputs: tuple[str, ...]) -> None:
        name = self._name
        label = self.tr("inputs of {name}").format(name=name)
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
