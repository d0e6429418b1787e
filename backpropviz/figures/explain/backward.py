"""Sentences about gradients: which way, and why."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.derivation import Term
from backpropviz.engine.nest import NestRule
from backpropviz.engine.operands import Choice
from backpropviz.engine.value import Address
from backpropviz.figures.explain.forward import LATER_KINDS, later_gradient_sentences
from backpropviz.figures.explain.story import Sentences, Story, opponent
from backpropviz.figures.numbers import counted, said
from backpropviz.figures.symbols import PARAMETERS
from backpropviz.figures.view import ExplainedStep

_LOSER = (
    "Only the largest value of a window went on, so for this image a loser had no effect on the "
    "loss. A small nudge of it changes nothing until it overtakes the winner: its derivative is 0, "
    "computed, not missing. Other images and windows make other winners."
)
_WINNER = (
    "Only the largest value of a window went on to the loss, so it alone answers for it. Other "
    "images and windows make other winners."
)
_SHARED = (
    "A loser has no weights of its own that would miss out: all positions share one filter, and "
    "∂L/∂W gathers upstream times image at the positions that won."
)
_MANY = 64


def winner_sentences(story: Story) -> Sentences:
    """What a cell gets from the windows that it stood in."""
    derivation = story.derivation
    windows = len(derivation.positions)
    if windows == 0:
        return Sentences(
            "No window reaches this cell, so its gradient is 0.",
            ("It had no influence on the loss.",),
        )
    terms = [derivation.terms[k] for k in range(min(windows, _MANY))]
    won = [term for term in terms if term.operands[1].value]
    if not won:
        return _lost(story, terms)
    if any(term.operands[1].label == "tied" for term in won):
        return _tied(story, won, windows)
    reasons = (_WINNER, *shared_filter(story.step))
    if windows == 1:
        bold = f"It won its window, so it takes the whole upstream gradient: {said(story.value)}."
    else:
        verb = "takes" if len(won) == 1 else "adds up"
        theirs = "its upstream gradient" if len(won) == 1 else "their upstream gradients"
        bold = (
            f"It won {len(won)} of its {windows} windows and {verb} {theirs}: {said(story.value)}."
        )
    return Sentences(bold, reasons)


def _tied(story: Story, won: list[Term], windows: int) -> Sentences:
    """A cell that shares its rank with others, where not just the first of them counts."""
    remark = story.derivation.nest.remark
    if windows > 1:
        bold = f"It won or tied {len(won)} of its {windows} windows and adds up what it takes: "
        return Sentences(f"{bold}{said(story.value)}.", (remark,))
    is_shared = len(won[0].operands) > 2
    part = won[0].operands[2].label if is_shared else "the whole"
    bold = f"It tied for its window and takes {part} of the upstream gradient: {said(story.value)}."
    return Sentences(bold, (remark,))


def _lost(story: Story, terms: list[Term]) -> Sentences:
    own = story.value_at(story.address.of(""))
    reasons = (_LOSER, *shared_filter(story.step))
    if len(terms) > 1:
        return Sentences(f"It lost all {len(terms)} of its windows, so it gets 0.", reasons)
    best = _winner_of(story, terms[0])
    if best is None:
        return Sentences("It lost its window, so it gets 0.", reasons)
    if own == best:
        bold = f"It tied at {said(own)}, and the first in row-major order wins: it gets 0."
    else:
        bold = f"It lost its window to {said(best)}, so it gets 0."
    return Sentences(bold, (f"Its own value was {said(own)}.", *reasons))


def losers_in_general(step: ExplainedStep) -> tuple[str, ...]:
    """Why a whole channel's losers get 0, and why that is no loss."""
    return (_LOSER, *shared_filter(step))


def shared_filter(step: ExplainedStep) -> tuple[str, ...]:
    """What clears up whose weights a loser has, where a convolution made the pooled map."""
    network, operation = step.tape.network, step.operation
    node = network.by_name.get(operation.layer) if operation is not None else None
    while node is not None and node.layer.kind != "conv2d":
        is_on_the_way = node.layer.kind in {"max_pool2d", "relu", "leaky_relu", "batch_norm2d"}
        node = network.by_name.get(node.inputs[0]) if is_on_the_way else None
    return (_SHARED,) if node is not None else ()


def _winner_of(story: Story, term: Term) -> float | None:
    """The value that won a window: the pooling's output there."""
    upstream = term.operands[0].address
    return None if upstream is None else story.value_at(_without_gradient(upstream))


def _without_gradient(address: Address) -> Address:
    return address.of("")


def share_sentences(story: Story) -> Sentences:
    """What a cell gets back from means that it was part of."""
    windows = len(story.derivation.positions)
    if windows == 0:
        return Sentences("No window reaches this cell, so its gradient is 0.")
    share = story.derivation.terms[0].operands[1]
    remark = story.derivation.nest.remark
    if windows == 1:
        bold = f"It had a share of {share.label} in its window's mean, so it takes as much: "
        return Sentences(f"{bold}{said(story.value)}.", (remark,))
    count = counted(windows, "window")
    bold = f"It had a share in {count}, and takes as much of each: {said(story.value)}"
    return Sentences(f"{bold}{'' if story.is_complete else ' so far'}.", (remark,))


_POOLED = {"avg_pool2d", "global_avg_pool2d", "adaptive_avg_pool2d"}


def gradient_sentences(story: Story) -> Sentences:
    """What a gradient says and how it came about."""
    address = story.address
    if any(isinstance(operand, Choice) for operand in story.operands):
        return _accumulated(story)
    if address.quantity in PARAMETERS:
        return Sentences(direction(story), _why_parameter(story))
    if story.is_of_loss:
        return _of_loss(story)
    if story.kind == "max_pool2d":
        return winner_sentences(story)
    if story.kind in _POOLED:
        return share_sentences(story)
    if story.kind == "conv2d":
        return Sentences(_moved(story, _noun(story)), _why_pixel(story))
    if story.kind == "dense":
        return Sentences(_moved(story, "input"), _why_dense_input(story))
    if story.kind in LATER_KINDS and story.derivation.rule is not NestRule.COPY:
        return later_gradient_sentences(story)
    if story.kind in {"relu", "leaky_relu", "sigmoid", "tanh"}:
        return _through_slope(story)
    return Sentences(story.derivation.nest.remark, (f"It hands on {said(story.value)}.",))


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


def _why_parameter(story: Story) -> tuple[str, ...]:
    if story.address.quantity == "bias":
        return (_why_bias(story),)
    if story.kind in LATER_KINDS:
        return (story.derivation.nest.remark,)
    return _why_filter(story) if story.kind == "conv2d" else _why_dense(story)


def _why_bias(story: Story) -> str:
    upstream = story.all_values(0)
    if upstream.size == 1:
        return "The bias is added to one output, so it takes that output's upstream gradient."
    nonzero = int(np.count_nonzero(upstream))
    values = counted(upstream.size, "upstream value")
    rest = _not_zero(nonzero, upstream.size)
    return f"The bias was added at every place, so it gathers all {values}; {rest}."


def _not_zero(count: int, total: int) -> str:
    if count == 0:
        return "all of them are 0"
    if count == total:
        return "none of them is 0"
    return f"{count:,} {'is' if count == 1 else 'are'} not 0"


def _why_filter(story: Story) -> tuple[str, ...]:
    upstream, pixels = story.all_values(0), story.all_values(1)
    padding = story.padding_count(1)
    noun = _noun(story)
    met = counted(pixels.size - padding, noun)
    extra = f" and {counted(padding, 'padding cell')}" if padding else ""
    return (f"It met {met}{extra}.", *_what_counts(story, upstream, pixels, noun))


def _what_counts(
    story: Story, upstream: np.ndarray, pixels: np.ndarray, noun: str
) -> tuple[str, ...]:
    active = np.flatnonzero(upstream)
    if not active.size:
        return ("No place has an upstream gradient, so every product is 0.",)
    if active.size == 1:
        (place,) = active
        what = f"only its {noun} counts: here {said(float(pixels[place]))}"
        times = f"times upstream {said(float(upstream[place]))}"
        if story.consumer_kind == "max_pool2d":
            where = "Only the meeting inside the winner's window reached the loss"
        else:
            where = "Only one place has an upstream gradient that is not 0"
        return (f"{where}, so {what}, {times}.",)
    both = int(np.count_nonzero(pixels[active]))
    if active.size == upstream.size == both:
        return (f"Each met an upstream gradient; those {both:,} products add up.",)
    some = (
        f"All {active.size:,} places"
        if active.size == upstream.size
        else f"Only {counted(active.size, 'place')}"
    )
    if both == 0:
        return (f"{some} have an upstream gradient, and there every {noun} is 0.",)
    rest = "That product counts." if both == 1 else f"Those {both:,} products add up."
    return (f"{some} have an upstream gradient; at {both:,} of them the {noun} is not 0.", rest)


def _why_dense(story: Story) -> tuple[str, ...]:
    upstream, values = story.all_values(0), story.all_values(1)
    if upstream.size > 1:
        samples = counted(upstream.size, "sample")
        return (f"It links one input to one output: one product for each of {samples}.",)
    met, came = said(float(values[0])), said(float(upstream[0]))
    link = "It links one input to one output, so it met one value only"
    return (f"{link}: {met}, times upstream {came}.",)


def _noun(story: Story) -> str:
    layer = story.step.operation.layer if story.step.operation else ""
    node = story.step.tape.network.by_name.get(layer)
    return "pixel" if node is not None and node.inputs[0] == "image" else "value"


def _moved(story: Story, noun: str) -> str:
    if story.value == 0:
        if not story.is_complete:
            return f"So far, this {noun} has made no difference to the loss."
        return f"Changing this {noun} by a little does not change the loss."
    verb = "raises" if story.value > 0 else "lowers"
    start = "Raising" if story.is_complete else "So far, raising"
    return f"{start} this {noun} by a little {verb} the loss."


def _why_pixel(story: Story) -> tuple[str, ...]:
    terms = story.derivation.term_values
    noun = _noun(story)
    if not terms.size:
        return (f"No filter reaches this {noun}, so it has no influence.",)
    nonzero = int(np.count_nonzero(terms))
    ways = counted(terms.size, "way")
    each = "each hands back its upstream gradient times the weight it met"
    return (
        f"It went into the output by {ways}, and {each}; {_not_zero(nonzero, terms.size)}.",
        f"Seen from the {noun}, the kernel is {_as_seen(story)}.",
    )


def _as_seen(story: Story) -> str:
    turned_forwards = "not turned: the forward pass has turned it"
    return turned_forwards if story.chosen("flip") else "turned by 180°: only here"


def _why_dense_input(story: Story) -> tuple[str, ...]:
    outputs = story.derivation.term_values
    nonzero = int(np.count_nonzero(outputs))
    count = counted(outputs.size, "output")
    each = "each hands back its upstream gradient times their weight"
    return (f"It went into {count}, and {each}; {_not_zero(nonzero, outputs.size)}.",)


def _through_slope(story: Story) -> Sentences:
    upstream, kept = (factor.value for factor in story.derivation.terms[0].operands[:2])
    is_chosen = kept == 0 and bool(story.chosen("at_zero"))
    if story.kind == "relu" and kept <= 0 and not is_chosen:
        return _stopped(upstream, kept)
    if upstream == 0:
        return Sentences("Nothing comes from upstream, so nothing passes.")
    value = said(story.value)
    if story.kind in {"relu", "leaky_relu"} and kept > 0:
        bold = f"The value was positive, so the gradient passes unchanged: {value}."
        return Sentences(bold, (f"At {said(kept)} the slope is 1.",))
    slope = said(story.value / upstream)
    bold = f"The slope here is {slope}; it turns the upstream {said(upstream)} into {value}."
    return Sentences(bold, ("At exactly 0 any slope from 0 to 1 would do.",) if is_chosen else ())


def _stopped(upstream: float, kept: float) -> Sentences:
    why = f"The upstream {said(upstream)} is multiplied by the slope, 0."
    if kept < 0:
        return Sentences("The value was negative, so no gradient passes.", (why,))
    at_zero = "At exactly 0 the slope is taken as 0."
    return Sentences("The value was 0, so no gradient passes.", (at_zero, why))


def _accumulated(story: Story) -> Sentences:
    count = counted(len(story.derivation.positions), "use")
    start = "So far, its" if story.so_far else "Its"
    return Sentences(
        f"{start} {count} together pull with {said(story.value)}.",
        (story.derivation.nest.remark,),
    )


def _of_loss(story: Story) -> Sentences:
    address, value = story.address, said(abs(story.value))
    if not address.indices:
        return Sentences("The loss moves by 1 when the loss moves by 1: here the way back begins.")
    target = story.step.tape[Address("loss", "target")]
    remark = story.derivation.nest.remark
    if story.loss_kind != "cross_entropy":
        return Sentences(_moved(story, "prediction"), (remark,) if remark else ())
    category = address.indices[-1]
    is_target = int(target.reshape(-1)[address.indices[0]]) == category
    what = (
        "is the target: raising its logit lowers"
        if is_target
        else ("is not the target: raising its logit raises")
    )
    if _is_wanted_in_part(story):
        what = "is pulled up" if story.value < 0 else "is pushed down"
        return Sentences(f"Class {category} {what}, at a rate of {value}.", (remark,))
    bold = f"Class {category} {what} the loss, at a rate of {value}."
    return Sentences(bold, (remark,))


def _is_wanted_in_part(story: Story) -> bool:
    """Whether smoothing or weights of classes leave more to want than one class."""
    loss = story.step.tape.network.loss
    return bool(getattr(loss, "label_smoothing", 0.0)) or bool(getattr(loss, "class_weights", None))
