"""Menus: their titles, their mnemonics, and whose keys are whose while one is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QMenu, QWidget

MENUS: Final = ("File", "Edit", "View", "Debug", "Analyze", "Train", "Lessons", "Help")
"""All that the first paint needs."""


class Menu(QMenu):
    """A menu that has the keyboard to itself while it is open; each entry has a letter."""

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(title, parent)

    def showEvent(self, event: QShowEvent) -> None:
        self._letter()
        super().showEvent(event)

    def event(self, event: QEvent) -> bool:
        # Qt lets a window's shortcuts work while a menu of it is open.
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def _letter(self) -> None:
        """Underline a letter of each entry; entries come and go, so do it anew."""
        entries = [action for action in self.actions() if not action.isSeparator()]
        texts = [plain(action.text()) for action in entries]
        for action, text in zip(entries, with_letters(texts), strict=True):
            if action.text() != text:
                action.setText(text)


def plain(text: str) -> str:
    """A text without marks for its letter."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


def with_letters(texts: Sequence[str]) -> list[str]:
    """Mark a letter of its own in as many texts as there are letters for.

    The first letters of words come first; what stands behind a tab is a key and has none.
    """
    wishes = [_places(text.partition("\t")[0]) for text in texts]
    owners: dict[str, int] = {}
    for number in range(len(texts)):
        _give_letter(number, wishes, owners, set())
    letters = {number: letter for letter, number in owners.items()}
    return [
        _marked(text, wishes[number][letters[number]] if number in letters else -1)
        for number, text in enumerate(texts)
    ]


def _give_letter(
    number: int, wishes: Sequence[dict[str, int]], owners: dict[str, int], tried: set[str]
) -> bool:
    """Find a letter for a text, if need be by moving the letter's owner to another one."""
    for letter in wishes[number]:
        if letter not in owners:
            owners[letter] = number
            return True
    for letter in wishes[number]:
        if letter not in tried:
            tried.add(letter)
            if _give_letter(owners[letter], wishes, owners, tried):
                owners[letter] = number
                return True
    return False


def _places(words: str) -> dict[str, int]:
    """Where each letter may be marked, the best one first."""
    places = [place for place, letter in enumerate(words) if letter.isalnum()]
    starts = [place for place in places if not place or not words[place - 1].isalnum()]
    result: dict[str, int] = {}
    for place in (*starts, *places):
        result.setdefault(words[place].casefold(), place)
    return result


def _marked(text: str, place: int) -> str:
    if place < 0:
        return text.replace("&", "&&")
    before, after = text[:place].replace("&", "&&"), text[place:].replace("&", "&&")
    return f"{before}&{after}"
