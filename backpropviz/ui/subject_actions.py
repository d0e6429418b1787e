"""What the actions do that make another pass of it: image, network, target and settings.

Dialogs are imported once they are asked for: the stage comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject

from backpropviz.engine.mode import draws_masks, has_modes
from backpropviz.engine.run import read_target
from backpropviz.errors import BackpropVizError, UserError
from backpropviz.number_text import real_number
from backpropviz.ui.controls import file_name, shortened
from backpropviz.ui.notice import Offer, show_notice
from backpropviz.ui.opened import Opened
from backpropviz.ui.plain_text import plain_title
from backpropviz.ui.requests import OpenRequest
from backpropviz.ui.subject import Subject, target_text

if TYPE_CHECKING:
    from backpropviz.importers.picture import Picture
    from backpropviz.ui.main_window import MainWindow
    from backpropviz.ui.workbench import Workbench


_LONGEST_NAME: Final = 32


class SubjectActions(QObject):
    """Handlers of the table's actions that change what the pass is recorded from."""

    def __init__(self, workbench: Workbench, window: MainWindow) -> None:
        super().__init__(workbench)
        self._controller, self._window = workbench.controller, window
        self._actions = window.actions_by_name
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
            self.tr("Your image again")
            if self._own is None
            else plain_title(self.tr("Use {name}").format(name=self._own_name))
        )

    @property
    def _own_name(self) -> str:
        name = "" if self._own is None else file_name(self._own[0].source)
        return shortened(name, _LONGEST_NAME)

    def offer_own_picture(self, old: Subject, new: Subject) -> None:
        """Another network was opened on its own example: say so, and offer the image that was open.

        A picture of another network's example is nobody's own.
        """
        is_own = old.picture is not None and old.can_change and not old.shows_example
        if not is_own or old.model is new.model or new.is_edited or not new.shows_example:
            return
        text = self.tr("{network} is shown with its own example.")
        offer = Offer(self.tr("Use {name}").format(name=self._own_name), self.use_own_picture)
        window = self._window
        show_notice(window, text.format(network=new.network_title), window.theme, offer)

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
        hint = self.tr("A class: {names}").format(names=", ".join(names[:20])) if names else ""
        from backpropviz.ui.dialogs.ask import ask

        text = ask(
            self._window,
            self.tr("Target"),
            hint or self.tr("Numbers separated by commas."),
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
        from backpropviz.ui.dialogs.ask import ask

        text = ask(
            self._window,
            self.tr("Learning rate"),
            self.tr("The update is −learning rate × gradient, with the optimizer's state."),
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
        from backpropviz.ui.dialogs.ask import ask

        text = ask(
            self._window,
            self.tr("Dropout seed"),
            self.tr("The same seed drops the same values; it counts in the mode train."),
            str(opened.subject.mode.seed),
            lambda text: _refusal(lambda: opened.subject.with_dropout_seed(_seed(text))),
        )
        if text is not None:
            self._controller.change(lambda s: s.with_dropout_seed(_seed(text)))

    def fit_image(self) -> None:
        """Ask how the picture is brought to the input."""
        from backpropviz.ui.dialogs.fitting import ask_fitting

        opened = self._opened
        if opened is None or opened.subject.picture is None:
            return
        chosen = ask_fitting(self._window, opened.subject, self._window.theme)
        if chosen is not None and chosen != opened.subject.model.preprocessing:
            self._controller.change(lambda s: s.with_preprocessing(chosen))

    def show_network(self) -> None:
        """Layers, shapes, parameters."""
        from backpropviz.ui.dialogs.network import NetworkDialog

        if self._opened is not None:
            dialog = NetworkDialog(self._window, self._opened)
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
