"""Cards follow their alerts, lead into the debugger and back; dialogs answer with data."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from backpropviz.diagnosis.stops import GradientAbove, LossRises, NotFiniteStop, Reached
from backpropviz.diagnosis.thresholds import DEFAULTS, Thresholds
from backpropviz.diagnosis.watch import Diagnosis, begin_diagnosis
from backpropviz.engine.value import parse
from backpropviz.scene.theme import DARK
from backpropviz.ui.controls import Segmented
from backpropviz.ui.training.alerts import AlertCard, AlertsPanel
from backpropviz.ui.training.stops import StopsDialog, ThresholdsDialog
from tests.diagnosis.watched import facts, row


@pytest.fixture
def host(qtbot: QtBot) -> Iterator[QWidget]:
    made = QWidget()
    made.resize(900, 700)
    yield made
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def panel_in(host: QWidget, width: int = 375) -> AlertsPanel:
    panel = AlertsPanel(host)
    panel.resize(width, 600)
    host.show()
    panel.show()
    return panel


def exploding(until: int = 3) -> Diagnosis:
    now = begin_diagnosis(facts())
    for k in range(1, until + 1):
        now = now.after(row(k, gradients={2: 1e5} if k > 1 else None))
    return now


def buttons(card: AlertCard) -> dict[str, QPushButton]:
    found = card.findChildren(QPushButton)
    return {button.accessibleName(): button for button in found if not button.isHidden()}


def test_a_card_leads_into_the_debugger_and_back(host: QWidget, qtbot: QtBot) -> None:
    panel = panel_in(host)
    panel.show_diagnosis(exploding(), (0, 1, 2))
    (card,) = panel.cards
    own = buttons(card)
    assert set(own) == {"Debug this update", "Rewind to 1"}
    with qtbot.waitSignal(panel.debug_wanted) as wanted:
        own["Debug this update"].click()
    assert wanted.args == [2, parse("dense1.weight.grad")]
    with qtbot.waitSignal(panel.rewind_wanted) as rewind:
        QTest.keyClick(own["Rewind to 1"], Qt.Key.Key_Space)
    assert rewind.args == [1]
    assert card.accessibleName().startswith("Gradient of dense1.weight explodes")
    assert "rules are quiet" in panel.quiet_text


def test_a_card_stays_while_its_alert_lasts(host: QWidget) -> None:
    panel = panel_in(host)
    panel.show_diagnosis(exploding(3), (0,))
    (card,) = panel.cards
    panel.show_diagnosis(exploding(5), (0,))
    assert panel.cards[0] is card
    assert set(buttons(card)) == {"Debug this update", "Rewind to the start"}
    now = exploding(3).after(row(4, math.nan))
    panel.show_diagnosis(now)
    assert [shown.alert.rule for shown in panel.cards if shown.alert] == ["not_finite", "exploding"]
    calm = exploding(3)
    for k in range(4, 20):
        calm = calm.after(row(k))
    panel.show_diagnosis(calm)
    assert len(panel.cards) == 0
    assert panel.quiet_text.startswith("All ")
    panel.show_diagnosis(None)
    assert "is told here" in panel.quiet_text


@pytest.mark.parametrize("width", [375, 280])
def test_nothing_is_cut_where_it_is_narrow(host: QWidget, width: int) -> None:
    panel = panel_in(host, width)
    panel.use_theme(DARK)
    panel.show_diagnosis(exploding(), (0, 1))
    panel.resize(width, panel.heightForWidth(width))
    for _ in range(3):  # a card that turns its buttons is laid out once more
        QCoreApplication.processEvents()
    (card,) = panel.cards
    assert card.width() <= width
    for button in buttons(card).values():
        assert button.geometry().right() <= card.width()
        assert button.width() >= button.sizeHint().width()


def test_the_head_asks_for_rules_and_stops(host: QWidget, qtbot: QtBot) -> None:
    panel = panel_in(host)
    by_text = {button.text(): button for button in panel.head.findChildren(QPushButton)}
    with qtbot.waitSignal(panel.rules_wanted):
        by_text["Edit rules"].click()
    with qtbot.waitSignal(panel.stops_wanted):
        by_text["Stops"].click()


def test_thresholds_are_typed_checked_and_reset(host: QWidget) -> None:
    own = Thresholds(dead_share=0.3)
    dialog = ThresholdsDialog(host, own, DARK)
    assert dialog.thresholds() == own
    field = dialog.row("dead_share").field
    assert field.text() == "30"
    field.setText("25")
    dialog.row("exploding_norm").field.setText("1e3")
    assert dialog.thresholds() == Thresholds(dead_share=0.25, exploding_norm=1000.0)
    field.setText("many")
    assert not dialog._accept.isEnabled()
    assert "“many” is no number" in dialog.remark.text()
    field.setText("250")
    assert "250 % must lie in 0 … 100 %" in dialog.remark.text()
    dialog.row("dead_updates").field.setText("2.5")
    field.setText("25")
    assert "whole number" in dialog.remark.text()
    dialog.reset_all()
    assert dialog._accept.isEnabled()
    assert dialog.thresholds() == DEFAULTS


def test_each_rule_may_alert_pause_or_both(host: QWidget) -> None:
    own = Thresholds(silent=frozenset({"loss flat"}), pausing=frozenset({"exploding"}))
    dialog = ThresholdsDialog(host, own, DARK)
    assert dialog.thresholds() == own
    assert dialog.response("exploding").pauses.isChecked()
    dialog.response("dead ReLU").pauses.click()
    dialog.response("loss flat").alerts.click()
    assert dialog.thresholds() == Thresholds(pausing=frozenset({"exploding", "dead ReLU"}))
    for name in ("NaN or infinity", "unbalanced classes"):  # no choice: always, and never
        assert not dialog.response(name).pauses.isEnabled()
    assert dialog.response("NaN or infinity").pauses.isChecked()
    dialog.reset_all()
    assert dialog.thresholds() == DEFAULTS


def test_a_threshold_that_nobody_typed_over_is_kept_to_its_last_digit(host: QWidget) -> None:
    limits = Thresholds(ratio_high=1 / 3, dead_share=2 / 7)
    assert ThresholdsDialog(host, limits, DARK).thresholds() == limits


def test_stops_are_added_switched_changed_and_removed(host: QWidget) -> None:
    dialog = StopsDialog(host, (NotFiniteStop(), LossRises(times=3)), facts(), DARK)
    dialog.remove()
    dialog._list.switched.emit("0")
    assert dialog.stops()[0] == NotFiniteStop()  # it can neither go nor be switched off
    dialog._list.setCurrentRow(1)
    dialog._list.switched.emit("1")
    assert dialog.stops()[1] == LossRises(times=3, enabled=False)
    assert dialog._list.rows[1].right == "off"
    times, of = dialog._form.field("times"), dialog._form.field("of")
    assert isinstance(times, QLineEdit)
    assert isinstance(of, Segmented)
    times.setText("7")
    of.button("smoothed").click()
    assert dialog.stops()[1] == LossRises(times=7, of="smoothed", enabled=False)
    times.setText("0")
    assert not dialog._accept.isEnabled()
    assert "times = 0" in dialog.remark.text()
    dialog.add(Reached())
    assert dialog._accept.isEnabled()
    assert dialog.stops()[2] == Reached()
    dialog._list.removed.emit("2")
    assert len(dialog.stops()) == 2


def test_a_stop_on_what_is_not_there_is_refused(host: QWidget) -> None:
    dialog = StopsDialog(host, (NotFiniteStop(),), facts(), DARK)
    dialog.add(GradientAbove())
    tensor = dialog._form.field("tensor")
    assert isinstance(tensor, QLineEdit)
    tensor.setText("conv9.weight")
    assert "no parameter of this network" in dialog.remark.text()
    assert not dialog._accept.isEnabled()
    tensor.setText("dense1.weight")
    assert dialog.stops()[1] == GradientAbove(tensor="dense1.weight")
    assert dialog._accept.isEnabled()
