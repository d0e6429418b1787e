"""What a pass is recorded from: a model, an image with its way to the input, and the settings.

All frozen and without Qt, so that it is put together on a worker's thread.
"""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.commands import Command, reduce, refusal
from backpropviz.debugger.session import (
    JumpHistory,
    SavedSubject,
    Session,
    SessionState,
    StopCause,
    StopReason,
    Visit,
    restore,
    save,
    timeline_of,
)
from backpropviz.debugger.timeline import Depth, Step, Timeline
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.model import (
    Example,
    Mode,
    Model,
    Preprocessing,
    draws_masks,
    has_modes,
    training_refusal,
)
from backpropviz.engine.record import Settings, pass_mode, read_target, run
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import Address, Array
from backpropviz.errors import UserError
from backpropviz.figures.numbers import Scales
from backpropviz.figures.view import Options, View, step_in
from backpropviz.files.fit import prepare
from backpropviz.files.networks import is_bundled, is_known, load_network
from backpropviz.files.pictures import Picture, open_picture, picture_from_bytes
from backpropviz.frozen import frozen
from backpropviz.scene.text import shown
from backpropviz.ui.requests import NETWORK_SUFFIXES, OpenRequest

if TYPE_CHECKING:
    from backpropviz.engine.conventions import Convention, Conventions, Option


Target = int | tuple[float, ...]
EXAMPLE: Final = "example"


@frozen(eq=False)
class Subject:
    """Model, image and settings of a pass.

    `image_source` opens the picture again; `picture` is None where the image is the network's own
    array; `steps` say how the picture was brought to the input. `is_guessed`: nobody named the
    target, so it is the network's answer. `whole_numbers`: no fraction may be put in by hand.
    """

    network: str
    model: Model
    image_name: str
    image_source: str
    image: Array
    picture: Picture | None
    steps: tuple[str, ...]
    settings: Settings
    is_guessed: bool = False
    whole_numbers: bool = False

    @property
    def is_classifier(self) -> bool:
        """Whether the target is a class."""
        return self.model.network.loss.about.is_of_classes

    @property
    def target(self) -> Target:
        """The target of the pass."""
        if self.settings.target is None:
            raise UserError(f"{self.network_title} needs a target: choose one.")
        return self.settings.target

    @property
    def network_title(self) -> str:
        """What it is called on the screen: its title, or a bundled network's name."""
        return self.network if is_bundled(self.network) else self.model.title

    @property
    def file_stem(self) -> str:
        """What a file made from it is called at first: as the network's own file, if it has one."""
        path = Path(self.network)
        if path.suffix.lower() in NETWORK_SUFFIXES:
            return path.stem
        return "".join(c if c.isalnum() or c in "-_ ,." else "-" for c in self.network_title)

    @property
    def learning_rate(self) -> float:
        """How far the update goes."""
        return (self.settings.optimizer or self.model.optimizer).learning_rate

    @property
    def save_refusal(self) -> str:
        """Why a session cannot hold this pass; empty where it can."""
        return ""

    @property
    def can_change(self) -> bool:
        """Whether image, target and settings can be changed; another image opens a new pass."""
        return True

    @property
    def shows_example(self) -> bool:
        """Whether the image is the one that the network brings."""
        example = self.model.example
        return example is not None and self.image_name == example.source

    def with_own_example(self) -> Subject:
        """The image and the target that the network brings.

        Raises:
            UserError: it brings none.
        """
        return _with_target(_with_image(self._without_image(""), None), "", keeps=False)

    def with_picture(self, picture: Picture, source: str) -> Subject:
        """Another picture; `source` opens it again. Its label is the target, if it has one."""
        return _with_target(_with_image(self._without_image(source), picture), "", keeps=False)

    def _without_image(self, source: str) -> Subject:
        bare = Subject(self.network, self.model, "", source, _EMPTY, None, (), self.settings)
        return bare if self.can_change else replace(bare, settings=Settings())

    def with_whole_numbers(self, *, wanted: bool) -> Subject:
        """Only whole numbers from now on, and a learning rate that keeps the update whole."""
        from backpropviz.engine.architecture.presets import WHOLE_LEARNING_RATE

        rate = WHOLE_LEARNING_RATE if wanted else self.model.optimizer.learning_rate
        changed = self.with_learning_rate(rate) if wanted != self.whole_numbers else self
        return replace(changed, whole_numbers=wanted)

    def _refuse_fractions(self, *numbers: float) -> None:
        broken = [number for number in numbers if self.whole_numbers and number % 1]
        if broken:
            raise UserError(f"{broken[0]:g} is no whole number: give one, or choose any numbers.")

    def with_target(self, target: Target) -> Subject:
        """Another target.

        Raises:
            UserError: only whole numbers are wanted, and it is none.
        """
        self._refuse_fractions(*(target if isinstance(target, tuple) else ()))
        settings = replace(self.settings, target=target)
        return replace(self, settings=settings, is_guessed=False)

    def with_learning_rate(self, rate: float) -> Subject:
        """The same optimizer with another learning rate."""
        optimizer: Any = self.settings.optimizer or self.model.optimizer
        settings = replace(self.settings, optimizer=replace(optimizer, learning_rate=rate))
        return replace(self, settings=settings)

    def with_float_bits(self, bits: int) -> Subject:
        """Computed in 32 or 64 bits."""
        return replace(self, settings=replace(self.settings, float_bits=bits))

    @property
    def mode(self) -> Mode:
        """As in training or as in use, and what dropouts are drawn from."""
        return pass_mode(self.model, self.settings)

    def with_mode(self, name: str) -> Subject:
        """As in training, or as in use."""
        return replace(self, settings=replace(self.settings, mode=name))

    def with_dropout_seed(self, seed: int) -> Subject:
        """Other values dropped, in training.

        Raises:
            UserError: the seed is out of range.
        """
        return replace(self, settings=replace(self.settings, mode="train", dropout_seed=seed))

    def with_reduction(self, reduction: str) -> Subject:
        """The batch's losses averaged or summed."""
        return replace(self, settings=replace(self.settings, reduction=reduction))

    @property
    def conventions(self) -> Conventions:
        """The choices that the pass is computed with."""
        from backpropviz.engine.conventions import conventions_of

        found = conventions_of(self.model.network)
        reduction = self.settings.reduction
        return found if reduction is None else found.with_option("reduction", reduction)

    def with_convention(self, convention: Convention, option: Option) -> Subject:
        """Another choice where the mathematics leaves one.

        Raises:
            UserError: there is no such choice.
        """
        from backpropviz.engine.conventions import conventions_of, with_conventions

        if convention == "reduction":
            return self.with_reduction(str(option))
        network = self.model.network
        wanted = conventions_of(network).with_option(convention, option)
        return replace(self, model=replace(self.model, network=with_conventions(network, wanted)))

    @property
    def is_edited(self) -> bool:
        """Whether a number was put in by hand."""
        from backpropviz.engine.architecture.presets import EDITED_REMARK

        return self.model.remark == EDITED_REMARK

    def with_value(self, address: Address, value: float) -> Subject:
        """Another number in place of a pixel or a parameter; the model's remark says so.

        Raises:
            UserError: it is neither, or the number does not fit.
        """
        from backpropviz.engine.architecture.presets import EDITED_IMAGE, with_value

        self._refuse_fractions(value)
        shown = replace(self.model, example=Example(EDITED_IMAGE, self.image, self.target))
        edited = with_value(shown, address, value)
        if edited.example is None or edited.example.image is self.image:
            return replace(self, model=replace(edited, example=self.model.example))
        return replace(
            self,
            model=edited,
            image_name=EDITED_IMAGE,
            image_source=EDITED_IMAGE,
            image=edited.example.image,
            picture=None,
            steps=(),
        )

    def sample_name(self, _sample: int) -> str:
        """What a sample of a batch is called; empty where it has no name of its own."""
        return ""

    def with_preprocessing(self, preprocessing: Preprocessing) -> Subject:
        """The same picture brought to the input in another way."""
        if self.picture is None:
            raise UserError(f"{self.image_name} is no picture: open one to fit it.")
        prepared = prepare(self.picture, preprocessing)
        model = replace(self.model, preprocessing=preprocessing)
        return replace(self, model=model, image=prepared.array, steps=prepared.steps)

    def record(self) -> Tape:
        """The pass."""
        return run(self.model, self.image, self.settings)


def subject_for(request: OpenRequest, current: Subject | None) -> Subject:
    """What a request asks for; another network opens on its own example unless an image is named.

    Raises:
        UserError: a file cannot be used, or image, target and network do not fit.
    """
    picture = _picture(request)
    if request.model is not None:
        network, model = request.network, request.model
    elif request.network or current is None:
        network = request.network or _network_for(picture)
        model = load_network(network, _read_example)
    else:
        network, model = current.network, current.model
    keeps_network = current is not None and not request.network and request.model is None
    source = request.image
    if current is not None and not source and _stays(current, request, model):
        picture, source = current.picture, current.image_source
    keeps_settings = current is not None and current.can_change and keeps_network
    settings = current.settings if current is not None and keeps_settings else Settings()
    settings = _with_mode(settings, model, request)
    bare = Subject(network, model, "", source, _EMPTY, None, (), settings)
    subject = _with_image(bare, picture)
    return _with_target(subject, request.target, keeps=keeps_settings and not request.image)


def _with_mode(settings: Settings, model: Model, request: OpenRequest) -> Settings:
    """The mode that is asked for; without one, use where one image cannot be trained on."""
    seed = settings.dropout_seed if request.dropout_seed is None else request.dropout_seed
    mode = request.mode or settings.mode
    if mode is None and model.mode.training and training_refusal(model.network, 1):
        mode = "eval"
    return replace(settings, mode=mode, dropout_seed=seed)


def target_text(subject: Subject) -> str:
    """The target in words: the class's name, or the numbers."""
    target, names = subject.target, subject.model.class_names
    if isinstance(target, int):
        return names[target] if target < len(names) else str(target)
    return ", ".join(f"{number + 0.0:g}" for number in target)


_EMPTY: Final = np.zeros((1, 1, 1, 1), dtype=np.float32)


def _read_example(name: str, preprocessing: Preprocessing) -> Array:
    return prepare(open_picture(name), preprocessing).array


def _picture(request: OpenRequest) -> Picture | None:
    if request.content:
        return picture_from_bytes(request.content, request.image)
    if not request.image or request.image == EXAMPLE:
        return None
    return open_picture(request.image)


def _network_for(picture: Picture | None) -> str:
    """Photos go to the network that knows photos, gray pictures to the one that reads digits."""
    return "lenet" if picture is None or picture.channels == 1 else "tinyvgg"


def suits(current: Subject, model: Model) -> bool:
    """Whether the open picture should stay for a drafted network: not the old one's example."""
    if current.picture is None:
        return False
    same_input = current.model.preprocessing == model.preprocessing
    return same_input or not current.shows_example


def _stays(current: Subject, request: OpenRequest, model: Model) -> bool:
    """Whether the open picture stays where no other is named."""
    if request.model is not None:
        return suits(current, model)
    return not request.network or model.example is None


def _with_image(subject: Subject, picture: Picture | None) -> Subject:
    example = subject.model.example
    if picture is None and example is not None and ":" in example.source:
        picture = open_picture(example.source)
    if picture is not None:
        prepared = prepare(picture, subject.model.preprocessing)
        return replace(
            subject,
            image_name=picture.source,
            image_source=subject.image_source or picture.source,
            image=prepared.array,
            picture=picture,
            steps=prepared.steps,
        )
    if example is None:
        raise UserError(f"{subject.network_title} brings no example image: open a picture too.")
    return replace(subject, image_name=example.source, image=example.image)


def _with_target(subject: Subject, text: str, *, keeps: bool) -> Subject:
    """The target that was asked for, else the known one, else the network's own answer."""
    if text:
        return subject.with_target(read_target(text, subject.model))
    if keeps and subject.settings.target is not None:
        return subject
    example, names = subject.model.example, subject.model.class_names
    if example is not None and subject.shows_example:
        return subject.with_target(example.target)
    label = subject.picture.label if subject.picture is not None else None
    if label in names:
        return subject.with_target(names.index(label))
    if not subject.is_classifier:
        if example is None:
            raise UserError(f"{subject.network_title} needs a target: give numbers.")
        return subject.with_target(example.target)
    return replace(subject.with_target(_answer(subject)), is_guessed=True)


def _answer(subject: Subject) -> int:
    """The class that the network itself gives the highest logit."""
    tape = subject.with_mode("eval").with_target(0).record()
    return int(np.argmax(tape[f"{tape.network.output}.output"][0]))


@frozen(eq=False, slots=False)
class Opened:
    """A recorded pass and the moment of it that the window shows."""

    subject: Subject
    view: View
    history: JumpHistory = field(default_factory=JumpHistory)

    @property
    def state(self) -> SessionState:
        """All the debugger knows."""
        return self.view.state

    @property
    def timeline(self) -> Timeline:
        """The steps in the chosen loop orders."""
        return self.view.timeline

    @property
    def is_worked_on(self) -> bool:
        """Whether there is more to it than opening it again would bring back."""
        state = self.state
        has_marks = bool(state.breakpoints or state.watches or state.pins)
        return state.k > 0 or has_marks or self.subject.is_edited

    def is_lost_in(self, new: Opened | None) -> bool:
        """Whether another session in its place has not all that was worked on."""
        if new is None or not self.is_worked_on:
            return self.is_worked_on
        old_state, state = self.state, new.state
        old, subject = self.subject, new.subject
        goes_on = (
            (subject.network, subject.is_edited, subject.can_change, state.k)
            == (old.network, old.is_edited, old.can_change, old_state.k)
        ) and (subject.model.parameters is old.model.parameters or is_known(old.network))
        keeps_marks = (
            set(old_state.breakpoints) <= set(state.breakpoints)
            and set(old_state.watches) <= set(state.watches)
            and set(old_state.pins) <= set(state.pins)
        )
        return not (goes_on and keeps_marks)

    @property
    def visit(self) -> Visit:
        """Where it stands."""
        return Visit(self.state.k, self.state.depth, self.state.has_begun)

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
            from backpropviz.figures.stage.slot_layout import without_left_close_up

            view = without_left_close_up(view)
        return replace(self, view=view)

    def seen_with(self, options: Options) -> Opened:
        """The same moment, seen in another way."""
        return replace(self, view=replace(self.view, options=options))

    def in_sample(self, sample: int) -> Opened:
        """The same step in another sample of the batch, which stays the one to look at."""
        view = self.view
        begun = self.state.has_begun
        k = step_in(view.timeline, self.state.k, sample) if begun else None
        moved = self if k is None else self.at(self.state.at(k, StopReason.JUMP))
        return moved.seen_with(replace(view.options, sample=sample))

    def colored_by(self, diverging: str) -> Opened:
        """The same moment with another color map of signed values."""
        if diverging == self.view.scales.diverging:
            return self
        return replace(self, view=replace(self.view, scales=Scales(self.view.tape, diverging)))

    @cached_property
    def step(self) -> Step | None:
        """The block in focus; None at the start and the end."""
        if self.view.has_no_focus:
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
    start = SessionState(stopped=StopCause(StopReason.START))
    return Opened(subject, View(subject.model, tape, timeline, start, Scales(tape, diverging)))


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


def waiting_name(opened: Opened) -> str:
    """What a session that waits is called."""
    subject = opened.subject
    image = subject.image_name.replace("\\", "/").rpartition("/")[2]
    return f"{subject.network_title}, {image}"


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


def state_text(opened: Opened, *, is_playing: bool = False) -> str:
    """Paused, playing, or at the end."""
    if opened.view.is_done:
        return "Finished"
    return "Playing" if is_playing else "Paused"


def message_text(opened: Opened) -> str:
    """Why it stands here, and the path."""
    stopped = opened.state.stopped
    if stopped.reason is StopReason.BREAKPOINT:
        return f"Breakpoint: {stopped.breakpoint}"
    if opened.view.is_done:
        return "The training step is complete: every value is final."
    step = opened.step
    if step is None:
        return f"Before step 1 of {opened.timeline.steps:,}: nothing has run yet."
    what = str(opened.focus_address or step.layer or step.phase.value)
    return f"{step.depth.title.capitalize()}: {what}"


def facts_text(opened: Opened) -> str:
    """What the network says of the image, loss, float width, batch and reduction.

    The answer and the loss are told once the pass has computed them.
    """
    tape, subject = opened.view.tape, opened.subject
    reduction = subject.settings.reduction or getattr(tape.network.loss, "reduction", "mean")
    facts = [
        *_reading(opened),
        *([f"loss {shown(tape.loss, 4)}"] if _is_known(opened, LOSS) else []),
        f"float{subject.settings.float_bits}",
        f"batch {tape.batch}, {reduction}",
        *_mode(subject),
    ]
    return "     ".join(facts)


def _is_known(opened: Opened, address: Address) -> bool:
    done, total = opened.view.steps_done(address)
    return done == total


def _mode(subject: Subject) -> list[str]:
    """Where it makes a difference: train, with the seed of what is dropped, or eval."""
    network, mode = subject.model.network, subject.mode
    if not has_modes(network):
        return []
    is_drawn = mode.training and draws_masks(network)
    return [f"mode {mode.name}" + (f", dropout seed {mode.seed}" if is_drawn else "")]


def _reading(opened: Opened) -> list[str]:
    """p(target), and the class that the network takes it for."""
    tape, subject = opened.view.tape, opened.subject
    address, target = Address("loss", "probabilities"), subject.target
    if address not in tape or not isinstance(target, int) or not _is_known(opened, address):
        return []
    probabilities, names = tape[address][0], subject.model.class_names
    if np.isnan(probabilities).any():
        return []
    best = int(np.argmax(probabilities))

    def said(number: int) -> str:
        name = names[number] if number < len(names) else str(number)
        return f"p({name}) = {shown(float(probabilities[number]), 3)}"

    if best == target:
        return [f"reads it right: {said(target)}"]
    name = names[best] if best < len(names) else str(best)
    return [f"{said(target)}, reads it as {name}: {said(best)}"]
