"""What the actions of an open pass do, and when they can be used.

Dialogs and files are imported once they are asked for: the stage comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QSettings
from PySide6.QtWidgets import QFileDialog

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import (
    BackInto,
    BackOut,
    BackOver,
    ClearBreakpoints,
    Command,
    Continue,
    ContinueBack,
    Into,
    Out,
    Over,
    SetOrder,
    ShowAbsent,
    ToEnd,
    ToggleBreakpoint,
    ToStart,
)
from backpropviz.debugger.session import StopReason
from backpropviz.debugger.timeline import Depth, LoopOrder
from backpropviz.document import real_number
from backpropviz.engine.model import draws_masks, has_modes
from backpropviz.engine.record import read_target
from backpropviz.errors import BackpropVizError, UserError
from backpropviz.ui.controller import command_for
from backpropviz.ui.controls import Offer, file_name, plain_title, shortened
from backpropviz.ui.host import Host
from backpropviz.ui.opened import Opened, Subject, target_text
from backpropviz.ui.recent import read_preferences, write_preferences
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.transport import Player, Transport
from backpropviz.ui.windows import front

if TYPE_CHECKING:
    from backpropviz.files.pictures import Picture


COMMANDS: Final[Mapping[str, Callable[[], Command]]] = {
    "step_over": Over,
    "step_into": Into,
    "step_out": Out,
    "continue": Continue,
    "back_over": BackOver,
    "back_into": BackInto,
    "back_out": BackOut,
    "continue_back": ContinueBack,
    "next": Over,
    "previous": BackOver,
    "stage_next": Over,
    "stage_previous": BackOver,
    "to_start": ToStart,
    "to_end": ToEnd,
    "clear_breakpoints": ClearBreakpoints,
}


def other_order(opened: Opened) -> Command:
    """The other loop order, everywhere."""
    by_target = opened.state.order is LoopOrder.TARGET
    return SetOrder(LoopOrder.SOURCE if by_target else LoopOrder.TARGET)


def breakpoint_here(opened: Opened) -> Command | None:
    """A breakpoint at what is in focus: a phase, a layer, an array or one value."""
    step = opened.step
    if step is None or step.depth is Depth.PASS:
        return None
    if step.depth is Depth.PHASE:
        return ToggleBreakpoint(Breakpoint(phase=step.phase))
    if step.depth is Depth.LAYER:
        return ToggleBreakpoint(Breakpoint(phase=step.phase, layer=step.layer))
    return ToggleBreakpoint(Breakpoint(address=opened.focus_address))


class DebugActions(QObject):
    """Handlers of the table's actions that need a pass."""

    def __init__(self, host: Host, player: Player, transport: Transport) -> None:
        super().__init__(host.window)
        self._host, self._player, self._transport = host, player, transport
        self._actions = host.actions
        host.stage.actions_by_key = self._actions.of_stage
        host.stage.clicked.connect(self._sort_on_click)
        self._actions.bind({name: partial(self._run_command, name) for name in COMMANDS})
        self._actions.bind(self._handlers())

    def _handlers(self) -> dict[str, Callable[[], object]]:
        stage, player = self._host.stage, self._player
        return {
            "save": self.save,
            "export": self.export,
            "copy_frame": self.copy_frame,
            "start_page": self._host.controller.close_pass,
            "copy_value": self.copy_value,
            "zoom_in": stage.zoom_in,
            "zoom_out": stage.zoom_out,
            "zoom_reset": stage.zoom_reset,
            "ledger_by_size": self.sort_ledger,
            "ledger_by_sample": self.sum_ledger_by_sample,
            "next_sample": lambda: self.turn_samples(1),
            "previous_sample": lambda: self.turn_samples(-1),
            "play": player.toggle,
            "go_to": self.ask_where,
            "go_back": self._host.controller.go_back,
            "go_forward": self._host.controller.go_forward,
            "origin": self.go_to_origin,
            "toggle_breakpoint": self.toggle_breakpoint,
            "loop_order": self.change_order,
            "show_absent": self.show_absent,
            "faster": self.faster,
            "slower": self.slower,
        }

    @property
    def _opened(self) -> Opened | None:
        return self._host.controller.opened

    def allow(self, opened: Opened) -> None:
        """Enable each command that is possible now; the others say why not."""
        for name, make in COMMANDS.items():
            self._actions.allow(name, opened.refusal(make()) or None)
        self._actions["show_absent"].setChecked(opened.state.show_absent)
        alone = None if opened.view.tape.batch > 1 else "The batch is one sample only."
        for name in ("next_sample", "previous_sample", "ledger_by_sample"):
            self._actions.allow(name, alone)

    def _run_command(self, name: str) -> None:
        self._player.pause()
        self._host.controller.dispatch(COMMANDS[name]())

    def play_on(self) -> None:
        """One step of autoplay; breakpoints stop it."""
        opened = self._opened
        if opened is None or opened.view.is_done:
            self._player.pause()
            return
        after = opened.after(Over())
        if any(mark.enabled and not mark.condition for mark in opened.state.breakpoints):
            stop = opened.after(Continue())
            if stop.state.stopped.reason is StopReason.BREAKPOINT and stop.state.k <= after.state.k:
                self._player.pause()
                self._host.controller.dispatch(Continue())
                return
        self._host.controller.dispatch(Over())

    def change_order(self) -> None:
        """Interchange the loops."""
        if self._opened is not None:
            self._host.controller.dispatch(other_order(self._opened))

    def show_absent(self) -> None:
        """Stop at terms without a source or target too, or pass them."""
        show = self._actions["show_absent"].isChecked()
        self._host.controller.dispatch(ShowAbsent(show))

    def toggle_breakpoint(self) -> None:
        """At what is in focus."""
        command = breakpoint_here(self._opened) if self._opened is not None else None
        if command is None:
            self._host.say("Step to a layer or deeper to set a breakpoint.")
        else:
            self._host.controller.dispatch(command)

    def go_to_origin(self) -> None:
        """Where the focused, else the hovered or the last pinned value came from."""
        opened, stage = self._opened, self._host.stage
        if opened is None:
            return
        pins = [str(pin) for pin in opened.state.pins[-1:]]
        candidates = (stage.focused_key, stage.hovered_key, *pins)
        key = next((candidate for candidate in candidates if candidate), "")
        if key:
            self._host.pointing.go_to_origin(key)
        else:
            self._host.say("Point at a value or pin it, then ask again.")

    def ask_where(self) -> None:
        """Go to an address, a step or a layer."""
        opened = self._opened
        if opened is None:
            return
        layers = [node.name for node in opened.view.tape.network.nodes]
        tensors = [str(address) for address in opened.view.tape]
        from backpropviz.ui.dialog import ask

        text = ask(
            front(self._host.window),
            "Go to",
            "An address, a layer, or the number of a step.",
            "",
            self._refusal_of,
            [name for name in (*layers, *tensors) if not self._refusal_of(name)],
        )
        if text:
            self.go_to_text(text)

    def go_to_text(self, text: str) -> None:
        """Go to an address, a step's number or a layer."""
        if self._opened is None:
            return
        try:
            self._host.controller.jump(command_for(text, self._opened))
        except UserError as error:
            self._host.say(str(error))
            self._transport.show_opened(self._opened)

    def _refusal_of(self, text: str) -> str:
        if self._opened is None:
            return ""
        try:
            return self._opened.refusal(command_for(text, self._opened))
        except UserError as error:
            return str(error)

    def sort_ledger(self) -> None:
        """Largest terms first, or in loop order."""
        self._see_ledger(by_size=self._actions["ledger_by_size"].isChecked(), by_sample=False)

    def sum_ledger_by_sample(self) -> None:
        """A row for each sample of a batch, or for each term."""
        self._see_ledger(by_size=False, by_sample=self._actions["ledger_by_sample"].isChecked())

    def _see_ledger(self, *, by_size: bool, by_sample: bool) -> None:
        self._actions["ledger_by_size"].setChecked(by_size)
        self._actions["ledger_by_sample"].setChecked(by_sample)
        opened = self._opened
        if opened is not None:
            seen = replace(opened.view.options, ledger_by_size=by_size, ledger_by_sample=by_sample)
            self._host.controller.see_with(seen)

    def turn_samples(self, count: int) -> None:
        """To another sample of the batch; after the last comes the first."""
        opened = self._opened
        if opened is not None:
            view = opened.view
            self._host.controller.choose_sample((view.sample + count) % view.tape.batch)

    def _sort_on_click(self, key: str) -> None:
        # Whoever can click on a ledger has had it imported.
        from backpropviz.figures.ledger import ORDER_KEY, SWITCH_KEY

        if key == ORDER_KEY:
            self._actions["ledger_by_size"].trigger()
        elif key.startswith(SWITCH_KEY):
            order = key.removeprefix(SWITCH_KEY)
            self._see_ledger(by_size=order == "size", by_sample=order == "sample")

    def set_interval(self, interval_ms: int) -> None:
        """Play at another speed, and remember it."""
        self._player.set_interval(interval_ms)
        write_preferences(replace(read_preferences(), interval_ms=interval_ms))
        self._transport.show_playing(self._player.is_playing, interval_ms)

    def faster(self) -> None:
        """The next higher speed."""
        self.set_interval(self._player.faster())

    def slower(self) -> None:
        """The next lower speed."""
        self.set_interval(self._player.slower())

    def copy_value(self) -> None:
        """Address and value of the focused, hovered or focus cell."""
        stage, opened = self._host.stage, self._opened
        here = str(opened.focus_address) if opened and opened.focus_address else ""
        self._host.pointing.copy_value(stage.focused_key or stage.hovered_key or here)

    def copy_frame(self) -> None:
        """The stage as an image on the clipboard."""
        from backpropviz.export.frames import copy_image

        scene = self._host.stage.scene
        if scene is not None:
            copy_image(scene, 2.0)
            self._host.say("The frame is on the clipboard.")

    def save(self) -> None:
        """Ask for a file and save the session."""
        opened = self._opened
        if opened is None:
            return
        folder = str(QSettings().value("folder/save", ""))
        first = str(Path(folder, f"{opened.subject.file_stem}.bpv"))
        name, _ = QFileDialog.getSaveFileName(
            self._host.window, "Save session", first, "Sessions (*.bpv)"
        )
        if not name:
            return
        from backpropviz.ui.kept_work import save_opened

        path = Path(name if name.endswith(".bpv") else f"{name}.bpv")
        QSettings().setValue("folder/save", str(path.parent))
        try:
            save_opened(path, opened)
        except BackpropVizError as error:
            self._host.tell_error(error)
        else:
            self._host.say(f"Saved as {path.name}.")

    def export(self) -> None:
        """Ask what to export, and write it."""
        from backpropviz.ui.export.dialog import ExportDialog

        opened, stage = self._opened, self._host.stage
        if opened is None:
            return
        self._player.pause()
        size = stage.maximumViewportSize()
        dialog = ExportDialog(
            self._host.window, opened, (size.width(), size.height()), self._host.theme
        )
        dialog.exec()
        if dialog.written:
            self._host.say(f"Written: {dialog.written}")
        dialog.deleteLater()


_LONGEST_NAME: Final = 32


class SubjectActions(QObject):
    """Handlers of the table's actions that change what the pass is recorded from."""

    def __init__(self, host: Host) -> None:
        super().__init__(host.window)
        self._host, self._controller, self._actions = host, host.controller, host.actions
        self._controller.failed.connect(self._untick)
        self._own: tuple[Picture, str] | None = None
        """The last picture of the person's own, and what opens it again."""
        handlers: dict[str, Callable[[], object]] = {
            "fit_image": self.fit_image,
            "own_example": self.use_own_example,
            "own_picture": self.use_own_picture,
            "learning_rate": self.ask_learning_rate,
            "target": self.ask_target,
            "network_details": self.show_network,
            "float_width": self.change_float_width,
            "sum_reduction": self.change_reduction,
            "train_mode": self.choose_training,
            "eval_mode": self.choose_use,
            "dropout_seed": self.ask_dropout_seed,
        }
        self._actions.bind(handlers)

    @property
    def _opened(self) -> Opened | None:
        return self._controller.opened

    def show_subject(self, subject: Subject) -> None:
        """Tick what the subject says, and offer the images that it does not show."""
        self._show_images(subject)
        self._actions["fit_image"].setEnabled(subject.picture is not None)
        self._actions["float_width"].setChecked(subject.settings.float_bits == 64)
        loss = subject.model.network.loss
        reduction = subject.settings.reduction or loss.reduction
        self._actions["sum_reduction"].setChecked(reduction == "sum")
        network, mode = subject.model.network, subject.mode
        for name, is_chosen in (("train_mode", mode.training), ("eval_mode", not mode.training)):
            self._actions[name].setEnabled(has_modes(network))
            self._actions[name].setChecked(has_modes(network) and is_chosen)
        self._actions["dropout_seed"].setEnabled(draws_masks(network))

    def _show_images(self, subject: Subject) -> None:
        if subject.picture is not None and subject.can_change and not subject.shows_example:
            self._own = subject.picture, subject.image_source
        shown, own = self._actions["own_example"], self._actions["own_picture"]
        example = subject.model.example
        shown.setEnabled(example is not None and not subject.shows_example)
        own.setEnabled(self._own is not None and subject.picture is not self._own[0])
        own.setText(
            "Your image again" if self._own is None else plain_title(f"Use {self._own_name}")
        )

    @property
    def _own_name(self) -> str:
        name = "" if self._own is None else file_name(self._own[0].source)
        return shortened(name, _LONGEST_NAME)

    def own_picture_offer(self, old: Subject, new: Subject) -> Offer | None:
        """Where another network was opened on its own example, the image that was open.

        A picture of another network's example is nobody's own.
        """
        is_own = old.picture is not None and old.can_change and not old.shows_example
        if not is_own or old.model is new.model or new.is_edited or not new.shows_example:
            return None
        return Offer(f"Use {self._own_name}", self.use_own_picture)

    def use_own_example(self) -> None:
        """The image and the target that the network brings."""
        self._controller.change(lambda subject: subject.with_own_example())

    def use_own_picture(self) -> None:
        """The picture of the person's own that was open before."""
        if self._own is not None:
            picture, source = self._own
            self._controller.change(lambda subject: subject.with_picture(picture, source))

    def _untick(self, _error: BaseException) -> None:
        """What was refused must not stay ticked."""
        if self._opened is not None:
            self.show_subject(self._opened.subject)

    def open_image(self, name: str) -> None:
        """Another image for the open network."""
        self._controller.open(OpenRequest(image=name))

    def open_network(self, name: str) -> None:
        """Another network for the open image, where it suits."""
        self._controller.open(OpenRequest(network=name))

    def set_target(self, text: str) -> None:
        """Another target."""
        self._controller.change(lambda s: s.with_target(read_target(text, s.model)))

    def ask_target(self) -> None:
        """Ask for a class or numbers."""
        opened = self._opened
        if opened is None:
            return
        subject = opened.subject
        names = subject.model.class_names
        hint = "A class: {names}".format(names=", ".join(names[:20])) if names else ""
        from backpropviz.ui.dialog import ask

        text = ask(
            self._host.window,
            "Target",
            hint or "Numbers separated by commas.",
            target_text(subject),
            lambda text: _refusal(lambda: read_target(text, subject.model)),
            names,
        )
        if text is not None:
            self.set_target(text)

    def ask_learning_rate(self) -> None:
        """Ask for another learning rate."""
        opened = self._opened
        if opened is None:
            return
        from backpropviz.ui.dialog import ask

        text = ask(
            self._host.window,
            "Learning rate",
            "The update is −learning rate × gradient, with the optimizer's state.",
            f"{opened.subject.learning_rate:g}",
            lambda text: _refusal(lambda: opened.subject.with_learning_rate(_rate(text))),
        )
        if text is not None:
            self._controller.change(lambda s: s.with_learning_rate(_rate(text)))

    def change_float_width(self) -> None:
        """32 or 64 bits."""
        bits = 64 if self._actions["float_width"].isChecked() else 32
        self._controller.change(lambda s: s.with_float_bits(bits))

    def change_reduction(self) -> None:
        """Mean or sum over the batch."""
        reduction = "sum" if self._actions["sum_reduction"].isChecked() else "mean"
        self._controller.change(lambda s: s.with_reduction(reduction))

    def choose_training(self) -> None:
        """As in training: the batch's own statistics, and values dropped."""
        self._choose_mode("train")

    def choose_use(self) -> None:
        """As in use: running statistics, and nothing dropped."""
        self._choose_mode("eval")

    def _choose_mode(self, name: str) -> None:
        opened = self._opened
        if opened is not None and opened.subject.mode.name == name:
            self.show_subject(opened.subject)  # a choice that is clicked again stays chosen
        else:
            self._controller.change(lambda s: s.with_mode(name))

    def ask_dropout_seed(self) -> None:
        """Ask for the seed of what dropout drops."""
        opened = self._opened
        if opened is None:
            return
        from backpropviz.ui.dialog import ask

        text = ask(
            self._host.window,
            "Dropout seed",
            "The same seed drops the same values; it counts in the mode train.",
            str(opened.subject.mode.seed),
            lambda text: _refusal(lambda: opened.subject.with_dropout_seed(_seed(text))),
        )
        if text is not None:
            self._controller.change(lambda s: s.with_dropout_seed(_seed(text)))

    def fit_image(self) -> None:
        """Ask how the picture is brought to the input."""
        from backpropviz.ui.fitting_dialog import ask_fitting

        opened = self._opened
        if opened is None or opened.subject.picture is None:
            return
        chosen = ask_fitting(self._host.window, opened.subject, self._host.theme)
        if chosen is not None and chosen != opened.subject.model.preprocessing:
            self._controller.change(lambda s: s.with_preprocessing(chosen))

    def show_network(self) -> None:
        """Layers, shapes, parameters."""
        from backpropviz.ui.information import NetworkDialog

        if self._opened is not None:
            dialog = NetworkDialog(self._host.window, self._opened)
            dialog.exec()
            dialog.deleteLater()


def _rate(text: str) -> float:
    number = real_number(text)
    if number is None:
        raise UserError(f"“{text:.40}” is no number: give a learning rate such as 0.01.")
    return number


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text.strip()):
        raise UserError(f"“{text[:20]}” is no seed: give a whole number from 0.")
    return int(text)


def _refusal(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except BackpropVizError as error:
        return str(error)
    return ""
