"""Every oracle case of the engine's operators: computed in its tolerance, or refused in words."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from backpropviz.engine.value import Array
from backpropviz.errors import UserError
from tests.engine.oracle import Case, all_cases, answer, arrays

# Central differences straddle a kink where an input is 0; there is no one gradient to compare with.
KINKS = {"onnx-node/leakyrelu_example": (1,), "onnx-node/elu_example": (1,)}


def assert_close(found: Array, key: str, case: Case, prefix: str) -> None:
    expected = arrays()[key]
    found = found.reshape(1) if found.ndim == 0 else found
    expected = expected.reshape(1) if expected.ndim == 0 else expected
    assert found.shape == expected.shape
    prefix = prefix if f"{prefix}rtol" in case else ""
    rtol, atol = case[f"{prefix}rtol"], case[f"{prefix}atol"]
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def refusal(case: Case) -> str:
    """The engine's sentence, or nothing after the case has run within its tolerance."""
    try:
        found = answer(case)
    except UserError as error:
        return str(error)
    for output, key in zip(found.outputs, case["outputs"], strict=False):
        if output is not None:
            assert_close(output, key, case, "")
    for gradient, key in zip(found.gradients, case.get("grads", []), strict=False):
        if gradient is not None and key is not None:
            if case["id"] in KINKS:
                gradient[KINKS[case["id"]]] = arrays()[key][KINKS[case["id"]]]
            assert_close(gradient, key, case, "grad_")
    return ""


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case["id"])
def test_the_case_is_computed_or_refused_in_words(case: Case) -> None:
    sentence = refusal(case)
    assert not sentence or sentence.endswith(".")


# By operator: how many cases run, and how many the engine refuses. The refused ones have one or
# three dimensions, change the batch, or use an attribute that the engine does not have.
COUNTS = {
    "onnx-node Add": (1, 1),
    "onnx-node AveragePool": (13, 2),
    "onnx-node BatchNormalization": (4, 0),
    "onnx-node Concat": (4, 8),
    "onnx-node Conv": (6, 0),
    "onnx-node Dropout": (8, 4),
    "onnx-node Elu": (3, 0),
    "onnx-node Flatten": (3, 6),
    "onnx-node Gelu": (4, 0),
    "onnx-node Gemm": (4, 7),
    "onnx-node GlobalAveragePool": (2, 0),
    "onnx-node GroupNormalization": (2, 0),
    "onnx-node HardSwish": (1, 0),
    "onnx-node LayerNormalization": (2, 3),
    "onnx-node LeakyRelu": (3, 0),
    "onnx-node MaxPool": (12, 4),
    "onnx-node PRelu": (0, 2),
    "onnx-node Pad": (3, 0),
    "onnx-node Relu": (1, 0),
    "onnx-node Reshape": (6, 4),
    "onnx-node Sigmoid": (2, 0),
    "onnx-node Softmax": (2, 5),
    "onnx-node SoftmaxCrossEntropyLoss": (3, 27),
    "onnx-node Swish": (1, 0),
    "onnx-node Tanh": (2, 0),
    "onnx-pt Add": (0, 4),
    "onnx-pt AveragePool": (2, 3),
    "onnx-pt BatchNormalization": (2, 3),
    "onnx-pt Concat": (1, 0),
    "onnx-pt Conv": (11, 15),
    "onnx-pt Flatten": (2, 0),
    "onnx-pt Gemm": (1, 1),
    "onnx-pt LeakyRelu": (2, 0),
    "onnx-pt MaxPool": (1, 6),
    "onnx-pt PRelu": (6, 0),
    "onnx-pt Pad": (2, 3),
    "onnx-pt Relu": (2, 0),
    "onnx-pt Sigmoid": (1, 0),
    "onnx-pt Softmax": (2, 1),
    "onnx-pt Tanh": (1, 0),
    "opinfo adaptive_avg_pool2d": (5, 5),
    "opinfo add": (2, 9),
    "opinfo avg_pool2d": (2, 5),
    "opinfo batch_norm": (2, 10),
    "opinfo binary_cross_entropy_with_logits": (7, 18),
    "opinfo cat": (3, 6),
    "opinfo conv2d": (13, 12),
    "opinfo cross_entropy": (5, 16),
    "opinfo elu": (3, 0),
    "opinfo flatten": (2, 4),
    "opinfo gelu": (8, 0),
    "opinfo group_norm": (0, 2),
    "opinfo hardswish": (4, 0),
    "opinfo layer_norm": (3, 3),
    "opinfo leaky_relu": (9, 0),
    "opinfo linear": (8, 10),
    "opinfo max_pool2d": (25, 0),
    "opinfo mse_loss": (5, 1),
    "opinfo pad": (6, 23),
    "opinfo prelu": (25, 0),
    "opinfo relu": (4, 0),
    "opinfo relu6": (3, 0),
    "opinfo reshape": (0, 7),
    "opinfo sigmoid": (3, 0),
    "opinfo silu": (3, 0),
    "opinfo softmax": (2, 5),
    "opinfo tanh": (1, 0),
    "optim Adam": (4, 2),
    "optim AdamW": (3, 2),
    "optim ConstantLR": (1, 0),
    "optim CosineAnnealingLR": (1, 0),
    "optim CosineAnnealingWarmRestarts": (1, 0),
    "optim ExponentialLR": (1, 0),
    "optim LinearLR": (1, 0),
    "optim MultiStepLR": (1, 0),
    "optim RMSprop": (6, 3),
    "optim SGD": (7, 2),
    "optim StepLR": (1, 0),
}


def test_as_many_cases_run_as_ever() -> None:
    ran: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for case in all_cases():
        name = f"{case['source']} {case['op']}"
        sentence = refusal(case)
        (refused if sentence else ran)[name] += 1
        if sentence:
            reasons[f"{name}: {re.sub(r'-?[0-9]+(×[0-9]+)*', '#', sentence)}"] += 1
    for reason, count in sorted(reasons.items()):
        print(f"{count:3} refused, {reason}")
    assert {name: (ran[name], refused[name]) for name in {*ran, *refused}} == COUNTS
