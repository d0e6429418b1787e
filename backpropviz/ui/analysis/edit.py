"""Asking for another number in place of a pixel, a weight or a bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backpropviz.engine.address import Address
from backpropviz.errors import UserError
from backpropviz.number_text import real_number
from backpropviz.ui.dialogs.ask import ask
from backpropviz.ui.opened import Opened

if TYPE_CHECKING:
    from backpropviz.ui.main_window import MainWindow


def ask_value(window: MainWindow, opened: Opened, address: Address) -> float | None:
    """The number, or None where the question was dismissed.

    Raises:
        UserError: the value cannot be edited.
    """
    subject = opened.subject
    before = opened.view.tape.value(address)
    _ = subject.with_value(address, before)

    def refusal(text: str) -> str:
        try:
            subject.with_value(address, read_number(text))
        except UserError as error:
            return str(error)
        return ""

    heading = window.tr("Change {address}").format(address=address)
    hint = window.tr("The pass is recorded again with this number; the place is kept.")
    text = ask(window, heading, hint, f"{before + 0.0:.9g}", refusal)
    return None if text is None else read_number(text)


def read_number(text: str) -> float:
    """A number as a person writes it.

    Raises:
        UserError: it is none.
    """
    number = real_number(text)
    if number is None:
        raise UserError(f"“{text:.40}” is no number: give one such as −2 or 0.5.")
    return number
