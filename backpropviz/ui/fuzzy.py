"""How well a few letters match a name: in order, gaps allowed, starts of words first."""

from __future__ import annotations

_BOUNDARIES = " .,-_[←"


def match(letters: str, name: str) -> int | None:
    """A cost, 0 for a perfect match; None where the letters do not appear in order."""
    wanted = letters.lower().replace(" ", "")
    text = name.lower()
    if not wanted:
        return 0
    if letters.lower().strip() in text:
        start = text.index(letters.lower().strip())
        return start if start == 0 or text[start - 1] in _BOUNDARIES else 20 + start
    cost, place = 100 + len(text) // 4, -1
    for letter in wanted:
        found = _next(text, letter, place + 1)
        if found < 0:
            return None
        is_start = found == 0 or text[found - 1] in _BOUNDARIES
        cost += 0 if is_start else 2 * (found - place - 1) + 1
        place = found
    return cost


def _next(text: str, letter: str, start: int) -> int:
    """The next place of a letter, at a word's start if there is one ahead."""
    first = text.find(letter, start)
    place = first
    while place >= 0:
        if place == 0 or text[place - 1] in _BOUNDARIES or place == start:
            return place
        place = text.find(letter, place + 1)
    return first
