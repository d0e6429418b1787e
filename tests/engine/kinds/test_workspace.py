"""A workspace changes where results lie, never a bit of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from backpropviz.engine.kernels.workspace import Workspace
from tests.engine.layer_cases import Case, buffers_of, cases, site_of


@given(case=cases())
@settings(max_examples=100)
def test_results_with_and_without_a_workspace_agree_bit_for_bit(case: Case) -> None:
    random = np.random.default_rng(case.seed)
    site = site_of(case)
    space = Workspace()
    for _ in range(2):
        inputs = tuple(random.normal(size=s).astype(np.float32) for s in site.inputs)
        parameters = {
            name: random.normal(size=shape).astype(np.float32)
            for name, shape in site.parameters.items()
        } | buffers_of(case, np.float32)
        upstream = random.normal(size=site.output_shape).astype(np.float32)
        kept = [array.copy() for array in (*inputs, upstream)]
        plain, residuals = case.layer.forward(inputs, parameters)
        reused, reused_residuals = case.layer.forward(inputs, parameters, space)
        assert np.array_equal(plain, reused)
        ours = case.layer.vjp(upstream, residuals, parameters)
        theirs = case.layer.vjp(upstream, reused_residuals, parameters, space)
        for a, b in zip(ours[0], theirs[0], strict=True):
            assert np.array_equal(a, b)
        for name, gradient in ours[1].items():
            assert np.array_equal(gradient, theirs[1][name])
        for before, after in zip(kept, (*inputs, upstream), strict=True):
            assert np.array_equal(before, after)


@given(case=cases())
@settings(max_examples=50)
def test_parameter_gradients_do_not_depend_on_whether_inputs_need_theirs(case: Case) -> None:
    random = np.random.default_rng(case.seed)
    site = site_of(case)
    inputs = tuple(random.normal(size=shape) for shape in site.inputs)
    parameters = {name: random.normal(size=shape) for name, shape in site.parameters.items()}
    parameters |= buffers_of(case)
    upstream = random.normal(size=site.output_shape)
    _, residuals = case.layer.forward(inputs, parameters)
    _, full = case.layer.vjp(upstream, residuals, parameters)
    none, only = case.layer.vjp(upstream, residuals, parameters, needs_inputs=False)
    assert none == ()
    assert full.keys() == only.keys()
    assert all(np.array_equal(full[name], only[name]) for name in full)
