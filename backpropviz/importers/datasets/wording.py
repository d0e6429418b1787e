"""Names of classes and folders: listed in a sentence, and found again in other spellings."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

_MOST_LISTED = 6


def listed_names(names: Sequence[str], quotes: str = "“”", most: int = _MOST_LISTED) -> str:
    """`“a”, “b” and “c”`; of many the first ones and how many there are."""
    quoted = [f"{quotes[:1]}{name}{quotes[1:]}" for name in names]
    if len(quoted) > most:
        return f"{', '.join(quoted[: most - 1])}, … ({len(quoted):,})"
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def name_key(name: str) -> str:
    """What spellings of one name share: composition and capitals do not matter."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def matched_names(wanted: Sequence[str], known: Sequence[str]) -> dict[str, int]:
    """The places among the known names of those that are wanted and there.

    A name stands for itself, else for the only one that differs in capitals or composition.
    """
    exact = {name: place for place, name in enumerate(known)}
    repeated = {name for name, count in Counter(known).items() if count > 1}
    keys = Counter(map(name_key, known))
    loose = {name_key(name): place for place, name in enumerate(known)}
    found: dict[str, int] = {}
    for name in wanted:
        if name in exact and name not in repeated:
            found[name] = exact[name]
        elif name not in exact and keys[name_key(name)] == 1:
            found[name] = loose[name_key(name)]
    return found


def unrepeated(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once: what repeats gets the number of its class, `crane (134)`."""
    counts = Counter(names)
    taken = {name for name, count in counts.items() if count == 1}
    found = []
    for number, name in enumerate(names):
        told = name
        if counts[name] > 1:
            told = f"{name} ({number})"
            while told in taken:
                told += "′"
            taken.add(told)
        found.append(told)
    return tuple(found)
