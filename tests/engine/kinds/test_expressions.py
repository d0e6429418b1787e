"""The formula that is shown says what the function computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from backpropviz.engine.derivation import derive
from backpropviz.engine.kinds.activation import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from backpropviz.engine.kinds.batch_norm import BatchNorm2d
from backpropviz.engine.kinds.binary_cross_entropy import BinaryCrossEntropy
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dropout import Dropout
from backpropviz.engine.kinds.join import Add
from backpropviz.engine.kinds.prelu import PReLU
from backpropviz.engine.kinds.protocol import Layer, Loss
from backpropviz.engine.kinds.softmax import Softmax
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.nest import Nest, NestRule, Values
from backpropviz.engine.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from tests.engine.layer_cases import Case, played
from tests.engine.passes import branched, nests_of, recorded

_PYTHON = str.maketrans({"·": "*", "−": "-", "√": "s", "[": "(", "]": ")", "≥": ">=", "≠": "!="})
_NAMES: dict[str, Any] = {
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "erf": math.erf,
    "max": max,
}


def evaluated(expression: str, operands: list[float]) -> float:
    """The formula worked out by Python."""
    written = expression.format(*(f"({value!r})" for value in operands))
    code = written.translate(_PYTHON).replace("²", "**2").replace("³", "**3").replace("s(", "sqrt(")
    return float(eval(code, {"__builtins__": {}}, _NAMES | {"sqrt": math.sqrt}))  # noqa: S307


def assert_formula(values: Values, nest: Nest) -> None:
    random = np.random.default_rng(1)
    for _ in range(8):
        indices = tuple(int(random.integers(size)) for size in nest.shape)
        (term,) = derive(values, nest, nest.target.at(indices)).terms
        operands = [factor.value for factor in term.operands]
        assert evaluated(nest.expression, operands) == pytest.approx(term.value, abs=1e-14)


@pytest.mark.parametrize(
    "layer",
    [
        *(ReLU(), ReLU(0.5), ReLU(1.0), LeakyReLU(0.2), Sigmoid(), Tanh()),
        *(GELU(), GELU("tanh"), SiLU(), PReLU(), PReLU(shared=False), Dropout(0.3, "train", 5)),
        *(BatchNorm2d(), BatchNorm2d(mode="train"), BatchNorm2d(affine=False, mode="train")),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", [1, 2], ids=["distinct", "whole"])
def test_an_activation_s_formula(layer: Layer, seed: int) -> None:
    run = played(Case(layer, ((2, 3, 4),), 2, seed))
    for nest in (*run.nests.forward, *run.nests.backward):
        if nest.rule is NestRule.FUNCTION:
            assert_formula(run.values, nest)


def test_softmax_s_formulas() -> None:
    run = played(Case(Softmax(), ((5,),), 2, 1))
    functions = [n for n in (*run.nests.forward, *run.nests.backward) if n.function is not None]
    assert [nest.target.name for nest in functions] == [
        *("layer.exp", "layer.output", "layer.input.grad"),
    ]
    for nest in functions:
        assert_formula(run.values, nest)


def test_a_sum_s_formula() -> None:
    run = played(Case(Add(), ((2, 3, 4),) * 3, 2, 1))
    assert_formula(run.values, run.nests.forward[0])


@pytest.mark.parametrize(
    "optimizer",
    [
        *(Sgd(), Sgd(0.1, 0.9, True, 0.1), Sgd(0.1, 0.9), Adam(weight_decay=0.1), AdamW()),
        *(RmsProp(), RmsProp(momentum=0.5, centered=True, weight_decay=0.1), RmsProp(momentum=0.1)),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (CrossEntropy("mean"), [1, 3]),
        (CrossEntropy("sum"), [1, 3]),
        (CrossEntropy("mean", 0.1), [1, 3]),
        (CrossEntropy("mean", 0.1, (1.0, 2.0, 0.5, 0.25, 3.0)), [1, 3]),
        (CrossEntropy("sum", 0.0, (1.0, 2.0, 0.5, 0.25, 3.0)), [1, 3]),
        (BinaryCrossEntropy(), [0.5, 1.0] * 5),
        (BinaryCrossEntropy("sum"), [0.0, 0.25] * 5),
        (SquaredError(), [0.5] * 10),
        (SquaredError(True, "sum"), [0.5] * 10),
    ],
    ids=str,
)
def test_the_formulas_of_a_whole_pass(loss: Loss, target: object, optimizer: Optimizer) -> None:
    tape = recorded(branched(loss), target, optimizer)
    for nest in nests_of(tape).values():
        assert (nest.function is not None) == (nest.rule is NestRule.FUNCTION)
        if nest.rule is NestRule.FUNCTION:
            assert_formula(tape, nest)
