from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.network import chain
from backpropviz.engine.operands import TieRule
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, operations
from backpropviz.figures.explain.sentences import sentences
from backpropviz.figures.view import ExplainedStep, TermProgress
from tests.figures.passes import branching, lenet, tiny, with_value
from tests.figures.stages import of_layer
from tests.figures.steps import TAPES, every_step, step_at


def told(tape: Tape, address: str, progress: TermProgress | None = None) -> str:
    found = sentences(step_at(tape, address, progress or TermProgress()))
    return " ".join((found.bold, *found.plain))


def test_a_filter_weight_is_told_which_way_to_go_and_why() -> None:
    found = sentences(step_at(tiny(), "conv1.weight.grad[0,0,0,1]"))
    assert found.bold == "Raising this weight by a little raises the loss, so the update lowers it."
    assert " ".join(found.plain) == (
        "It met 4 pixels. Only the meeting inside the winner's window reached the loss, "
        "so only its pixel counts: here 4, times upstream 2."
    )


def test_a_sum_that_is_not_complete_says_so() -> None:
    found = sentences(step_at(tiny(), "conv1.weight.grad[0,0,0,1]", TermProgress(2, 3)))
    assert found.bold.startswith("So far, raising this weight by a little raises the loss")
    assert found.plain[-1] == "Term 3 of 4 adds 2 × 4 = 8."


def test_no_term_that_counts_yet_is_no_verdict() -> None:
    found = sentences(step_at(tiny(), "conv1.weight.grad[0,0,0,1]", TermProgress(0, 1)))
    assert found.bold == "So far, this weight has made no difference to the loss."


def test_pixels_padding_and_products_are_counted() -> None:
    text = told(lenet(), "conv1.weight.grad[2,0,3,1]")
    assert "It met 729 pixels and 55 padding cells." in text
    assert "have an upstream gradient; at" in text


def test_a_term_on_padding() -> None:
    assert "Term 1 of 784 falls on padding" in told(
        lenet(), "conv1.weight.grad[2,0,0,0]", TermProgress(0, 1)
    )


def test_winner_and_loser_of_a_pooling() -> None:
    assert told(tiny(), "pool1.input.grad[0,0,1,0]").startswith(
        "It won its window, so it takes the whole upstream gradient: 2."
    )
    loser = told(tiny(), "pool1.input.grad[0,0,1,1]")
    assert loser.startswith("It lost its window to 8, so it gets 0. Its own value was 7.")
    assert "changes nothing until it overtakes the winner" in loser
    assert "computed, not missing" in loser
    assert "Other images and windows make other winners." in loser
    assert "all positions share one filter" in loser


def test_where_no_filter_was_pooled_none_is_spoken_of() -> None:
    view = of_layer(MaxPool2d(2), np.arange(4, dtype=np.float64).reshape(1, 2, 2))
    loser = told(view.tape, "layer.input.grad[0,0,0,0]")
    assert "It lost its window to 3" in loser
    assert "filter" not in loser


def test_a_whole_channel_says_what_the_losers_get_and_why() -> None:
    step = step_at(tiny(), "pool1.input.grad[0,0,1,0]")
    found = sentences(replace(step, derivation=None, depth=Depth.CHANNEL))
    assert found.bold.endswith("The losers get 0.")
    assert "all positions share one filter" in " ".join(found.plain)


def pooled(image: list[list[float]], pool: MaxPool2d) -> Tape:
    array = np.array([[image]], dtype=np.float32)
    network = chain("pool", array.shape[1:], {"pool1": pool}, SquaredError(half=True))
    outputs = int(np.prod(network.shapes["pool1"]))
    return record(network, {}, array, (0.0,) * outputs, Sgd(0.1))


def test_a_tie_names_the_rule() -> None:
    tape = pooled([[3, 3], [1, 3]], MaxPool2d(2))
    assert told(tape, "pool1.input.grad[0,0,0,0]").startswith("It won its window")
    assert "It tied at 3, and the first in row-major order wins" in told(
        tape, "pool1.input.grad[0,0,0,1]"
    )
    assert "3 of them are equally large" in told(tape, "pool1.output[0,0,0,0]")


@pytest.mark.parametrize(
    ("rule", "forward", "backward"),
    [
        ("all", "each of them counts as a winner", "takes the whole of the upstream gradient: 3."),
        ("shared", "they share the gradient", "takes 1/3 of the upstream gradient: 1."),
    ],
)
def test_another_rule_for_ties_is_told(rule: TieRule, forward: str, backward: str) -> None:
    tape = pooled([[3, 3], [1, 3]], MaxPool2d(2, ties=rule))
    assert forward in told(tape, "pool1.output[0,0,0,0]")
    text = told(tape, "pool1.input.grad[0,0,0,1]")
    assert text.startswith(f"It tied for its window and {backward}")
    assert f"tie rule: {rule}" in text
    overlapping = pooled([[1, 5, 5], [0, 5, 2]], MaxPool2d(2, 1, ties=rule))
    text = told(overlapping, "pool1.input.grad[0,0,0,1]")
    assert text.startswith("It won or tied 2 of its 2 windows and adds up what it takes")


def test_a_slope_chosen_at_zero_and_a_kernel_turned_forwards_are_told() -> None:
    layers: dict[str, Layer] = {"conv1": Conv2d(1, 2, bias=False, flip=True), "relu1": ReLU(0.5)}
    network = chain("other", (1, 2, 2), layers, SquaredError(half=True))
    parameters = {"conv1": {"weight": np.array([[[[1, 2], [3, 4]]]], dtype=np.float32)}}
    image = np.zeros((1, 1, 2, 2), dtype=np.float32)
    tape = record(network, parameters, image, (-2.0,), Sgd(0.1))
    assert "turned by 180°: a true convolution" in told(tape, "conv1.output[0,0,0,0]")
    assert "Its slope is taken as 0.5." in told(tape, "relu1.output[0,0,0,0]")
    text = told(tape, "relu1.input.grad[0,0,0,0]")
    assert text.startswith("The slope here is 0.5; it turns the upstream 2 into 1.")
    assert "the kernel is not turned" in told(tape, "conv1.input.grad[0,0,0,0]")


def test_overlapping_windows_add_up() -> None:
    tape = pooled([[3, 4, 2], [1, 5, 0], [8, 6, 4]], MaxPool2d(2, stride=1))
    assert "It won 2 of its 4 windows" in told(tape, "pool1.input.grad[0,0,1,1]")


def test_a_cell_that_no_window_reaches() -> None:
    tape = pooled([[3, 4, 2], [1, 5, 0], [8, 6, 4]], MaxPool2d(2))
    assert told(tape, "pool1.input.grad[0,0,2,2]").startswith("No window reaches this cell")


def test_padding_is_no_candidate() -> None:
    tape = pooled([[-3, -4], [-1, -5]], MaxPool2d(3, stride=1, padding=1))
    assert told(tape, "pool1.output[0,0,0,0]").startswith(
        "The largest of the 4 values goes on: −1."
    )


def test_the_slope_at_zero() -> None:
    zero = np.argwhere(lenet()["relu1.input"] < 0)[0]
    address = f"relu1.input.grad[{','.join(map(str, zero))}]"
    assert told(lenet(), address).startswith("The value was negative, so no gradient passes.")


def test_target_and_other_classes() -> None:
    assert "Class 7 is the target: raising its logit lowers the loss" in told(
        lenet(), "loss.input.grad[0,7]"
    )
    assert "Class 3 is not the target: raising its logit raises the loss" in told(
        lenet(), "loss.input.grad[0,3]"
    )


def test_a_step_is_not_a_gradient() -> None:
    assert told(tiny(), "conv1.weight.step[0,0,0,1]").startswith(
        "The gradient points uphill; the step goes down: it lowers the weight by 0.08."
    )
    assert told(tiny(), "conv1.weight.next[0,0,0,1]").startswith(
        "The weight goes from 1.00 to 0.92."
    )


def test_a_step_against_its_own_gradient_names_what_is_stronger() -> None:
    tape = branching()
    gradient, step = tape["conv2.weight.grad"], tape["conv2.weight.step"]
    against = np.argwhere(gradient * step > 0)
    assert against.size
    indices = ",".join(map(str, against[0]))
    assert "weight decay" in told(tape, f"conv2.weight.grad[{indices}]")
    assert "Weight decay is stronger." in told(tape, f"conv2.weight.step[{indices}]")


def test_a_gradient_of_exactly_zero_gives_no_direction() -> None:
    tape = lenet()
    dead = np.argwhere(np.asarray(tape["dense1.bias.grad"]) == 0)[0]
    text = told(tape, f"dense1.bias.grad[{dead[0]}]")
    assert text.startswith("Changing this bias by a little does not change the loss.")


def test_a_value_that_is_not_finite_says_where_to_look() -> None:
    tape = with_value(lenet(), "dense3", float("inf"))
    text = told(tape, "dense3.output[0,0]")
    assert "dense3.weight[0,0]" in text or "dense3.input[0,0]" in text


@pytest.mark.parametrize("name", [*TAPES, "not finite"])
def test_every_step_is_told_in_whole_sentences(name: str) -> None:
    for step in every_step(name):
        found = sentences(step)
        for sentence in (found.bold, *found.plain):
            assert not sentence[0].islower() or "." in sentence.split()[0]
            assert sentence.endswith("."), sentence
            assert "  " not in sentence


@pytest.mark.parametrize("name", list(TAPES))
def test_steps_that_hold_many_values_are_told_as_well(name: str) -> None:
    tape = TAPES[name]()
    for operation in operations(tape.network, tape.batch, tape.optimizer):
        for depth in (Depth.PASS, Depth.PHASE, Depth.LAYER, Depth.TENSOR, Depth.CHANNEL):
            found = sentences(ExplainedStep(None, operation, depth, tape))
            assert found.bold.endswith("."), found.bold


def test_the_end_of_the_pass() -> None:
    found = sentences(ExplainedStep(None, None, Depth.ELEMENT, tiny()))
    assert found.bold == "The training step is complete: every value is computed."
    assert found.plain == ("The loss is 2.",)
