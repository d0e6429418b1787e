"""Sentences about what a pooling hands back: the winner takes it, or all share it."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.derivation import Term
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.number_groups import counted, said
from backpropviz.figures.sentences.story import Sentences, Story

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
