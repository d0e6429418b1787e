"""The only mutable object: it holds what is open, carries out commands, and tells the change once.

Recording, opening and long searches run beside the window. A newer request makes older answers
stale, and an error leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QObject, Signal

from backpropviz.debugger.commands import (
    Command,
    Continue,
    ContinueBack,
    GoTo,
    GoToAddress,
    Pass,
    ToEnd,
    ToStart,
)
from backpropviz.debugger.session import JumpHistory, StopReason, Visit
from backpropviz.debugger.timeline import step_number
from backpropviz.engine.value import parse
from backpropviz.errors import UserError
from backpropviz.figures.frames import END, START
from backpropviz.figures.view import Options
from backpropviz.ui.background import Background
from backpropviz.ui.kept_work import opened_session, saved_in
from backpropviz.ui.opened import Opened, Subject, keeping_place, record, subject_for
from backpropviz.ui.recent import read_preferences
from backpropviz.ui.requests import OpenRequest


class _GivenUp(Exception):  # noqa: N818  (no error: the person went on)
    """A search that nobody waits for any more."""


_MOST_WAITING: Final = 4


class Controller(QObject):
    """`state_changed(old, new)` carries `Opened`s; either is None where nothing is open.

    A session that another one takes the place of is `waiting`, the newest first, just as it was
    left. While what is open is `lent`, as by a lesson that puts back what was there, none waits.
    """

    state_changed = Signal(object, object)
    failed = Signal(object)
    refused = Signal(str)
    busy_changed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.opened: Opened | None = None
        self.waiting: tuple[Opened, ...] = ()
        self.is_lent = False
        self._is_opening = False
        self._search_number = 0
        self._loader = Background(self)
        self._loader.answered.connect(self._take_loaded)
        self._loader.failed.connect(self._fail)
        self._searcher = Background(self)
        self._searcher.answered.connect(self._take)
        self._searcher.failed.connect(self._fail_search)

    def refusal(self, command: Command) -> str:
        """Why a command cannot be used now; empty where it can."""
        return self.opened.refusal(command) if self.opened else "Nothing is open."

    def dispatch(self, command: Command) -> None:
        """Carry out a command, or tell why it cannot be done."""
        if self.opened is None:
            return
        refusal = self.opened.refusal(command)
        if refusal:
            self.refused.emit(refusal)
            return
        self._stop_search()
        if isinstance(command, Continue | ContinueBack) and _looks_at_values(self.opened):
            self._search(self.opened, command)
        else:
            self._become(self.opened.after(command))

    def jump(self, command: Command) -> None:
        """A command that leads away: the place is remembered for `go_back`."""
        before = self.opened
        self.dispatch(command)
        if before is not None and self.opened is not None and self.opened is not before:
            self.opened = replace(self.opened, history=before.history.left(before.visit))

    def go_back(self) -> None:
        """To where the last jump started."""
        self._revisit(JumpHistory.back)

    def go_forward(self) -> None:
        """To where `go_back` came from."""
        self._revisit(JumpHistory.forward)

    def _revisit(
        self, turn: Callable[[JumpHistory, Visit], tuple[Visit, JumpHistory] | None]
    ) -> None:
        opened = self.opened
        found = turn(opened.history, opened.visit) if opened is not None else None
        if opened is None or found is None:
            self.refused.emit("There was no jump to return from.")
            return
        visit, history = found
        reason = StopReason.JUMP if visit.has_begun else StopReason.START
        state = opened.state.at(visit.k, reason, visit.depth)
        self._become(replace(opened.at(state), history=history))

    def see_with(self, options: Options) -> None:
        """Change how the pass is seen."""
        if self.opened is not None and options != self.opened.view.options:
            self._become(self.opened.seen_with(options))

    def choose_sample(self, sample: int) -> None:
        """Look at another sample of the batch, at the same step in it."""
        opened = self.opened
        if opened is not None and 0 <= sample < opened.view.tape.batch:
            self._stop_search()
            self._become(opened.in_sample(sample))

    def use_diverging_map(self, name: str) -> None:
        """Change the color map of signed values."""
        if self.opened is not None:
            self._become(self.opened.colored_by(name))

    def open(self, request: OpenRequest) -> None:
        """Open what a request names; the place is kept where the same network stays open."""
        current = self.opened
        self._load(lambda: _open(request, current), "Opening…", is_opening=True)

    def change(self, make: Callable[[Subject], Subject]) -> None:
        """Record the pass of a changed subject and keep the place."""
        current = self.opened
        if current is not None:
            self._load(lambda: _changed(current, make), "Recording…")

    def replace(self, opened: Opened) -> None:
        """Show what was opened elsewhere; the session that is open waits."""
        self._loader.drop()
        self._stop_search()
        self._become_instead(opened)

    def back_to(self, opened: Opened) -> None:
        """To a session that waits; what is open waits in its turn, behind the others."""
        here = self.opened
        if not self.is_lent:
            rest = tuple(one for one in self.waiting if one is not opened)
            waits = here is not None and here.is_worked_on
            self.waiting = (*rest, here) if here is not None and waits else rest
        self.show(opened.colored_by(read_preferences().diverging))

    def show(self, opened: Opened) -> None:
        """Show what was opened elsewhere or before, just as it is, in place of what is open."""
        self._loader.drop()
        self._stop_search()
        self._become(opened)

    def close_pass(self) -> None:
        """Nothing is open any more; the session that was open waits."""
        self._loader.drop()
        self._stop_search()
        self._become_instead(None)

    def stop(self) -> None:
        """Wait until no thread works for this controller."""
        self._search_number += 1
        self._loader.stop()
        self._searcher.stop()

    @property
    def is_busy(self) -> bool:
        """Whether something is being opened, recorded or searched for."""
        return self._loader.is_busy or self._searcher.is_busy

    def _load(self, job: Callable[[], object], what: str, *, is_opening: bool = False) -> None:
        self._stop_search()
        self._is_opening = is_opening
        self.busy_changed.emit(what)
        self._loader.run(job)

    def _take_loaded(self, opened: Opened) -> None:
        self.busy_changed.emit("")
        if self._is_opening:
            self._become_instead(opened)
        else:
            self._become(opened)

    def _take(self, opened: Opened) -> None:
        self.busy_changed.emit("")
        self._become(opened)

    def _fail(self, error: BaseException) -> None:
        self.busy_changed.emit("")
        self.failed.emit(error)

    def _become_instead(self, opened: Opened | None) -> None:
        here = self.opened
        if here is not None and not self.is_lent and here.is_lost_in(opened):
            self.waiting = (here, *self.waiting)[:_MOST_WAITING]
        self._become(opened)

    def _become(self, opened: Opened | None) -> None:
        if opened is self.opened:
            return
        old, self.opened = self.opened, opened
        self.state_changed.emit(old, opened)

    def _search(self, current: Opened, command: Command) -> None:
        number = self._search_number

        def proceed() -> None:
            if number != self._search_number:
                raise _GivenUp

        def job() -> Opened:
            on = Pass(current.timeline, current.view.tape, proceed)
            return current.at(command.apply(on, current.state))

        self.busy_changed.emit("Searching…")
        self._searcher.run(job)

    def _stop_search(self) -> None:
        if self._searcher.is_busy:
            self._search_number += 1
            self._searcher.drop()
            self.busy_changed.emit("")

    def _fail_search(self, error: BaseException) -> None:
        if not isinstance(error, _GivenUp):
            self._fail(error)


def _looks_at_values(opened: Opened) -> bool:
    """Whether running on has to search for a condition, which may take long."""
    return any(mark.enabled and mark.condition for mark in opened.state.breakpoints)


def _in_mode(opened: Opened, request: OpenRequest, diverging: str) -> Opened:
    """A session's pass in the mode that is asked for, at its place."""
    subject = opened.subject
    if request.dropout_seed is not None:
        subject = subject.with_dropout_seed(request.dropout_seed)
    if request.mode:
        subject = subject.with_mode(request.mode)
    if subject is opened.subject:
        return opened
    return keeping_place(record(subject, diverging), opened)


def _open(request: OpenRequest, current: Opened | None) -> Opened:
    """Runs on the loader's thread."""
    diverging = read_preferences().diverging
    session = saved_in(request.network) if request.model is None else None
    if session is not None:
        opened = opened_session(session, request.network, diverging)
        if request.image:
            rest = replace(request, network="")
            return keeping_place(record(subject_for(rest, opened.subject), diverging), opened)
        return _in_mode(opened, request, diverging)
    subject = subject_for(request, current.subject if current else None)
    opened = record(subject, diverging)
    if current is not None:
        opened = keeping_place(opened, current)
    return _at_place(opened, request.place)


def _changed(current: Opened, make: Callable[[Subject], Subject]) -> Opened:
    """Runs on the loader's thread."""
    new = record(make(current.subject), current.view.scales.diverging)
    return keeping_place(new, current)


def _at_place(opened: Opened, place: str) -> Opened:
    """At a remembered place, if the pass has it."""
    if not place:
        return opened
    try:
        return opened.after(command_for(place, opened))
    except UserError:
        return opened


def command_for(text: str, opened: Opened) -> Command:
    """The command that leads to what is named; steps are counted from 1, as on the screen.

    Raises:
        UserError: nothing in the pass is named so.
    """
    wanted = text.strip()
    number = step_number(wanted, opened.timeline.steps)
    if number is not None:
        return GoTo(number)
    if wanted in opened.view.tape.network.by_name:
        return to_layer(wanted, opened)
    if wanted in {START, END}:
        return ToStart() if wanted == START else ToEnd()
    address = parse(wanted)
    _ = opened.view.tape[address]
    return GoToAddress(address)


def to_layer(name: str, opened: Opened) -> Command:
    """To a layer: in the phase where the pass stands if it has the layer, else its first."""
    extents = [e for e in opened.timeline.layers if e.layer == name]
    if not extents:
        raise UserError(f"No step belongs to a layer “{name}”.")
    here = opened.step.phase if opened.step is not None else None
    found = next((e for e in extents if e.phase is here), extents[0])
    return GoTo(found.start)
