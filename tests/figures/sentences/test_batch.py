"""What is said of a batch: whose value it is, that a gradient sums over samples, where 1/N is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backpropviz.debugger.session import SessionState
from backpropviz.debugger.timeline import Depth, Timeline, find
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.record import record, with_reduction
from backpropviz.engine.tape import operations
from backpropviz.engine.value import parse
from backpropviz.figures.explain.sentences import sentences
from backpropviz.figures.numbers import Scales
from backpropviz.figures.view import View
from backpropviz.files.networks import load_network


def told(place: str, depth: Depth, batch: int = 4, reduction: str = "mean") -> str:
    model = load_network("lenet")
    model = replace(model, network=with_reduction(model.network, reduction))
    images = np.random.default_rng(2).random((batch, 1, 28, 28), np.float32)
    targets: object = [3, 1, 4, 1][:batch] if batch > 1 else 3
    tape = record(model.network, model.parameters, images, targets, Sgd(0.1))
    timeline = Timeline(operations(tape.network, tape.batch, tape.optimizer))
    k = find(timeline, tape, parse(place), depth)
    view = View(model, tape, timeline, SessionState(k, depth), Scales(tape))
    return " ".join(sentences(view.explained).plain)


@pytest.mark.parametrize("place", ["conv1.weight.grad[0,0,1,1]", "dense3.bias.grad[2]"])
@pytest.mark.parametrize("depth", [Depth.ELEMENT, Depth.TENSOR])
def test_a_gradient_says_where_one_over_n_came_in(place: str, depth: Depth) -> None:
    assert "mean over 4 samples; the factor 1/4 came in once, at the loss" in told(place, depth)


def test_a_sum_of_losses_has_no_factor() -> None:
    text = told("conv1.weight.grad[0,0,1,1]", Depth.ELEMENT, reduction="sum")
    assert "The loss adds up 4 samples" in text
    assert "1/4" not in text


def test_a_value_says_whose_it_is() -> None:
    text = told("conv1.output[2,1,3,3]", Depth.ELEMENT)
    assert "It belongs to sample 2 of 4, whose target is 4." in text


def test_a_term_says_its_sample() -> None:
    assert "Term 1 of 3,136, in sample 0," in told("conv1.weight.grad[0,0,1,1]", Depth.TERM)


def test_one_image_needs_no_word_about_samples() -> None:
    for depth in (Depth.ELEMENT, Depth.TERM, Depth.TENSOR):
        assert "sample" not in told("conv1.weight.grad[0,0,1,1]", depth, batch=1)
