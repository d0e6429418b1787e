"""Sentences about gradients: which way, and why."""

from __future__ import annotations

from backpropviz.engine.kinds.words import Sentences, count_of_nonzero, handed_on, not_zero
from backpropviz.engine.nest import Rule
from backpropviz.engine.operands import Choice
from backpropviz.figures.number_groups import counted, said
from backpropviz.figures.sentences.story import Story
from backpropviz.figures.sentences.update import opponent
from backpropviz.figures.symbols import PARAMETERS


def gradient_sentences(story: Story) -> Sentences:
    """What a gradient says and how it came about."""
    address = story.address
    if any(isinstance(operand, Choice) for operand in story.operands):
        return _accumulated(story)
    if address.quantity in PARAMETERS:
        is_bias = address.quantity == "bias"
        why = (_why_bias(story),) if is_bias else story.words.parameter(story)
        return Sentences(direction(story), why)
    if story.is_of_loss and not address.indices:
        start = "The loss moves by 1 when the loss moves by 1: here the way back begins."
        return Sentences(start)
    if story.derivation.rule is Rule.COPY:
        return handed_on(story)
    return story.words.gradient(story)


def direction(story: Story) -> str:
    """Which way a parameter's gradient points and what the update does about it."""
    noun = "bias" if story.address.quantity == "bias" else "weight"
    if story.value == 0:
        if not story.is_complete:
            return f"So far, this {noun} has made no difference to the loss."
        return f"Changing this {noun} by a little does not change the loss."
    verb = "raises" if story.value > 0 else "lowers"
    if not story.is_complete:
        answer = "lower" if story.value > 0 else "raise"
        return (
            f"So far, raising this {noun} by a little {verb} the loss, "
            f"so the update would {answer} it."
        )
    return f"Raising this {noun} by a little {verb} the loss, {_answer(story, noun)}."


def _answer(story: Story, noun: str) -> str:
    """What the step really does: momentum may go another way, a learning rate of 0 nowhere."""
    step = story.address.of("step")
    if not story.has(step):
        return "so the update " + ("lowers" if story.value > 0 else "raises") + " it"
    value = story.value_at(step)
    if value == 0:
        return f"but the step is 0 and the {noun} stays"
    verb = "raises" if value > 0 else "lowers"
    if (value > 0) == (story.value > 0):
        stronger = opponent(story.step.tape, story.address.of(""))
        return f"but {stronger} {verb} it even so"
    return f"so the update {verb} it"


def _why_bias(story: Story) -> str:
    upstream = story.all_values(0)
    if upstream.size == 1:
        return "The bias is added to one output, so it takes that output's upstream gradient."
    nonzero = count_of_nonzero(upstream)
    values = counted(upstream.size, "upstream value")
    rest = not_zero(nonzero, upstream.size)
    return f"The bias was added at every place, so it gathers all {values}; {rest}."


def _accumulated(story: Story) -> Sentences:
    count = counted(len(story.derivation.positions), "use")
    start = "So far, its" if story.so_far else "Its"
    return Sentences(
        f"{start} {count} together pull with {said(story.value)}.",
        (story.derivation.nest.remark,),
    )
