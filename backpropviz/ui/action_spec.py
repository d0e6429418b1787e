"""What an action of the window is: data, without what it does."""

from __future__ import annotations

from enum import Enum

from backpropviz.frozen import frozen


class Needs(Enum):
    """What must be there before an action can be used."""

    NOTHING = "nothing"
    TAPE = "a recorded pass"
    COMMAND = "a pass and a command that is possible now"
    RUN = "a run in training"
    LAST_SESSION = "a session from an earlier time"


class Scope(Enum):
    """Where its keys work: buttons and lists need Space and the arrows for themselves."""

    WINDOW = "window"
    STAGE = "stage"


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
