"""An update of a run in the debugger: its batch, the weights before and after, as it was made."""

from __future__ import annotations

from typing import NoReturn

from backpropviz.debugger.state import SessionState
from backpropviz.debugger.timeline import Timeline
from backpropviz.engine.mode import Mode
from backpropviz.engine.program import operations
from backpropviz.engine.run import Settings
from backpropviz.engine.tape import Tape
from backpropviz.engine.training.moment import Moment
from backpropviz.errors import UserError
from backpropviz.figures.scales import Scales
from backpropviz.figures.view import View
from backpropviz.frozen import frozen
from backpropviz.ui.opened import Opened
from backpropviz.ui.subject import Subject


@frozen(eq=False)
class UpdateSubject(Subject):
    """A subject whose pass is an update that was made: nothing about it can be changed."""

    moment: Moment | None = None
    names: tuple[str, ...] = ()

    def record(self) -> Tape:
        """The pass of the update; `next` are the trained weights, on one machine bit for bit."""
        if self.moment is None:
            raise UserError("This pass belongs to no update.")
        return self.moment.record()

    @property
    def save_refusal(self) -> str:
        """An update is made again from its run."""
        return "An update of a run cannot be saved as a session: save the run instead."

    @property
    def can_change(self) -> bool:
        """An update is what it was; another image or network opens a pass of its own."""
        return False

    def sample_name(self, sample: int) -> str:
        """`mnist:17`: which image of the data a sample is."""
        return self.names[sample] if len(self.names) > 1 else ""

    def with_target(self, _target: object) -> NoReturn:
        """Refuse another target."""
        self._refuse()

    def with_learning_rate(self, _rate: float) -> NoReturn:
        """Refuse another learning rate."""
        self._refuse()

    def with_float_bits(self, _bits: int) -> NoReturn:
        """Refuse other numbers."""
        self._refuse()

    def with_reduction(self, _reduction: str) -> NoReturn:
        """Refuse another reduction."""
        self._refuse()

    @property
    def mode(self) -> Mode:
        """That of the update."""
        if self.moment is None:
            return super().mode
        return Mode(True, self.moment.run.seed, self.moment.iteration)

    def with_mode(self, _name: str) -> NoReturn:
        """Refuse another mode."""
        self._refuse()

    def with_dropout_seed(self, _seed: int) -> NoReturn:
        """Refuse other masks."""
        self._refuse()

    def with_convention(self, _convention: object, _option: object) -> NoReturn:
        """Refuse another convention."""
        self._refuse()

    def with_value(self, _address: object, _value: float) -> NoReturn:
        """Refuse another value."""
        self._refuse()

    def with_preprocessing(self, _preprocessing: object) -> NoReturn:
        """Refuse another image."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        number = 0 if self.moment is None else self.moment.iteration
        raise UserError(
            f"Update {number:,} is shown as it was made: to change something, open its network and "
            "an image, or go back to the training and fork the run."
        )


def opened_update(moment: Moment, diverging: str) -> Opened:
    """The pass of an update, at its start; meant for a worker's thread."""
    tape = moment.record()
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer, tape.iteration))
    subject = _subject(moment)
    view = View(subject.model, tape, timeline, SessionState(), Scales(tape, diverging))
    return Opened(subject, view)


def _subject(moment: Moment) -> UpdateSubject:
    batch, model = moment.run.batch(moment.iteration), moment.model
    names = moment.sample_names
    title = names[0] if len(names) == 1 else f"{len(names)} images of update {moment.iteration:,}"
    targets = tuple(float(number) for number in batch.targets.ravel())
    settings = Settings(
        target=int(targets[0]) if len(targets) == 1 and batch.targets.ndim == 1 else targets,
        float_bits=8 * moment.run.dtype.itemsize,
        optimizer=model.optimizer,
    )
    return UpdateSubject(
        network=moment.run.title,
        model=model,
        image_name=title,
        image_source="",
        image=batch.images,
        picture=None,
        steps=(),
        settings=settings,
        moment=moment,
        names=names,
    )
