"""An update as PyTorch's own optimizers make it."""

from __future__ import annotations

from typing import Any

from backpropviz.engine.address import Address
from backpropviz.engine.optimizer import parts
from backpropviz.figures.code.program import CodeLine, Names, Program, opening
from backpropviz.figures.code.settings import iteration_of
from backpropviz.figures.code.vectorized import result_line
from backpropviz.figures.explanation.explained_step import ExplainedStep


def update_program(step: ExplainedStep) -> Program | None:
    """One parameter, its gradient and its state, and a call of `optimizer.step()`.

    In double precision, so that a small step of a large weight keeps its digits.
    """
    if step.operation is None:
        return None
    nest = step.operation.nest
    parameter = nest.target.of("")
    target = Names(nest, step.tape).of(nest.target)
    before = Names(nest, step.tape).of(parameter)
    loads = [
        f'{before} = torch.tensor(tape["{parameter}"]).double()',
        f"w = torch.nn.Parameter({before}.clone())",
        f'w.grad = torch.tensor(tape["{parameter.grad}"]).double()',
    ]
    rule: Any = step.tape.optimizer
    if nest.target.part == "decayed":
        lines = [f"{target} = w.grad + {rule.weight_decay!r} * {before}"]
    elif nest.target.part == "next" and rule.about.powers(rule):
        # Which update it is, only the step knows.
        loads = loads[:1]
        lines = [f'{target} = {before} + torch.tensor(tape["{parameter.of("step")}"])']
    else:
        lines = [*_stepped(step, parameter), f"{target} = {_wanted(nest.target.part, before)}"]
    last, result = result_line(step, target)
    core = (*map(CodeLine, lines), *last)
    text = [line.text for line in core]
    return Program((*opening([*text, *loads], torch=True), *loads), core, result)


def _stepped(step: ExplainedStep, parameter: Address) -> list[str]:
    rule: Any = step.tape.optimizer
    about = rule.about
    states = [
        f'    "{part.buffer}": torch.tensor(tape["{parameter.of(f"{name}_before")}"]).double(),'
        for name, part in about.parts.items()
        if part.buffer and parameter.of(f"{name}_before") in step.tape
    ]
    if about.torch_counts:
        states = [f'    "step": torch.tensor({iteration_of(step) - 1}.0),', *states]
    given = ["optimizer.state[w] = {", *states, "}"] if states else []
    made = f"optimizer = torch.optim.{about.torch}([w], {about.torch_settings(rule)})"
    return [made, *given, "optimizer.step()"]


def _wanted(part: str, before: str) -> str:
    if part == "next":
        return "w.detach()"
    if part == "step":
        return f"w.detach() - {before}"
    own = parts()[part]
    return own.torch or f'optimizer.state[w]["{own.buffer}"]'
