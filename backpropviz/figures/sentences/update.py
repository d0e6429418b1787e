"""Sentences about the update: optimizer states, step, next value."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.kinds.words import Sentences
from backpropviz.engine.tape import Tape
from backpropviz.figures.number_groups import group_texts, said, said_exactly
from backpropviz.figures.sentences.story import Story


def update_sentences(story: Story) -> Sentences:
    """What happens to one parameter."""
    part = story.address.part
    if part == "next":
        return _next(story)
    if part == "step":
        return _step(story)
    own = story.step.tape.optimizer.about.parts.get(part)
    if own is not None:
        return own.says(story)
    remark = story.derivation.nest.remark
    return Sentences(f"{part} is now {said(story.value)}.", _given(remark))


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


def _noun(parameter: Address) -> str:
    return "bias" if parameter.quantity == "bias" else "weight"


def _given(remark: str) -> tuple[str, ...]:
    return (remark,) if remark else ()
