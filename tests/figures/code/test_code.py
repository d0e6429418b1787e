from __future__ import annotations

import pytest

from backpropviz.debugger.timeline import Depth
from backpropviz.engine.tape import Tape, operations
from backpropviz.figures.explain.code import broken, code_lines
from backpropviz.figures.view import ExplainedStep, TermProgress
from tests.figures.passes import branching, lenet, tiny
from tests.figures.steps import TAPES, every_step, step_at


def code(
    tape: Tape, address: str, progress: TermProgress | None = None
) -> list[tuple[str, str, bool]]:
    lines = code_lines(step_at(tape, address, progress or TermProgress()))
    return [(line.text, line.note, line.is_current) for line in lines]


def test_a_term_of_the_filter_gradient() -> None:
    assert code(tiny(), "conv1.weight.grad[0,0,0,1]", TermProgress(2, 3)) == [
        ("total = 0", "", False),
        ("for y, x in ndindex(2, 2):", "y=1 x=0", False),
        ("    total += g[y,x] * X[y,x+1]", "8", True),
        ("W_grad[0,0,0,1] = total", "not yet", False),
    ]


def test_a_finished_value_stands_on_the_last_line() -> None:
    lines = code(lenet(), "conv1.weight.grad[2,0,3,1]")
    assert lines[1] == ("for y, x in ndindex(28, 28):", "×784", False)
    assert lines[2][0] == "    if y+1 < 28 and 0 <= x-1:"
    assert lines[3][0] == "        total += g[2,y,x] * X[0,y+1,x-1]"
    assert lines[4][0] == "W_grad[2,0,3,1] = total"
    assert [current for _, _, current in lines] == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("conv1.output[0,0,1,0]", "total = b"),
        ("pool1.output[0,0,0,0]", "    best = max(best, o[i,j])"),
        ("pool1.input.grad[0,0,1,0]", "    total += g[y,x] * (switches[y,x] == 2)"),
        ("conv1.weight.step[0,0,0,1]", "W_step[0,0,0,1] = -lr * W_grad[0,1]"),
    ],
)
def test_lines_of_other_rules(address: str, line: str) -> None:
    assert line in [text for text, _, _ in code(tiny(), address)]


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("flatten.output[0,0]", "x = p.reshape(2, 3)"),
        ("both.output[0,0,0,0]", "h = np.concatenate([A, B], axis=1)"),
        ("both.input2.grad[0,0,0,0]", "B_grad = g[:, 4:8]"),
        ("sum.input1.grad[0,0,0,0]", "A_grad = g"),
    ],
)
def test_copies_are_one_line(address: str, line: str) -> None:
    assert [text for text, _, _ in code(branching(), address)] == [line]


def test_a_tensor_has_both_loops_and_no_current_line() -> None:
    tape = tiny()
    operation = next(
        o
        for o in operations(tape.network, 1, tape.optimizer)
        if str(o.nest.target) == "conv1.weight.grad"
    )
    lines = code_lines(ExplainedStep(None, operation, Depth.TENSOR, tape))
    assert [line.text for line in lines] == [
        "for i, j in ndindex(2, 2):",
        "    total = 0",
        "    for y, x in ndindex(2, 2):",
        "        total += g[y,x] * X[y+i,x+j]",
        "    W_grad[i,j] = total",
    ]
    assert not any(line.is_current for line in lines)


@pytest.mark.parametrize("name", [*TAPES, "not finite"])
def test_one_line_is_current_and_all_are_python_expressions(name: str) -> None:
    for step in every_step(name):
        lines = code_lines(step)
        assert sum(line.is_current for line in lines) == 1
        source = "\n".join(line.text for line in lines)
        compile(source, "code", "exec")


def test_a_long_line_is_broken_at_spaces() -> None:
    rows = broken("    total += first[0,1] * second[2,3] * third[4,5]", 200)
    assert len(rows) > 1
    whole = "total += first[0,1] * second[2,3] * third[4,5]"
    assert " ".join(row.strip() for row in rows) == whole


@pytest.mark.parametrize("width", [220, 240, 260, 300])
def test_brackets_are_broken_only_where_a_row_of_their_own_is_too_short(width: float) -> None:
    text = "for n, y, x, i, j in ndindex(32, 28, 28, 5, 5):"
    rows = [row.strip() for row in broken(text, width)]
    assert "ndindex(32, 28, 28, 5, 5):" in rows[-1]
    assert " ".join(rows) == text
