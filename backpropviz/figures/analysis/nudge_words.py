"""What a nudge shows, in a sentence with its own numbers."""

from __future__ import annotations

import math

from backpropviz.engine.nudge import Nudge, Slope
from backpropviz.engine.optimizer import optimizer_kinds
from backpropviz.figures.number_groups import group_texts, said
from backpropviz.figures.symbols import PARAMETERS
from backpropviz.frozen import frozen
from backpropviz.scene.numbers import MINUS


def changes(nudge: Nudge) -> tuple[str, str]:
    """ΔL as the gradient predicts it and as it is, with the same decimals."""
    predicted, true = group_texts([nudge.predicted_change, nudge.true_change], 4, signed=True)
    return predicted, true


def name_of(nudge: Nudge) -> str:
    """`this weight`, `this pixel`, `this value`."""
    quantity = nudge.address.quantity
    known = {**{name: name for name in PARAMETERS}, "image": "pixel"}
    return f"this {known.get(quantity, 'value')}"


@frozen
class NextStep:
    """What the gradient alone would do, −η·g, and what the optimizer does with its state."""

    optimizer: str
    plain: float
    actual: float

    @property
    def follows_gradient(self) -> bool:
        """Whether both go the same way."""
        return (self.plain > 0) == (self.actual > 0) and (self.plain < 0) == (self.actual < 0)

    def words(self) -> str:
        """Both numbers, if they are two."""
        name = optimizer_kinds()[self.optimizer].about.title
        if math.isclose(self.plain, self.actual, rel_tol=1e-5, abs_tol=1e-12):
            return f"The next step is −η · gradient = {said(self.actual, signed=True)}."
        plain, actual = group_texts([self.plain, self.actual], 3, signed=True)
        return f"−η · gradient = {plain}, but {name}’s next step, with state or decay, is {actual}."


def verdict(nudge: Nudge, *, is_parameter: bool, step: NextStep | None = None) -> str:
    """What the move does to the loss, and what follows for the update."""
    told = _verdict(nudge, is_parameter=is_parameter)
    if step is None or step.follows_gradient or not is_parameter:
        return told
    # The optimizer's state may outweigh the gradient: then the gradient is not what is followed.
    meant = told.replace("the update goes", "the gradient alone leads")
    meant = meant.replace("the update", "the gradient alone")
    way = "leaves" if step.actual == 0 else "raises" if step.actual > 0 else "lowers"
    return f"{meant} With what it keeps of earlier steps, the optimizer {way} it."


def _verdict(nudge: Nudge, *, is_parameter: bool) -> str:
    if nudge.delta == 0:
        return _at_rest(nudge, is_parameter=is_parameter)
    move = "Raising" if nudge.delta > 0 else "Lowering"
    start = f"{move} {name_of(nudge)} by {_size(nudge.delta)}"
    if not math.isfinite(nudge.true_change):
        return f"{start} makes the loss {said(nudge.loss)}."
    effect = _effect(nudge)
    if not nudge.keeps_prediction:
        return f"{start} {effect}, {_contradiction(nudge)}."
    if nudge.slope is Slope.FLAT:
        end = ": the gradient is 0"
        return (
            f"{start} {effect}{end}, so the update leaves it."
            if is_parameter
            else (f"{start} {effect}{end}.")
        )
    if not is_parameter:
        return f"{start} {effect}, as its gradient says."
    if nudge.follows_update:
        return f"{start} {effect}: that is where the update goes."
    return f"{start} {effect}, so the update {_update(nudge)} it."


def _at_rest(nudge: Nudge, *, is_parameter: bool) -> str:
    subject = name_of(nudge)
    if nudge.slope is Slope.FLAT:
        return f"The gradient is 0: a small nudge of {subject} changes nothing."
    start = f"Raising {subject} by a little {nudge.slope.value} the loss"
    return f"{start}, so the update {_update(nudge)} it." if is_parameter else f"{start}."


def _effect(nudge: Nudge) -> str:
    if nudge.true_change == 0:
        return "leaves the loss as it is"
    verb = "raises" if nudge.true_change > 0 else "lowers"
    return f"{verb} the loss by {_size_like_shown(nudge)}"


def _contradiction(nudge: Nudge) -> str:
    if nudge.slope is Slope.FLAT:
        return "though the gradient here is 0: the slope changes on the way"
    predicted = changes(nudge)[0]
    return f"though the gradient predicts {predicted}: so far the tangent does not hold"


def _update(nudge: Nudge) -> str:
    return "raises" if nudge.slope.update > 0 else "lowers"


def _size(delta: float) -> str:
    return said(abs(delta))


def _size_like_shown(nudge: Nudge) -> str:
    """With the decimals of the numbers in the picture."""
    return changes(nudge)[1].removeprefix("+").removeprefix(MINUS)
