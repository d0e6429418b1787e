"""Pointing at a term lights its cells, pointing at a cell its terms, on every canvas."""

from __future__ import annotations

from backpropviz.debugger.commands import GoToAddress
from backpropviz.debugger.timeline import Depth
from backpropviz.engine.value import parse
from backpropviz.ui.main_window import MainWindow
from backpropviz.ui.pointing import clicked
from tests.ui.bench import bench_of
from tests.ui.conftest import Open

VALUE = "conv1.weight.grad[0,0,0,1]"


def test_a_term_lights_the_cells_that_it_multiplies(window: MainWindow, open_in: Open) -> None:
    open_in("tiny-max")
    bench = bench_of(window)
    bench.controller.dispatch(GoToAddress(parse(VALUE), Depth.ELEMENT))
    bench.explanation.canvas.hovered.emit("term:2")
    assert {"conv1.input[0,0,1,1]", "conv1.output.grad[0,0,1,0]"} <= set(bench.stage._lit_keys)
    bench.explanation.canvas.hovered.emit("")
    assert bench.stage._lit_keys == ()


def test_a_cell_lights_the_terms_that_it_is_in(window: MainWindow, open_in: Open) -> None:
    open_in("tiny-max")
    bench = bench_of(window)
    bench.controller.dispatch(GoToAddress(parse(VALUE), Depth.ELEMENT))
    bench.stage.hovered.emit("conv1.input[0,0,1,1]")
    assert "term:2" in bench.explanation.canvas._lit_keys
    bench.controller.dispatch(GoToAddress(parse("conv1.bias.grad[0]"), Depth.ELEMENT))
    assert bench.explanation.canvas._lit_keys == ()


def test_a_click_on_a_term_goes_to_its_step(window: MainWindow, open_in: Open) -> None:
    open_in("tiny-max")
    bench = bench_of(window)
    bench.controller.dispatch(GoToAddress(parse(VALUE), Depth.ELEMENT))
    opened = bench.controller.opened
    assert opened is not None
    start = opened.state.k
    command = clicked("term:2", opened)
    assert command is not None
    bench.controller.dispatch(command)
    after = bench.controller.opened
    assert after is not None
    assert (after.state.k, after.state.depth) == (start + 2, Depth.TERM)


def test_a_click_on_the_ledgers_order_sorts_it(window: MainWindow, open_in: Open) -> None:
    open_in("tiny-max")
    bench = bench_of(window)
    bench.controller.dispatch(GoToAddress(parse(VALUE), Depth.ELEMENT))
    bench.stage.clicked.emit("ledger:order")
    opened = bench.controller.opened
    assert opened is not None
    assert opened.view.options.ledger_by_size
    bench.stage.clicked.emit("ledger:order")
    assert bench.controller.opened is not None
    assert not bench.controller.opened.view.options.ledger_by_size
