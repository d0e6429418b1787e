"""An update as PyTorch's own optimizers make it."""

from __future__ import annotations

from typing import Any

from backpropviz.engine.address import Address
from backpropviz.engine.optimizer import Adam, AdamW, RmsProp
from backpropviz.figures.code.program import CodeLine, Names, Program, opening
from backpropviz.figures.code.settings import iteration_of
from backpropviz.figures.code.vectorized import result_line
from backpropviz.figures.explanation.explained_step import ExplainedStep

_STATES = {
    "velocity": "momentum_buffer",
    "moment1": "exp_avg",
    "moment2": "exp_avg_sq",
    "square_average": "square_avg",
    "gradient_average": "grad_avg",
}


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
    elif nest.target.part == "next" and isinstance(rule, Adam):
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
    parts = [name for name in _STATES if parameter.of(f"{name}_before") in step.tape]
    states = [
        f'    "{_STATES[name]}": torch.tensor(tape["{parameter.of(f"{name}_before")}"]).double(),'
        for name in parts
    ]
    if isinstance(rule, Adam):
        settings = f"lr={rule.learning_rate!r}, betas={rule.betas!r}, eps={rule.eps!r}"
        kind = "AdamW" if isinstance(rule, AdamW) else "Adam"
        states = [f'    "step": torch.tensor({iteration_of(step) - 1}.0),', *states]
    elif isinstance(rule, RmsProp):
        kind = "RMSprop"
        settings = f"lr={rule.learning_rate!r}, alpha={rule.alpha!r}, eps={rule.eps!r}"
        settings += f", momentum={rule.momentum!r}" if rule.momentum else ""
        settings += ", centered=True" if rule.centered else ""
        states = ['    "step": torch.tensor(0.0),', *states]
    else:
        settings, kind = f"lr={rule.learning_rate!r}", "SGD"
        settings += f", momentum={rule.momentum!r}" if rule.momentum else ""
        settings += ", nesterov=True" if rule.nesterov else ""
    is_told = rule.weight_decay or isinstance(rule, AdamW)
    settings += f", weight_decay={rule.weight_decay!r}" if is_told else ""
    given = ["optimizer.state[w] = {", *states, "}"] if states else []
    return [f"optimizer = torch.optim.{kind}([w], {settings})", *given, "optimizer.step()"]


def _wanted(part: str, before: str) -> str:
    if part == "next":
        return "w.detach()"
    if part == "step":
        return f"w.detach() - {before}"
    if part == "gradient_variance":
        square, mean = (f'optimizer.state[w]["{name}"]' for name in ("square_avg", "grad_avg"))
        return f"({square} - {mean} ** 2).clamp(min=0)"
    return f'optimizer.state[w]["{_STATES[part]}"]'
