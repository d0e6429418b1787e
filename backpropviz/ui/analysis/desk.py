"""The questions of the menu Analyze: which value is meant, and the window that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QActionGroup, QGuiApplication

from backpropviz.engine.value import Address
from backpropviz.errors import UserError
from backpropviz.scene.theme import Theme
from backpropviz.ui import boxes
from backpropviz.ui.action_table import CONVENTION_CHOICES
from backpropviz.ui.background import Background, sentence
from backpropviz.ui.host import Host
from backpropviz.ui.opened import Opened
from backpropviz.ui.pointing import address_of
from backpropviz.ui.scene_view import SceneView

if TYPE_CHECKING:
    from backpropviz.engine.derivation import Derivation
    from backpropviz.ui.analysis.check import Single
    from backpropviz.ui.analysis.window import AnalysisWindow


def value_in_question(opened: Opened, stage: SceneView) -> Address | None:
    """The focused, else the hovered, the last pinned, or the one that the step in focus makes."""
    keys = (stage.focused_key, stage.hovered_key)
    here = (*map(address_of, keys), *opened.state.pins[-1:], opened.focus_address)
    return next((a for a in here if a is not None and _is_value(opened, a)), None)


def _is_value(opened: Opened, address: Address) -> bool:
    """Whether it names one number of the pass, and no array."""
    try:
        return opened.view.tape[address].ndim == 0
    except UserError:
        return False


def without_part(address: Address) -> Address:
    """The value whose gradient, update or momentum is meant."""
    return Address(address.layer, address.quantity, "", address.indices)


class AnalysisDesk(QObject):
    """Made once; each kind of window is open at most once. `checked` when a value was."""

    checked = Signal(object)

    def __init__(self, host: Host) -> None:
        super().__init__(host.window)
        self._host = host
        self._controller = host.controller
        self.windows: dict[str, AnalysisWindow] = {}
        self._groups = [self._group("ties"), self._group("relu_at_zero")]
        self._checker = Background(self)
        self._checker.answered.connect(self._show_check)
        self._checker.failed.connect(self._refuse)
        self._idle = boxes.soon(self, self._show_conventions)
        self._controller.state_changed.connect(self._follow)
        self._controller.failed.connect(self._untick)
        host.pointing.asked.connect(self.answer)
        self._asked: Address | None = None
        self._handlers: dict[str, Callable[[], object]] = {
            "nudge": self.nudge,
            "ancestry": self.show_ancestry,
            "feeds": self.show_feeds,
            "weight_view": self.show_weight,
            "copy_derivation": self.copy_derivation,
            "copy_latex": self.copy_latex,
            "edit_value": self.edit_value,
            "edit_numbers": self.edit_numbers,
            "whole_numbers": self.use_whole_numbers,
            "check_value": self.check_value,
            "gradient_check": self.check_all,
            "convention_proof": self.prove_convention,
        }
        host.actions.bind(self._handlers)
        for name in CONVENTION_CHOICES:
            host.actions[name].triggered.connect(self._choose_convention)

    def _group(self, convention: str) -> QActionGroup:
        """Of the choices of one convention, one is made."""
        group = QActionGroup(self)
        for name, (own, _) in CONVENTION_CHOICES.items():
            if own == convention:
                group.addAction(self._host.actions[name])
        return group

    def nudge(self) -> None:
        """Open the nudge lab for a value."""
        from backpropviz.ui.analysis.nudge import NudgeLab

        opened, address = self._question()
        if opened is None or address is None:
            return
        value = without_part(address)
        try:
            _ = opened.view.tape.value(value)
        except UserError as error:
            self._refuse(error)
            return
        self._controller.busy_changed.emit("Nudging…")
        self._keep("nudge", NudgeLab(self._host, opened, value))

    def show_ancestry(self) -> None:
        """Where did a value come from?"""
        _, address = self._question()
        if address is not None:
            self._ask_ancestry(address, "origin")

    def show_feeds(self) -> None:
        """What does a value feed?"""
        _, address = self._question()
        if address is not None:
            self._ask_ancestry(address, "feeds")

    def answer(self, name: str, key: str) -> None:
        """A question to the value of a mark."""
        self._asked = address_of(key)
        if self._asked is not None:
            self._handlers[name]()
        self._asked = None

    def show_weight(self) -> None:
        """Open all that a weight meets."""
        from backpropviz.ui.analysis.values import WeightWindow

        opened, address = self._question()
        if opened is None or address is None:
            return
        known = self.windows.get("weight")
        window = known if isinstance(known, WeightWindow) else None
        if window is None:
            window = WeightWindow(self._host, opened)
            self._keep("weight", window)
        try:
            window.ask(address)
        except UserError as error:
            self._refuse(error)
            if window is not known:
                window.done(0)
            return
        window.show()
        window.raise_()

    def edit_value(self) -> None:
        """Ask for another number, and record the pass with it."""
        from backpropviz.ui.analysis.number_editor import ask_value

        opened, address = self._question()
        if opened is None or address is None:
            return
        value = without_part(address)
        try:
            number = ask_value(self._host.window, opened, value)
        except UserError as error:
            self._refuse(error)
            return
        if number is not None:
            self._controller.change(lambda subject: subject.with_value(value, number))

    def copy_derivation(self) -> None:
        """Put the explained value's derivation on the clipboard."""
        from backpropviz.figures.explain.formula import derivation_text

        self._copy_as(derivation_text)

    def copy_latex(self) -> None:
        """Put its equations on the clipboard as LaTeX."""
        from backpropviz.figures.explain.formula import derivation_latex

        self._copy_as(derivation_latex)

    def _copy_as(self, write: Callable[[Derivation], str]) -> None:
        opened = self._controller.opened
        derivation = opened.view.explained.derivation if opened is not None else None
        if derivation is None:
            self._say("Go to one value first: no single one is explained here.")
        else:
            QGuiApplication.clipboard().setText(write(derivation))

    def edit_numbers(self) -> None:
        """Open the editor of a small example."""
        from backpropviz.ui.analysis.number_editor import NumberEditor

        opened = self._controller.opened
        if opened is None:
            return
        try:
            editor = NumberEditor(self._host, opened)
        except UserError as error:
            self._refuse(error)
            return
        self._keep("numbers", editor).show()

    def use_whole_numbers(self) -> None:
        """Whole numbers only, or any."""
        wanted = self._host.actions["whole_numbers"].isChecked()
        self._controller.change(lambda subject: subject.with_whole_numbers(wanted=wanted))

    def check_value(self) -> None:
        """Hold one gradient against its finite difference, and show the verdict beside it."""
        from backpropviz.ui.analysis.check import checked

        opened, address = self._question()
        if opened is not None and address is not None:
            tape, value = opened.view.tape, without_part(address)
            # The first check loads a library, which takes a moment.
            self._say(f"Checking {value}…")
            self._checker.run(partial(checked, tape, value))

    def check_all(self) -> None:
        from backpropviz.ui.analysis.check import CheckWindow

        opened = self._controller.opened
        if opened is not None:
            self._keep("check", CheckWindow(self._host, opened)).show()

    def prove_convention(self) -> None:
        """Open the conventions with their proof."""
        from backpropviz.ui.analysis.check import ConventionsWindow

        opened = self._controller.opened
        if opened is None:
            return
        try:
            opened.subject.with_float_bits(64)  # as the proof will: an update stays as it was made
        except UserError as error:
            self._refuse(error)
            return
        address = value_in_question(opened, self._host.stage)
        wanted = without_part(address) if address is not None else None
        made = ConventionsWindow(self._host, opened, wanted)
        self._keep("conventions", made).show()

    def use_theme(self, colors: Theme) -> None:
        for window in self.windows.values():
            window.use_theme(colors)

    def close(self) -> None:
        """Close all windows and wait for their threads."""
        self._idle.stop()
        self._checker.stop()
        for window in tuple(self.windows.values()):
            window.done(0)

    def _question(self) -> tuple[Opened | None, Address | None]:
        """The pass and the value in it that is meant; says so where there is none."""
        opened, address = self._controller.opened, self._asked
        if opened is not None and address is None:
            address = value_in_question(opened, self._host.stage)
        if address is None:
            self._say("Point at a value or pin it, then ask again.")
        return opened, address

    def _ask_ancestry(self, address: Address, page: str) -> None:
        from backpropviz.ui.analysis.values import AncestryWindow

        opened = self._controller.opened
        if opened is None:
            return
        known = self.windows.get("ancestry")
        window = known if isinstance(known, AncestryWindow) else AncestryWindow(self._host, opened)
        if window is not known:
            self._keep("ancestry", window)
        try:
            window.ask(address, page)
        except UserError as error:
            self._refuse(error)
            window.done(0)
            return
        window.show()
        window.raise_()

    def _keep(self, kind: str, window: AnalysisWindow) -> AnalysisWindow:
        before = self.windows.pop(kind, None)
        if before is not None:
            before.done(0)
        window.setObjectName(kind)
        window.finished.connect(self._forget)
        self.windows[kind] = window
        return window

    def _forget(self) -> None:
        window = self.sender()
        if self.windows.get(window.objectName()) is window:
            del self.windows[window.objectName()]

    def _follow(self, old: Opened | None, new: Opened | None) -> None:
        """Another pass: windows ask again, and the menu shows its conventions."""
        if new is None:
            self.close()
        elif old is None or old.view.tape is not new.view.tape:
            self._checker.drop()
            self._idle.start()
            for window in tuple(self.windows.values()):
                window.follow(new)

    def _untick(self, _error: BaseException) -> None:
        """What was refused must not stay ticked."""
        self._idle.start()

    def _choose_convention(self) -> None:
        action = self.sender()
        convention, option = CONVENTION_CHOICES[action.objectName()]
        if convention == "flip":
            option = self._host.actions[action.objectName()].isChecked()
        self._controller.change(lambda subject: subject.with_convention(convention, option))

    def _show_conventions(self) -> None:
        """Tick what the pass is computed with, and say below what is not the standard."""
        from backpropviz.engine.conventions import applicable, conventions_of, differences
        from backpropviz.engine.model import has_modes, training_refusal

        opened = self._controller.opened
        if opened is None:
            return
        network = opened.view.tape.network
        known, chosen = applicable(network), conventions_of(network)
        for name, (convention, option) in CONVENTION_CHOICES.items():
            action = self._host.actions[name]
            action.setEnabled(convention in known)
            action.setChecked(chosen.option(convention) == option)
        # Mean or sum stands beside it in any case.
        reasons = [*differences(replace(chosen, reduction="mean"))]
        words = ["not standard"] if reasons else []
        if opened.subject.is_edited:
            words.append("edited")
            reasons.append(opened.subject.model.remark)
        if has_modes(network) and not opened.subject.mode.training:
            words.append("mode eval")
            refusal = training_refusal(network, opened.view.tape.batch)
            reasons.append(refusal or self._host.actions["eval_mode"].toolTip())
        whole = self._host.actions["whole_numbers"]
        whole.setChecked(opened.subject.whole_numbers)
        if opened.subject.whole_numbers:
            words.append("whole numbers")
            reasons.append(whole.toolTip())
        self._host.status.show_unusual(", ".join(words), "\n".join(reasons))

    def _show_check(self, found: Single) -> None:
        from backpropviz.ui.analysis.check import verdict

        gradient = found.checked.address.grad
        self._say(f"{gradient}: {verdict(found.checked, found.also)}")
        self.checked.emit(found)

    def _say(self, text: str) -> None:
        self._host.say(text)

    def _refuse(self, error: BaseException) -> None:
        self._say(sentence(error))
