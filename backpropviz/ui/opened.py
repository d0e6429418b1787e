"""What is open: the subject, its recorded pass, and where the debugger stands in it. Frozen."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import Command, reduce, refusal
from backpropviz.debugger.history import History, Visit
from backpropviz.debugger.session import Session, restore, save
from backpropviz.debugger.session import Subject as SavedSubject
from backpropviz.debugger.state import SessionState, StopReason, timeline_of
from backpropviz.debugger.steps import Depth, Step
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.mode import has_modes
from backpropviz.engine.program import operations
from backpropviz.errors import UserError
from backpropviz.figures.sample import step_in
from backpropviz.figures.scales import Scales
from backpropviz.figures.view import Options, View
from backpropviz.frozen import frozen
from backpropviz.ui.subject import Subject, target_text


@frozen(eq=False, slots=False)
class Opened:
    """A recorded pass and the moment of it that the window shows."""

    subject: Subject
    view: View
    history: History = field(default_factory=History)

    @property
    def state(self) -> SessionState:
        """All the debugger knows."""
        return self.view.state

    @property
    def timeline(self) -> Timeline:
        """The steps in the chosen loop orders."""
        return self.view.timeline

    @property
    def visit(self) -> Visit:
        """Where it stands."""
        return Visit(self.state.k, self.state.depth)

    def refusal(self, command: Command) -> str:
        """Why a command cannot be used now; empty where it can."""
        return refusal(self.timeline, self.view.tape, self.state, command)

    def after(self, command: Command) -> Opened:
        """The moment after a command; itself where the command changes nothing."""
        state = reduce(self.timeline, self.view.tape, self.state, command)
        return self if state == self.state else self.at(state)

    def at(self, state: SessionState) -> Opened:
        """Another moment of the same pass."""
        view = replace(self.view, state=state, timeline=timeline_of(self.timeline, state))
        if view.options.close_up is not None:
            # Only a plane too large for the stage has one: nothing that the start waits for.
            from backpropviz.figures.stage.scrolling import without_left_close_up

            view = without_left_close_up(view)
        return replace(self, view=view)

    def seen_with(self, options: Options) -> Opened:
        """The same moment, seen in another way."""
        return replace(self, view=replace(self.view, options=options))

    def in_sample(self, sample: int) -> Opened:
        """The same step in another sample of the batch, which stays the one to look at."""
        view = self.view
        k = step_in(view.timeline, self.state.k, sample)
        moved = self if k is None else self.at(self.state.at(k, StopReason.JUMP))
        return moved.seen_with(replace(view.options, sample=sample))

    def colored_by(self, diverging: str) -> Opened:
        """The same moment with another color map of signed values."""
        if diverging == self.view.scales.diverging:
            return self
        return replace(self, view=replace(self.view, scales=Scales(self.view.tape, diverging)))

    @cached_property
    def step(self) -> Step | None:
        """The block in focus; None at the end."""
        if self.view.is_done:
            return None
        return self.timeline.step(self.state.k, self.state.depth)

    @cached_property
    def focus_address(self) -> Address | None:
        """The value that the focus makes, or the array where it makes several."""
        if self.step is None or self.step.depth < Depth.TENSOR:
            return None
        focus = self.view.focus
        indices = focus.target if focus is not None else None
        return self.step.target.at(indices) if indices is not None else self.step.target


def record(subject: Subject, diverging: str = "") -> Opened:
    """Record the pass of a subject and stand at its start.

    Raises:
        UserError: the subject's parts do not fit together.
    """
    tape = subject.record()
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration))
    view = View(subject.model, tape, timeline, SessionState(), Scales(tape, diverging))
    return Opened(subject, view)


def keeping_place(new: Opened, old: Opened) -> Opened:
    """The new pass at the old place, with the old marks, depth and orders as far as they exist."""
    kept = save(session_subject(old.subject), old.timeline, old.state)
    return restored(new, kept).seen_with(old.view.options)


def restored(new: Opened, session: Session) -> Opened:
    """A new pass where a session stood, without the marks that it has no place for."""
    state = restore(session, new.timeline)
    return new.at(
        replace(
            state,
            breakpoints=tuple(b for b in state.breakpoints if _can_stop(new, b)),
            watches=tuple(w for w in state.watches if _exists(new, w)),
            pins=tuple(p for p in state.pins if _exists(new, p)),
        )
    )


def session_subject(subject: Subject) -> SavedSubject:
    """A subject as a session names it."""
    settings = subject.settings
    mode = subject.mode
    modes: dict[str, str | int] = {"mode": mode.name, "dropout_seed": mode.seed}
    return SavedSubject(
        subject.network,
        subject.image_name,
        target_text(subject),
        {
            "float_bits": settings.float_bits,
            "reduction": settings.reduction,
            "learning_rate": subject.learning_rate,
            **(modes if has_modes(subject.model.network) else {}),
        },
    )


def _can_stop(opened: Opened, mark: Breakpoint) -> bool:
    if mark.address is not None:
        return _exists(opened, mark.address)
    return mark.layer is None or any(o.layer == mark.layer for o in opened.timeline.operations)


def _exists(opened: Opened, address: Address) -> bool:
    try:
        _ = opened.view.tape[address]
    except UserError:
        return False
    return True
