"""What crosses from the window to the training thread: frozen wishes, and "I have drawn that"."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition
from typing import Final, TypeAlias

from backpropviz.engine.training.course import Hyperparameters
from backpropviz.frozen import frozen
from backpropviz.ui.training.live_run import LiveRun

_MOST_COST_S: Final = 0.1
"""A longer time, such as the first, is no measure of the next ones."""
_PATIENCE_S: Final = 0.3
"""So long the thread waits for a snapshot to be drawn: a window may be busy with something else."""


@frozen(eq=False)
class Take:
    """Train this run from now on, once it is told to go."""

    number: int
    live: LiveRun


@frozen
class Go:
    """Train up to this update, or without end."""

    number: int
    until: int | None = None


@frozen
class Halt:
    """Stop after the update that is being made; with `validates`, measure it, too."""

    number: int
    validates: bool = False


@frozen
class Change:
    """Other hyper-parameters from the next update on."""

    hyperparameters: Hyperparameters


@frozen
class Redraw:
    """Tell every so many updates; None: as often as drawing may cost."""

    every: int | None


@frozen(eq=False)
class Ask:
    """Do something with the run between two updates, and tell the answer."""

    number: int
    job: Callable[[LiveRun], object]


@frozen
class Quit:
    """End the thread."""


Wish: TypeAlias = Take | Go | Halt | Change | Redraw | Ask | Quit


class Mailbox:
    """Wishes in order; and whether the window has drawn the last snapshot.

    Nothing queues up towards the window: the thread tells nothing before the last was drawn. While
    it draws, the thread stands still, since Python runs one of the two at a time: taking turns at
    every call would make drawing many times as slow, and training no faster.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._wishes: list[Wish] = []
        self._is_free, self._is_watched = True, False
        self._patience_ends_s = 0.0
        self._costs_s = (0.0, 0.0)

    def put(self, wish: Wish) -> None:
        """From the window: a wish."""
        with self._condition:
            self._wishes.append(wish)
            self._condition.notify()

    def watch(self, is_watched: bool) -> None:
        """From the window: whether snapshots are drawn at all."""
        with self._condition:
            self._is_watched = is_watched

    def acknowledge(self, cost_s: float) -> None:
        """From the window: the last snapshot is drawn, which took this long."""
        with self._condition:
            self._is_free, self._costs_s = True, (self._costs_s[1], min(cost_s, _MOST_COST_S))
            self._condition.notify()

    def take(self, *, has_work: bool, has_news: bool) -> tuple[Wish, ...]:
        """To the thread: all wishes; waits where there is neither work nor anybody to tell."""
        with self._condition:
            while not self._wishes:
                if has_work:
                    patience_s = self._patience_ends_s - time.monotonic()
                    if self._is_free or patience_s <= 0:
                        break
                    self._condition.wait(patience_s)
                elif has_news and self._is_free:
                    break
                else:
                    self._condition.wait()
            found, self._wishes = tuple(self._wishes), []
            return found

    @property
    def is_free(self) -> bool:
        """Whether the window has drawn the last snapshot."""
        return self._is_free

    @property
    def cost_s(self) -> float:
        """How long drawing takes, over the last two times."""
        return sum(self._costs_s) / 2

    def tell(self) -> None:
        """From the thread: a snapshot is on its way."""
        with self._condition:
            self._is_free = False
            self._patience_ends_s = time.monotonic() + _PATIENCE_S * self._is_watched
