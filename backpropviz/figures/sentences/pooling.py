"""Sentences about what a pooling hands back: the winner takes it, or all share it."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.derivation import Term
from backpropviz.figures.number_groups import counted, said
from backpropviz.figures.sentences.story import Sentences, Story

_LOSER = (
    "Only the largest value of a window went on to the loss. Moving a loser a little changes "
    "nothing, so its derivative is 0: computed, not missing."
)
_WINNER = "Only the largest value of a window went on to the loss, so it alone answers for it."
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
    if windows == 1:
        bold = f"It won its window, so it takes the whole upstream gradient: {said(story.value)}."
    else:
        verb = "takes" if len(won) == 1 else "adds up"
        theirs = "its upstream gradient" if len(won) == 1 else "their upstream gradients"
        bold = (
            f"It won {len(won)} of its {windows} windows and {verb} {theirs}: {said(story.value)}."
        )
    return Sentences(bold, (_WINNER,))


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
    if len(terms) > 1:
        return Sentences(f"It lost all {len(terms)} of its windows, so it gets 0.", (_LOSER,))
    best = _winner_of(story, terms[0])
    if best is None:
        return Sentences("It lost its window, so it gets 0.", (_LOSER,))
    if own == best:
        bold = f"It tied at {said(own)}, and the first in row-major order wins: it gets 0."
    else:
        bold = f"It lost its window to {said(best)}, so it gets 0."
    return Sentences(bold, (f"Its own value was {said(own)}.", _LOSER))


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
