"""A nest as Python: names, indices, operands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from backpropviz.engine.address import Address
from backpropviz.engine.nest import Axis, Nest, Operand, Rule, Values
from backpropviz.engine.operands import Cell, Choice, Indicator, Share
from backpropviz.figures.operand_nodes import WINDOW_NAMES, OperandWriter

_CODE_OF = {
    "η": "lr",
    "λ": "decay",
    "μ": "momentum",
    "α": "alpha",
    "β": "beta",
    "ε": "eps",
    "₁": "1",
    "₂": "2",
    "ᵗ": "**t",
    "−": "-",
}
_SIGNS = (("·", "*"), ("−", "-"), ("²", "**2"), ("√", "sqrt"), ("½", "0.5"), ("≥", ">="))


@dataclass(frozen=True)
class Coder:
    """Writes a nest as Python; `indices` are those of one value, None for all of them."""

    nest: Nest
    values: Values
    indices: tuple[int, ...] | None

    @cached_property
    def writer(self) -> OperandWriter:
        """How operands are written elsewhere."""
        return OperandWriter.of(self.nest, self.values)

    @property
    def running(self) -> str:
        """The variable that holds the value so far."""
        return "best" if self.nest.rule is Rule.MAX else "total"

    @property
    def prefix(self) -> tuple[int, ...]:
        """The loop variables of the channel and the element."""
        return () if self.indices is None else self.nest.element_at(self.indices)

    @property
    def first_term(self) -> int:
        """The number of the first loop over terms."""
        loops = self.nest.by_target
        return loops.channel_axes + loops.element_axes

    @property
    def term_axes(self) -> tuple[Axis, ...]:
        """The loops over terms."""
        return self.nest.by_target.axes[self.first_term :]

    @property
    def outer_axes(self) -> tuple[Axis, ...]:
        """The loops over values."""
        axes = self.nest.by_target.axes[: self.first_term]
        return tuple(axis for axis in axes if axis.size > 1) or axes[-1:]

    def start(self) -> str:
        """Before the loop."""
        initial = self.nest.by_target.initial
        if self.nest.rule is Rule.MAX:
            return "best = -inf"
        return f"total = {0 if initial is None else self.operand(initial)}"

    def loop(self) -> str:
        """The loop over terms."""
        if self.writer.names_windows:
            return f"for y, x in windows_over({', '.join(self._element())}):"
        axes = [axis for axis in self.term_axes if axis.size > 1] or list(self.term_axes)
        return _loop_over(axes)

    def outer_loop(self) -> str:
        """The loop over values."""
        return _loop_over(self.outer_axes)

    def _element(self) -> list[str]:
        names = [axis.name for axis in self.nest.by_target.axes[: self.first_term]]
        known = self.prefix
        return [str(known[k]) if k < len(known) else name for k, name in enumerate(names)][-2:]

    def body(self) -> str:
        """What the loop does with a term."""
        term = self.product()
        return f"best = max(best, {term})" if self.nest.rule is Rule.MAX else f"total += {term}"

    def product(self) -> str:
        """A term."""
        return " * ".join(self.operand(operand) for operand in self.nest.by_target.operands)

    @property
    def is_one_product(self) -> bool:
        """Whether the loop over terms would run just once."""
        is_sum = self.nest.rule is Rule.SUM and self.nest.by_target.initial is None
        return is_sum and all(axis.size == 1 for axis in self.term_axes)

    def target(self) -> str:
        """The value that is computed."""
        address = self.nest.target
        name = self.name(address, is_target=True)
        if self.indices is None:
            text = _ascii(self.writer.cells.text(self.nest.by_target.target, address))
            return f"{name}[{text}]" if text else name
        text = ",".join(map(str, self.indices))
        return f"{name}[{text}]" if text else name

    def function(self) -> str:
        """The right side of a function."""
        text = re.sub(r"(?<!\w)1?\[(.+?)\]", r"(\1)", self.nest.expression)
        for sign, code in _SIGNS:
            text = text.replace(sign, code)
        operands = [self.operand(operand) for operand in self.nest.by_target.operands]
        return re.sub(r"\{(\d+)\}", lambda match: operands[int(match[1])], text)

    def copy(self) -> str:
        """A copy of a whole tensor."""
        operand = self.nest.by_target.operands[0]
        target = self.name(self.nest.target, is_target=True)
        if isinstance(operand, Choice):
            addresses = (option.address for option in operand.options)
            names = ", ".join(dict.fromkeys(self.name(a) for a in addresses if a is not None))
            return f"{target} = concatenate([{names}], axis=1)"
        address = operand.address
        source = "" if address is None else self.name(address)
        if not operand.index:
            return f"{target} = {source}.reshape{self.nest.shape}"
        if address is None or self.values[address].shape == self.nest.shape:
            return f"{target} = {source}"
        start = operand.index[1].offset
        return f"{target} = {source}[:, {start}:{start + self.nest.shape[1]}]"

    def operand(self, operand: Operand) -> str:
        """One operand of a term."""
        match operand:
            case Choice():
                return f"g[{self.nest.by_target.axes[operand.axis].name}]"
            case Indicator():
                return self._won(operand)
        if isinstance(operand, Share):
            return self.writer.share_label(operand, self.prefix)
        address = operand.address
        if address is None:
            return _constant(operand.label, self._condition())
        text = _ascii(self._index(operand, address))
        name = self.name(address)
        return f"{name}[{text}]" if text else name

    def _index(self, operand: Operand, address: Address) -> str:
        if not isinstance(operand, Cell):
            return "t"
        if self.writer.names_windows and address.is_gradient:
            return self._window(address)
        return self.writer.cells.text(operand.index, address, self.prefix)

    def _window(self, address: Address) -> str:
        dropped = self.writer.cells.dropped(address)
        known = [str(index) for index in self.prefix[:2]]
        names = [*known, *WINDOW_NAMES[len(known) :]]
        return ",".join(name for k, name in enumerate(names) if k not in dropped)

    def _won(self, operand: Indicator) -> str:
        window = self._window(operand.switches)
        if self.indices is None:
            return f"(switches[{window}] == u*{operand.plane_width}+v)"
        row, column = (index.at((*self.prefix, 0, 0)) for index in operand.cell)
        return f"(switches[{window}] == {(row or 0) * operand.plane_width + (column or 0)})"

    def _condition(self) -> str:
        return "k" if self.indices is None else str(self.indices[-1]) if self.indices else "k"

    def name(self, address: Address, *, is_target: bool = False) -> str:
        """`W`, `W.grad`; the one upstream gradient of a backward nest is `g`."""
        if address.is_gradient and not is_target and self.nest.target.is_gradient:
            return "g"
        letter = self.writer.notation.letter(address.array)
        plain = letter.text.removeprefix("Δ").replace("ℓ", "sample")
        if address.part in {"step", "next"}:
            return f"{plain}.{address.part}"
        if address.is_gradient:
            return f"{plain}.grad"
        return f"{plain}_old" if letter.superscript == "old" else plain


def _loop_over(axes: Sequence[Axis]) -> str:
    names = ", ".join(axis.name for axis in axes)
    if len(axes) == 1:
        return f"for {names} in range({axes[0].size}):"
    sizes = ", ".join(str(axis.size) for axis in axes)
    return f"for {names} in ndindex({sizes}):"


def _constant(label: str, category: str) -> str:
    if label.startswith("["):
        return "(" + label.strip("[]").replace("k", category).replace("=", "==") + ")"
    text = "".join(_CODE_OF.get(character, character) for character in label)
    return f"({text})" if " " in label else text


def _ascii(text: str) -> str:
    """Index arithmetic as Python writes it: `2*y+i-1`, `(u+1-i)//2`, `f//4`."""
    text = re.sub(r"⌊(\w+)/(\d+)⌋", r"(\1//\2)", text.replace("−", "-"))
    text = re.sub(r"\)/(\d+)", r")//\1", text)
    return re.sub(r"(\d)([a-z(])", r"\1*\2", text)
