"""What the sentences about one value ask of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property

import numpy as np

from backpropviz.engine.derivation import Derivation, sample_axis, sample_shares
from backpropviz.engine.layers.protocol import LOSS_NAME, TARGET
from backpropviz.engine.nest import Operand
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array
from backpropviz.figures.numbers import group_texts, said, said_exactly
from backpropviz.figures.symbols import PARAMETERS, Notation
from backpropviz.figures.view import ExplainedStep, has_samples
from backpropviz.frozen import frozen


@frozen
class Sentences:
    """The one sentence that is set in bold, and the plain ones below it."""

    bold: str
    plain: tuple[str, ...] = ()

    def also(self, further: Iterable[str]) -> Sentences:
        """With more at the end."""
        return Sentences(self.bold, (*self.plain, *further))


@frozen(eq=False, slots=False)
class Story:
    """One value and its surroundings."""

    step: ExplainedStep
    derivation: Derivation

    @property
    def address(self) -> Address:
        """Whose story it is."""
        return self.derivation.address

    @cached_property
    def value(self) -> float:
        """The value so far."""
        return self.step.progress.running(self.derivation)

    @cached_property
    def is_complete(self) -> bool:
        """Whether all of its terms have run."""
        return self.step.progress.mask(self.derivation.term_values.size) is None

    @property
    def so_far(self) -> str:
        """How a sentence about a sum that is not complete begins."""
        return "" if self.is_complete else "So far, "

    @property
    def is_finite(self) -> bool:
        """Whether the value is a number in the ordinary sense, or has no terms at all."""
        return math.isfinite(self.value) or self.derivation.term_values.size == 0

    def not_finite_terms(self, most: int) -> list[int]:
        """Numbers of the first terms that are NaN or infinite."""
        found = np.flatnonzero(~np.isfinite(self.derivation.term_values))
        return [int(k) for k in found[:most]]

    @property
    def kind(self) -> str:
        """The kind of the layer whose operation this is."""
        operation = self.step.operation
        return self.kind_of(operation.layer) if operation else ""

    def chosen(self, option: str) -> object:
        """What the layer chose where mathematics leaves a choice; None where it has none."""
        operation = self.step.operation
        node = self.step.tape.network.by_name.get(operation.layer) if operation else None
        return None if node is None else getattr(node.layer, option, None)

    def kind_of(self, layer: str) -> str:
        """The kind of a layer; '' for the image and the loss."""
        node = self.step.tape.network.by_name.get(layer)
        return "" if node is None else node.layer.kind

    @property
    def loss_kind(self) -> str:
        """The kind of the loss."""
        return self.step.tape.network.loss.kind

    @property
    def notation(self) -> Notation:
        """How arrays are called."""
        return Notation.of(self.step.tape)

    @property
    def consumer_kind(self) -> str:
        """The kind of the only layer that reads this output; '' for several or the loss."""
        operation = self.step.operation
        readers = self.step.tape.network.consumers.get(operation.layer if operation else "", ())
        reader = readers[0][0] if len(readers) == 1 else None
        return "" if reader is None else reader.layer.kind

    def value_at(self, address: Address) -> float:
        """Another value of the pass."""
        return float(self.step.tape[address])

    def has(self, address: Address) -> bool:
        """Whether the pass recorded it."""
        return address.array in self.step.tape

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Those of the nest."""
        return self.derivation.nest.by_target.operands

    def all_values(self, number: int) -> Array:
        """The operand `number` of every term."""
        block = self.operands[number].block(self.derivation.tape, self.derivation.region)
        return self._of_terms(block)

    def _of_terms(self, block: Array) -> Array:
        """A block's entries at the terms that exist."""
        derivation = self.derivation
        flat = np.broadcast_to(block, tuple(len(r) for r in derivation.region)).reshape(-1)
        return flat if flat.size == derivation.positions.size else flat[derivation.positions]

    def padding_count(self, number: int) -> int:
        """How many terms find no cell of operand `number`, but padding."""
        derivation = self.derivation
        inside = self.operands[number].inside(derivation.tape, derivation.region)
        if inside is None:
            return 0
        found = self._of_terms(inside)
        return int(found.size - np.count_nonzero(found))

    @property
    def is_of_loss(self) -> bool:
        """Whether the operation belongs to the loss."""
        return self.address.layer == LOSS_NAME


def batch_sentences(story: Story) -> tuple[str, ...]:
    """Nothing where there is one sample only."""
    tape, address = story.step.tape, story.address
    if tape.batch == 1:
        return ()
    if address.is_gradient and address.quantity in PARAMETERS:
        return (*sum_over_samples(tape), *_largest_share(story))
    if not address.indices or not _is_of_samples(story):
        return ()
    sample = address.indices[0]
    return (f"It belongs to sample {sample} of {tape.batch}{_target(story, sample)}.",)


def _is_of_samples(story: Story) -> bool:
    tape, array = story.step.tape, story.address.array
    shape = tape[array].shape
    return has_samples(array, shape, tape.batch) or (story.is_of_loss and shape == (tape.batch,))


def sum_over_samples(tape: Tape) -> tuple[str, ...]:
    """How a parameter's gradient is made of the samples, and where 1/N comes in."""
    count, loss = tape.batch, tape.network.loss
    if count == 1:
        return ()
    if loss.reduction == "sum":
        return (f"The loss adds up {count} samples, and so does this gradient.",)
    is_plain = loss.kind == "cross_entropy" and not getattr(loss, "class_weights", None)
    factor = f"the factor 1/{count}" if is_plain else "its factor"
    mean = f"The loss is the mean over {count} samples; {factor} came in once, at the loss"
    return (f"{mean}, so here {count} shares simply add up.",)


def of_sample(step: ExplainedStep, derivation: Derivation) -> str:
    """`, in sample 5,` where the current term of a sum over samples is in one of several."""
    axis, number = sample_axis(derivation.nest.by_target), step.progress.current
    if step.tape.batch == 1 or axis is None or number is None or sample_shares(derivation) is None:
        return ""
    return f", in sample {derivation.coordinates(number)[axis]},"


def _largest_share(story: Story) -> tuple[str, ...]:
    """The sample that adds most, where all have run."""
    shares = sample_shares(story.derivation) if story.is_complete else None
    if shares is None or not np.isfinite(shares.values).all() or not shares.values.any():
        return ()
    sample = int(np.argmax(np.abs(shares.values)))
    return (f"Sample {sample} has the largest: {said(float(shares.values[sample]))}.",)


def _target(story: Story, sample: int) -> str:
    if story.loss_kind != "cross_entropy":
        return ""
    target = int(np.asarray(story.step.tape[TARGET]).reshape(-1)[sample])
    names = story.step.model.class_names if story.step.model is not None else ()
    return f", whose target is {names[target] if target < len(names) else target}"


def update_sentences(story: Story) -> Sentences:
    """What happens to one parameter."""
    match story.address.part:
        case "next":
            return _next(story)
        case "step":
            return _step(story)
        case "decayed":
            return Sentences(
                f"With weight decay the gradient is {said(story.value)}.",
                ("Weight decay adds a share of the weight itself, which pulls it towards 0.",),
            )
        case "velocity":
            return _velocity(story)
        case "moment1":
            return _average(story, "gradients", "It says which way they agree to go.")
        case "gradient_average":
            return _average(story, "gradients", "Taken off, it leaves how much they vary.")
        case "gradient_variance":
            return Sentences(
                f"The gradient varies about its mean by {said(story.value)}, squared.",
                _given(story.derivation.nest.remark),
            )
        case "moment2" | "square_average":
            return _average(story, "squared gradients", "It says how large they usually are.")
        case _:
            remark = story.derivation.nest.remark
            return Sentences(f"{story.address.part} is now {said(story.value)}.", _given(remark))


def _next(story: Story) -> Sentences:
    parameter = story.address.of("")
    before, after = group_texts([story.value_at(parameter), story.value], 4)
    name = _noun(parameter)
    gradient = story.value_at(parameter.grad)
    if story.value_at(parameter.of("step")) == 0:
        return Sentences(f"The {name} stays at {before}.", ("Its step is 0.",))
    if before == after:
        return Sentences(
            f"The {name} stays near {before}: its step is too small to be seen here.",
            (f"The step is {said(story.value_at(parameter.of('step')))}.",),
        )
    return Sentences(
        f"The {name} goes from {before} to {after}.",
        (f"Its gradient was {said(gradient)}; the step, not the gradient, is added.",),
    )


def _step(story: Story) -> Sentences:
    parameter = story.address.of("")
    gradient = story.value_at(parameter.grad)
    name, value = _noun(parameter), story.value
    rate = story.step.tape.optimizer.learning_rate
    plain: tuple[str, ...] = (
        f"The learning rate is {said_exactly(rate)}, the gradient {said(gradient)}.",
    )
    if value == 0:
        return Sentences(f"The step is 0, so the {name} stays as it is.", plain)
    verb = "raises" if value > 0 else "lowers"
    if gradient == 0:
        stronger = opponent(story.step.tape, parameter)
        bold = f"The gradient is 0, but {stronger} {verb} the {name}."
    elif (gradient > 0) != (value > 0):
        uphill = "The gradient points uphill; the step goes down: "
        bold = f"{uphill}it {verb} the {name} by {said(abs(value))}."
    else:
        bold = f"The step {verb} the {name} by {said(abs(value))}, against its own gradient."
        stronger = opponent(story.step.tape, parameter)
        plain = (*plain, f"{stronger[0].upper()}{stronger[1:]} is stronger.")
    return Sentences(bold, plain)


def opponent(tape: Tape, parameter: Address) -> str:
    """What can turn a step against its own gradient."""
    decayed = parameter.of("decayed")
    if decayed.array in tape:
        with_decay, gradient = tape.value(decayed), tape.value(parameter.grad)
        if (with_decay > 0) != (gradient > 0):
            return "weight decay"
    return "the optimizer's memory of earlier gradients"


def _velocity(story: Story) -> Sentences:
    before = story.value_at(story.address.of("velocity_before"))
    gradient = story.value_at(story.address.of("").grad)
    momentum = getattr(story.step.tape.optimizer, "momentum", 0.0)
    kept = said_exactly(momentum)
    was = f"It was {said(before)}, the gradient is {said(gradient)}"
    if story.step.tape.optimizer.kind == "rmsprop":
        was += ", taken in units of its usual size"
    return Sentences(
        f"The velocity keeps {kept} of itself and takes in the gradient.",
        (f"{was}, so it is {said(story.value)}.",),
    )


def _average(story: Story, of_what: str, why: str) -> Sentences:
    return Sentences(f"The running average of the {of_what} is {said(story.value)}.", (why,))


def _noun(parameter: Address) -> str:
    return "bias" if parameter.quantity == "bias" else "weight"


def _given(remark: str) -> tuple[str, ...]:
    return (remark,) if remark else ()
