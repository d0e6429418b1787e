"""What a step's code takes from the configuration: the geometry of windows, hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from backpropviz.engine.address import Address
from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.operands import Constant
from backpropviz.engine.optimizer import Adam
from backpropviz.engine.program import Phase
from backpropviz.figures.code.program import Setting
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.frozen import frozen


@frozen
class Geometry:
    """The windows of a convolution or a pooling."""

    window: Window
    counts_padding: bool = False

    def inside(self, height: int, width: int) -> Iterator[str]:
        """The conditions under which an average counts cell (i, j) of window (y, x)."""
        w = self.window
        for axis, size in enumerate((height, width)):
            before, after = w.padding[axis]
            counted = (-before, size + after) if self.counts_padding else (0, size)
            place = f"{w.stride[axis]}*{'yx'[axis]}+{w.dilation[axis]}*{'ij'[axis]}-{before}"
            yield f"{counted[0]} <= {place} < {counted[1]}"


def layer_of(step: ExplainedStep) -> Any:
    """The layer (or loss) that a step belongs to; the optimizer's steps too name their layer."""
    if step.operation is None:
        return None
    if step.operation.layer == LOSS_NAME:
        return step.tape.network.loss
    node = step.tape.network.by_name.get(step.operation.layer)
    return None if node is None else node.layer


def window_of(step: ExplainedStep) -> Geometry:
    """The geometry of the step's layer, which slides a window."""
    layer = layer_of(step)
    return Geometry(layer.window, getattr(layer, "count_include_pad", False))


def settings_of(step: ExplainedStep) -> dict[str, Setting]:
    """Every setting that code may name, with its value."""
    if step.operation is None or step.operation.phase is not Phase.UPDATE:
        return _settings_of_layer(step)
    rule: Any = step.tape.optimizer
    found: dict[str, Setting] = {"lr": rule.learning_rate}
    for name, code in (
        ("momentum", "momentum"),
        ("weight_decay", "decay"),
        ("eps", "eps"),
        ("alpha", "alpha"),
    ):
        if hasattr(rule, name):
            found[code] = getattr(rule, name)
    if isinstance(rule, Adam):
        found |= {"beta1": rule.betas[0], "beta2": rule.betas[1], "t": iteration_of(step)}
    return found


def _settings_of_layer(step: ExplainedStep) -> dict[str, Setting]:
    # By kind, so that no module of a layer is imported that the network does without.
    layer = layer_of(step)
    match getattr(layer, "kind", ""):
        case "leaky_relu":
            return {"alpha": layer.negative_slope}
        case "batch_norm2d":
            return {"eps": layer.eps, "alpha": layer.momentum}
        case "dropout":
            # Where nothing is kept every value is 0 already; 0 / 0 would be no number.
            return {"drop": layer.p if layer.p < 1 else 0.0}
        case "cross_entropy":
            classes = step.tape[Address(LOSS_NAME, "input")].shape[1]
            smoothing = layer.label_smoothing
            weights = {} if layer.class_weights is None else {"w": layer.class_weights}
            return {"eps": smoothing, "delta": smoothing / classes, **weights}
    return {}


def iteration_of(step: ExplainedStep) -> int:
    """Which update it is, from Adam's 1 − βᵗ."""
    rule = step.tape.optimizer
    if not isinstance(rule, Adam) or step.operation is None:
        return 1
    for operand in step.operation.nest.by_target.operands:
        for label, beta in zip(("1 − β₂ᵗ", "1 − β₁ᵗ"), rule.betas[::-1], strict=True):
            if isinstance(operand, Constant) and operand.label == label:
                power = 1 - operand.value
                if 0 < beta < 1 and 0 < power < 1:
                    return round(math.log(power) / math.log(beta))
    return 1
