"""What a lesson is: a pass to look at, and steps that ask, tell and check."""

from __future__ import annotations

from backpropviz.debugger.commands import reduce
from backpropviz.debugger.going import GoToAddress
from backpropviz.debugger.lessons.check import Check, missing
from backpropviz.debugger.lessons.prose import Prose
from backpropviz.debugger.lessons.question import Question
from backpropviz.debugger.session import Subject
from backpropviz.debugger.state import SessionState, timeline_of
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.address import Address
from backpropviz.engine.model import Model
from backpropviz.engine.optimizer import Optimizer
from backpropviz.engine.run import Settings, read_target
from backpropviz.engine.tape import Tape
from backpropviz.frozen import frozen


@frozen
class LessonPass:
    """What is recorded for a lesson or a step; None: as the network brings it."""

    network: str
    image: str | None = None
    target: str | None = None
    reduction: str | None = None
    optimizer: Optimizer | None = None
    mode: str | None = None

    def settings(self, model: Model) -> Settings:
        """The settings with which the pass is recorded.

        Raises:
            UserError: the target does not fit the model.
        """
        target = None if self.target is None else read_target(self.target, model)
        return Settings(target, reduction=self.reduction, optimizer=self.optimizer, mode=self.mode)


@frozen
class Start:
    """Where a lesson begins: at a value, or at the start of the pass."""

    focus: Address | None = None
    depth: Depth = Depth.TENSOR
    order: LoopOrder = LoopOrder.TARGET
    line: int = 0


@frozen
class Show:
    """What “Show me” shows: a place (the check's own if none is given) and cells to light up."""

    place: Check | None = None
    highlight: tuple[Address, ...] = ()
    line: int = 0


@frozen
class LessonStep:
    """Some text, a question to answer first, and a thing to do with its check.

    The title is the step's identity in the lesson; `reveal` is told once the question is answered.
    """

    title: str
    text: Prose
    on: LessonPass
    question: Question | None = None
    reveal: Prose = ()
    task: Prose = ()
    check: Check | None = None
    show: Show = Show()
    line: int = 0


@frozen
class Lesson:
    """A lesson as its file says it; `file` is what errors call it."""

    id: str
    title: str
    summary: str
    minutes: int
    concepts: tuple[str, ...]
    on: LessonPass
    start: Start
    steps: tuple[LessonStep, ...]
    file: str

    def step(self, title: str) -> LessonStep | None:
        """A step by its title."""
        return next((step for step in self.steps if step.title == title), None)


def check(step: LessonStep, state: SessionState, timeline: Timeline, tape: Tape) -> tuple[str, ...]:
    """What a step still asks to do, a sentence each; nothing where it is done."""
    return () if step.check is None else missing(step.check, timeline, tape, state)


def opening(start: Start, timeline: Timeline, tape: Tape) -> SessionState:
    """The state in which a lesson opens; `timeline` is in any loop orders."""
    state = SessionState(depth=start.depth, order=start.order)
    if start.focus is None:
        return state
    go_to = GoToAddress(start.focus, start.depth)
    return reduce(timeline_of(timeline, state), tape, state, go_to)


def switch_needed(wanted: LessonPass, opened: Subject | None) -> str:
    """What to open before a step can go on, as a sentence; empty where the network is open."""
    if opened is not None and opened.network == wanted.network:
        return ""
    here = "no network is open" if opened is None else f"{opened.network} is open"
    return f"This step is about {wanted.network}, but {here}: switch to {wanted.network} to go on."
