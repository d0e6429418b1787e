"""Sentences about the update: optimizer states, step, next value."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.tape import Tape
from backpropviz.figures.number_groups import group_texts, said, said_exactly
from backpropviz.figures.sentences.story import Sentences, Story


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
