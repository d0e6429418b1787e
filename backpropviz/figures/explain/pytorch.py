"""A step as PyTorch would be asked for it: a call, and for a gradient autograd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backpropviz.engine.kinds.protocol import LOSS, LOSS_NAME, TARGET, Kind, Site
from backpropviz.engine.nest import Nest
from backpropviz.engine.operands import Choice
from backpropviz.engine.optimizers import parts
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Address
from backpropviz.figures.explain import program
from backpropviz.figures.explain.vectorized import result_line
from backpropviz.figures.view import ExplainedStep
from backpropviz.frozen import frozen


def update_program(step: ExplainedStep) -> program.Program | None:
    """One parameter, its gradient and its state, and a call of `optimizer.step()`.

    In double precision, so that a small step of a large weight keeps its digits.
    """
    if step.operation is None:
        return None
    nest = step.operation.nest
    parameter = nest.target.of("")
    target = program.Names(nest, step.tape).of(nest.target)
    before = program.Names(nest, step.tape).of(parameter)
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
    return _finished(step, loads, lines, target)


def _stepped(step: ExplainedStep, parameter: Address) -> list[str]:
    rule: Any = step.tape.optimizer
    about = rule.about
    states = [
        f'    "{part.buffer}": torch.tensor(tape["{parameter.of(f"{name}_before")}"]).double(),'
        for name, part in about.parts.items()
        if part.buffer and parameter.of(f"{name}_before") in step.tape
    ]
    if about.torch_counts:
        states = [f'    "step": torch.tensor({program.iteration_of(step) - 1}.0),', *states]
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


def torch_program(step: ExplainedStep) -> program.Program | None:
    """The tensor of a step by PyTorch; a remark where PyTorch has no such operation."""
    if step.operation is None:
        return None
    if step.operation.phase is Phase.UPDATE:
        return update_program(step)
    nest = step.operation.nest
    names = program.Names(nest, step.tape)
    target = names.of(nest.target)
    if isinstance(nest.by_target.operands[0], Choice) and nest.target.is_gradient:
        parts = (f'torch.tensor(tape["{a}"])' for a in program.arrays_of(nest.by_target.operands))
        return _finished(step, [], [f"{target} = {' + '.join(parts)}"], target)
    call = _Call(step, nest, step.operation.layer, step.layer)
    remark = call.missing()
    if remark:
        return program.Program((), (program.CodeLine(f"# {remark}"),), "")
    if step.operation.layer == LOSS_NAME:
        return call.loss(names)
    inside = call.inside(names)
    if inside is not None:
        return inside
    return call.gradient(names) if nest.target.is_gradient else call.forward(names)


def _finished(
    step: ExplainedStep, loads: list[str], lines: list[str], target: str
) -> program.Program:
    last, result = result_line(step, target)
    core = (*map(program.CodeLine, lines), *last)
    text = [line.text for line in core]
    return program.Program((*program.opening([*text, *loads], torch=True), *loads), core, result)


def _loaded(name: str, address: Address, *, tracked: bool = False) -> str:
    """`W = torch.tensor(tape["conv1.weight"], requires_grad=True)`."""
    return f'{name} = torch.tensor(tape["{address}"]{", requires_grad=True" if tracked else ""})'


@frozen(slots=False)
class _Call:
    step: ExplainedStep
    nest: Nest
    owner: str
    layer: Any

    def missing(self) -> str:
        about = self.layer.about
        if not isinstance(about, Kind):
            return ""
        return about.torch.lacks(self.layer, self.nest.target.is_gradient)

    def inside(self, names: program.Names) -> program.Program | None:
        """A value that PyTorch's call computes on its way; None for what the call gives."""
        site = self.step.tape.network.site(self.owner, self.step.tape.batch)
        shown = {"input": site.input(), "output": site.output, "g": site.output.grad}
        shown |= {name: site.quantity(name) for name in site.parameters}
        variables = {key: "g" if key == "g" else names.of(a) for key, a in shown.items()}
        own = str(self.nest.target).removeprefix(f"{self.owner}.")
        lines = self.layer.about.torch.inner(self.layer, own, variables)
        if not lines:
            return None
        known = {variables[key]: address for key, address in shown.items()}
        known |= {name: site.quantity(name) for name in self._kept(site)}
        used = "\n".join(lines)
        loads = [_loaded(name, a) for name, a in known.items() if program.mentions(name, used)]
        target = names.of(self.nest.target)
        return _finished(self.step, loads, [*lines[:-1], f"{target} = {lines[-1]}"], target)

    def _kept(self, site: Site) -> tuple[str, ...]:
        """What the layer keeps that the tape has: a mask, running statistics."""
        return tuple(q for q in self.layer.about.quantities if site.quantity(q) in self.step.tape)

    def _inputs(self) -> dict[str, Address]:
        """The call's arguments by variable."""
        site = self.step.tape.network.site(self.owner, self.step.tape.batch)
        addresses = [site.input(k) for k in range(len(site.inputs))]
        addresses += [site.quantity(name) for name in site.parameters]
        addresses += [site.quantity(name) for name in self.layer.about.torch.buffers(self.layer)]
        forward = program.Names(self.layer.nests(site).forward[0], self.step.tape)
        return {forward.of(address): address for address in addresses}

    def forward(self, names: program.Names) -> program.Program:
        inputs = self._inputs()
        loads = [_loaded(name, address) for name, address in inputs.items()]
        target = names.of(self.nest.target)
        return _finished(self.step, loads, [f"{target} = {self._expression(list(inputs))}"], target)

    def gradient(self, names: program.Names) -> program.Program:
        """The forward call, and what autograd makes of the upstream gradient."""
        inputs = self._inputs()
        asked = self.nest.target.of("")
        loads = [_loaded(n, a, tracked=a == asked) for n, a in inputs.items()]
        loads.append(_loaded("g", Address(self.owner, "output").grad))
        variable = next(name for name, address in inputs.items() if address == asked)
        target = names.of(self.nest.target)
        lines = [
            f"out = {self._expression(list(inputs))}",
            f"{target}, = torch.autograd.grad(out, {variable}, g)",
        ]
        return _finished(self.step, loads, lines, target)

    def _expression(self, arguments: list[str]) -> str:
        torch = self.layer.about.torch
        call: str = torch.expression(self.layer, arguments)
        if not torch.exceeds(self.layer):
            return call
        height, width = self.step.tape.network.shapes[self.owner][1:]
        return f"({call})[:, :, :{height}, :{width}]"

    def _loss_parts(self) -> Mapping[str, str]:
        classes = self.step.tape[Address(LOSS_NAME, "input")].shape[-1]
        found: Mapping[str, str] = self.layer.about.torch(self.layer, int(classes))
        return found

    def loss(self, names: program.Names) -> program.Program:
        prediction = Address(LOSS_NAME, "input")
        target = names.of(self.nest.target)
        is_gradient = self.nest.target.is_gradient
        loads = [_loaded("z", prediction, tracked=is_gradient), _loaded("t", TARGET)]
        if is_gradient:
            call = self._loss_parts()[LOSS.quantity]
            lines = [f"L = {call}", f"{target}, = torch.autograd.grad(L, z)"]
        else:
            lines = [f"{target} = {self._loss_parts()[self.nest.target.quantity]}"]
        used = "\n".join(lines)
        loads = loads if program.mentions("t", used) else loads[:1]
        loads = loads if program.mentions("z", used) else loads[1:]
        return _finished(self.step, loads, lines, target)
