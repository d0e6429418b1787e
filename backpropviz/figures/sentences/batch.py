"""Sentences about a batch: whose value it is, and how a gradient sums over the samples."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.derivation import Derivation
from backpropviz.engine.kinds.protocol import TARGET
from backpropviz.engine.shares import sample_axis, sample_shares
from backpropviz.engine.tape import Tape
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.number_groups import said
from backpropviz.figures.sample import has_samples
from backpropviz.figures.sentences.story import Story
from backpropviz.figures.symbols import PARAMETERS


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
    is_plain = loss.about.is_of_samples(loss)
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
    if not story.step.tape.network.loss.about.is_of_classes:
        return ""
    target = int(np.asarray(story.step.tape[TARGET]).reshape(-1)[sample])
    names = story.step.model.class_names if story.step.model is not None else ()
    return f", whose target is {names[target] if target < len(names) else target}"
