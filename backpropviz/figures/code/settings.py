"""What a step's code takes from the configuration: the geometry of windows, hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from backpropviz.engine.address import Address
from backpropviz.engine.kernels.geometry import Window
from backpropviz.engine.kinds.kind import CodeNumber, Kind
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.operands import Constant
from backpropviz.engine.program import Phase
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


def window_of(step: ExplainedStep) -> Geometry:
    """The geometry of the step's layer, which slides a window."""
    layer: Any = step.layer
    return Geometry(layer.window, layer.count_include_pad)


def settings_of(step: ExplainedStep) -> Mapping[str, CodeNumber]:
    """Every setting that code may name, with its value."""
    if step.operation is None or step.operation.phase is not Phase.UPDATE:
        return _settings_of_layer(step)
    rule = step.tape.optimizer
    counted = {"t": iteration_of(step)} if rule.about.powers(rule) else {}
    return {**rule.about.code_numbers(rule), **counted}


def _settings_of_layer(step: ExplainedStep) -> Mapping[str, CodeNumber]:
    layer = step.layer
    if layer is None:
        return {}
    if isinstance(layer.about, Kind):
        return layer.about.code_numbers(layer)
    classes = step.tape[Address(LOSS_NAME, "input")].shape[-1]
    return layer.about.code_numbers(layer, int(classes))


def iteration_of(step: ExplainedStep) -> int:
    """Which update it is, from Adam's 1 − βᵗ."""
    rule = step.tape.optimizer
    if step.operation is None:
        return 1
    labels = rule.about.powers(rule)
    for operand in step.operation.nest.by_target.operands:
        if isinstance(operand, Constant) and operand.label in labels:
            beta, power = labels[operand.label], 1 - operand.value
            if 0 < beta < 1 and 0 < power < 1:
                return round(math.log(power) / math.log(beta))
    return 1
