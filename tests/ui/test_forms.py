"""Forms: controls for each sort of setting, and back from what is typed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from PySide6.QtWidgets import QCheckBox, QFormLayout, QWidget
from pytestqt.qtbot import QtBot

from backpropviz.engine.optimizers import Adam
from backpropviz.engine.training.run import Hyperparameters
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting
from backpropviz.ui.controls import Segmented
from backpropviz.ui.forms import Fields, SettingLine, follow_rows
from backpropviz.ui.training.settings import HyperparameterForm

pytestmark = pytest.mark.usefixtures("qtbot")


@frozen
class Kettle:
    """A field of each sort."""

    is_lit: bool = setting(Setting("Lit", "Whether it burns."), default=False)
    water: Literal["hot", "cold"] = "cold"
    cups: int = setting(Setting("Cups", least=1, unit="cups"), default=2)
    heat: float = 0.1
    fill: float = setting(Setting("Filled, %", unit="%"), default=0.07)
    limit: int | None = setting(Setting("Limit", options={None: "none"}), default=None)
    sizes: tuple[float, float] = (0.5, 1.0)
    name: str = ""


def typed(fields: Fields, name: str, text: str) -> None:
    line = fields.controls[name]
    assert isinstance(line, SettingLine)
    line.setText(text)
    line.setModified(True)
    line.editingFinished.emit()


def test_each_sort_of_setting_has_its_control_and_is_read_back() -> None:
    fields = Fields(Kettle())
    controls = fields.controls
    assert isinstance(controls["is_lit"], QCheckBox)
    assert isinstance(controls["water"], Segmented)
    assert fields.about["heat"].title == "Heat"
    assert Kettle(**fields.values()) == Kettle()
    given: list[str] = []
    fields.given.connect(given.append)
    controls["is_lit"].click()
    controls["water"].button("hot").click()
    for name, text in (("cups", "5"), ("heat", "−2"), ("fill", "50"), ("limit", "8")):
        typed(fields, name, text)
    typed(fields, "sizes", "0.25, 4")
    typed(fields, "name", " tea ")
    found = Kettle(**{**fields.values(), "sizes": (0.25, 4.0)})
    assert found == Kettle(True, "hot", 5, -2.0, 0.5, 8, (0.25, 4.0), "tea")
    assert given == ["is_lit", "water", "cups", "heat", "fill", "limit", "sizes", "name"]
    typed(fields, "limit", "none")
    assert fields.value("limit") is None


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("heat", "hot", "Heat = “hot” is no number: type one."),
        ("heat", "", "Heat = “” is no number: type one."),
        ("heat", "on", "Heat = “on” is no number: type one."),
        ("heat", "0,5", "Heat = 0,5 must be one number; its decimals stand after a point, as in"),
        ("cups", "0", "Cups = 0 must be a whole number of cups from 1 on."),
        ("cups", "1.5", "Cups = 1.5 must be a whole number of cups from 1 on."),
        ("limit", "9" * 20, "Limit = 99999999999999999999 must be a whole number."),
        ("sizes", "1, x", "Sizes = “1, x” is no number: type one."),
    ],
)
def test_what_has_another_form_is_told(name: str, text: str, sentence: str) -> None:
    fields = Fields(Kettle())
    typed(fields, name, text)
    with pytest.raises(UserError) as told:
        fields.values()
    assert str(told.value).startswith(sentence)


def test_a_setting_that_nobody_typed_over_is_kept_to_its_last_digit(qtbot: QtBot) -> None:
    settings = Hyperparameters(Adam(1 / 3, eps=1e-8 / 7), batch_size=8)
    form = HyperparameterForm()
    qtbot.addWidget(form)
    form.show_settings(settings)
    assert form.typed() == settings
    exact = replace(Kettle(), fill=1 / 3)
    assert Kettle(**Fields(exact).values()) == exact


def test_tab_follows_the_rows(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    rows = QFormLayout(parent)
    second, first = Fields(Kettle(), ["heat"]), Fields(Kettle(), ["is_lit", "cups"])
    second.add_to(rows)
    first.add_to(rows, 0)
    follow_rows(rows)
    lit, cups, heat = first.controls["is_lit"], first.controls["cups"], second.controls["heat"]
    chain: list[QWidget | None] = [lit.nextInFocusChain()]
    while chain[-1] is not None and chain[-1] is not lit:
        chain.append(chain[-1].nextInFocusChain())
    assert [widget for widget in chain if widget in (lit, cups, heat)] == [cups, heat, lit]
    first.remove_from(rows)
    assert rows.rowCount() == 1
