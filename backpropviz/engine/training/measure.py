"""What is measured of an update and of a validation: numbers beside the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field

import numpy as np

from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array, freeze
from backpropviz.engine.backprop import Forward
from backpropviz.engine.network import Network
from backpropviz.frozen import frozen


@frozen(eq=False)
class Measured:
    """An update in numbers; norms are √Σx², one a tensor, in the order of `tensors_of`.

    `loss` and `correct` (of `count` samples; None for a regression) are of the batch before the
    update. `weight_norms` are of the weights before it. `activities` has the share of each channel
    or unit that was active, of the layers of `activation_layers`; it is empty where it was not
    measured. Where loss, a gradient or a new weight is not finite, so may a number here be.
    """

    iteration: int
    epoch: int
    loss: float
    learning_rate: float
    correct: int | None
    count: int
    gradient_norms: tuple[float, ...]
    step_norms: tuple[float, ...]
    weight_norms: tuple[float, ...]
    activities: Mapping[str, Array] = field(default_factory=dict)

    @property
    def ratios(self) -> tuple[float, ...]:
        """‖step‖ / ‖weight‖ of each tensor; NaN where all weights are 0."""
        pairs = zip(self.step_norms, self.weight_norms, strict=True)
        return tuple(step / weight if weight else math.nan for step, weight in pairs)

    @property
    def gradient_norm(self) -> float:
        """√Σg² over all tensors."""
        return math.hypot(*self.gradient_norms)

    @property
    def accuracy(self) -> float | None:
        """The share of the batch that was answered right."""
        return None if self.correct is None else self.correct / self.count


@frozen(eq=False)
class Validated:
    """How a state does on samples that it does not learn from.

    `confusion[true, answer]` counts them; it and `accuracy` are None for a regression.
    """

    iteration: int
    loss: float
    accuracy: float | None
    confusion: Array | None


def tensors_of(network: Network) -> tuple[Address, ...]:
    """The trained tensors, in the order of a `Measured`'s norms."""
    return network.tensors


def activation_layers(network: Network) -> tuple[str, ...]:
    """The layers of which activities are measured."""
    return tuple(node.name for node in network.nodes if node.layer.about.active is not None)


def activities(network: Network, outputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """The share of each channel (N,C,H,W) or unit (N,K) that is active in a batch, by layer.

    Active are rectifiers (and their smooth kin) above 0, sigmoid and tanh that are not saturated.
    """
    return {name: _shares(network, name, outputs[name]) for name in activation_layers(network)}


def _shares(network: Network, name: str, output: Array) -> Array:
    is_active = network.by_name[name].layer.about.active
    active = np.ones_like(output) if is_active is None else is_active(output)
    axes = (0, *range(2, output.ndim))
    return freeze(np.asarray(np.count_nonzero(active, axis=axes) / _count(output)))


def _count(output: Array) -> int:
    return output.size // output.shape[1] if output.ndim > 1 else output.size


def norm(array: Array) -> float:
    """√Σx², exact also where the squares pass the largest number of the array's width."""
    flat = array.ravel()
    squares = float(np.dot(flat, flat))
    if math.isfinite(squares) or not np.isfinite(flat).all():
        return math.sqrt(squares) if squares >= 0 else math.nan
    largest = float(np.abs(flat).max())
    return largest * float(np.linalg.norm(flat.astype(np.float64) / largest))


NO_ANSWER = -1


def answers(outputs: Array) -> Array:
    """The class of each sample's largest output; `NO_ANSWER` where that is no number.

    A NaN counts as the largest; of infinite outputs the loss gives no probabilities.
    """
    largest = outputs.argmax(axis=1)
    values = np.take_along_axis(outputs, largest[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(values), largest, NO_ANSWER)


def correct_answers(network: Network, run: Forward) -> int | None:
    """How many samples' largest output is the wanted class; None for a regression."""
    if run.target.dtype.kind != "i":
        return None
    return int(np.count_nonzero(answers(run.outputs[network.output]) == run.target))
