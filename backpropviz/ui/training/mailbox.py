"""What crosses from the window to the training thread: frozen wishes, and "I have drawn that"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from typing import TypeAlias

from backpropviz.engine.training.course import Hyperparameters
from backpropviz.ui.training.live_run import LiveRun


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Train this run from now on, once it is told to go."""

    number: int
    live: LiveRun


@dataclass(frozen=True, slots=True)
class Go:
    """Train up to this update, or without end."""

    number: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop after the update that is being made; with `validates`, measure it, too."""

    number: int
    validates: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Other hyper-parameters from the next update on."""

    hyperparameters: Hyperparameters


@dataclass(frozen=True, slots=True)
class Redraw:
    """Tell every so many updates; None: as often as drawing may cost."""

    every: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Do something with the run between two updates, and tell the answer."""

    number: int
    job: Callable[[LiveRun], object]


@dataclass(frozen=True, slots=True)
class Quit:
    """End the thread."""


Wish: TypeAlias = Take | Go | Halt | Change | Redraw | Ask | Quit


class Mailbox:
    """Wishes in order; and whether the window is free for the next snapshot.

    Nothing queues up towards the window: the thread tells nothing before the last was drawn.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._wishes: list[Wish] = []
        self._is_free = True
        self._cost_s = 0.0

    def put(self, wish: Wish) -> None:
        """From the window: a wish."""
        with self._condition:
            self._wishes.append(wish)
            self._condition.notify()

    def acknowledge(self, cost_s: float) -> None:
        """From the window: the last snapshot is drawn, which took this long."""
        with self._condition:
            self._is_free, self._cost_s = True, cost_s
            self._condition.notify()

    def take(self, *, has_work: bool, has_news: bool) -> tuple[Wish, ...]:
        """To the thread: all wishes; waits where there is neither work nor anybody to tell."""
        if has_work and not self._wishes:
            return ()
        with self._condition:
            while not (has_work or self._wishes or (has_news and self._is_free)):
                self._condition.wait()
            found, self._wishes = tuple(self._wishes), []
            return found

    @property
    def is_free(self) -> bool:
        """Whether the window has drawn the last snapshot."""
        return self._is_free

    @property
    def cost_s(self) -> float:
        """How long drawing the last snapshot took."""
        return self._cost_s

    def tell(self) -> None:
        """From the thread: a snapshot is on its way."""
        with self._condition:
            self._is_free = False
