"""What an action of the window is: data, without what it does."""

from __future__ import annotations

from enum import Enum

from backpropviz.frozen import frozen


class Needs(Enum):
    """What must be there before an action can be used."""

    NOTHING = "nothing"
    TAPE = "a recorded pass, in sight"
    COMMAND = "a pass in sight, and a command that is possible now"
    OPENED = "a recorded pass, in sight or behind the training"
    RUN = "a run in training"
    LAST_SESSION = "a session from an earlier time"


class Scope(Enum):
    """Where its keys work: letters, Space and the arrows belong to the stage alone."""

    WINDOW = "window"
    STAGE = "stage"


def is_function_key(key: str) -> bool:
    """Whether a key text names F1 to F12, with or without modifiers."""
    last = key.rpartition("+")[2]
    return last[:1] == "F" and last[1:].isdecimal()


@frozen
class ActionSpec:
    """One action; `name` is its identity, `help` one sentence, `keys` portable key texts."""

    name: str
    menu: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    needs: Needs = Needs.NOTHING
    scope: Scope = Scope.WINDOW
    is_checkable: bool = False
    begins_section: bool = False
    works_beside: bool = False
    """In windows beside the main one too, where function keys work in any case."""

    @property
    def is_everywhere(self) -> bool:
        """Whether its keys work in every window of the program that is not modal."""
        is_called = any(map(is_function_key, self.keys))
        return self.scope is Scope.WINDOW and (self.works_beside or is_called)
