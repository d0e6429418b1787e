"""How the values of a pass are written: one letter an array, the same wherever it appears.

A layer's output has the letter of its kind (conv `o`, activation `a`, pooling `p`, dense `z`), and
whoever reads it uses that letter too; the image is `X`. Gradients are ∂L/∂ of the letter. Roles
follow the program's one idea of color: gradients are backward, values of the forward pass forward;
parameters, their steps and their new values have the color of the update, since they are what it
changes; loss and target have the loss's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backpropviz.engine.kinds.protocol import LOSS_NAME, Pattern, Quantity
from backpropviz.engine.nest import Values
from backpropviz.engine.network import IMAGE_NAME, Network
from backpropviz.engine.optimizers import parts
from backpropviz.engine.tape import Phase, Tape
from backpropviz.engine.value import GRADIENT, Address
from backpropviz.frozen import frozen
from backpropviz.scene.equation import Fraction, Indexed, Node, Role, RowNode, Symbol, indices, row
from backpropviz.scene.equation_layout import EquationStyle, role_colors
from backpropviz.scene.marks import Color
from backpropviz.scene.theme import Theme

PARAMETERS: Final = frozenset({"weight", "bias"})

_QUANTITY_LETTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "weight": "W",
        "bias": "b",
        IMAGE_NAME: "X",
        LOSS_NAME: "L",
        "target": "t",
        "output": "o",
        "input": "X",
    }
)
"""What is called the same in every kind."""
_INPUT_LETTERS: Final = "ABCDEFGH"
_BEFORE: Final = "_before"


@frozen
class Letter:
    """A quantity's letter, with a remark at its upper right: `new`, `old`, a consumer's name."""

    text: str
    superscript: str = ""

    @property
    def is_word(self) -> bool:
        """Names such as `exponentials` stand upright."""
        return len(self.text) > 2


@frozen
class Notation:
    """The letters of one network; without a network every input is X and every output o."""

    network: Network | None = None

    @classmethod
    def of(cls, values: Values) -> Notation:
        return cls(values.network if isinstance(values, Tape) else None)

    def letter(self, address: Address) -> Letter:
        """The letter of an array, its gradient left aside."""
        part = address.part
        if part in {"", GRADIENT}:
            return Letter(self._plain(address))
        if part == "next":
            return Letter(self._plain(address), "new")
        if part == "step":
            return Letter("Δ" + self._plain(address))
        state = part.removesuffix(_BEFORE)
        known = parts().get(state)
        letter = state if known is None else known.letter
        return Letter(letter, "old" if state != part else "")

    def _plain(self, address: Address) -> str:
        quantity = address.quantity
        if quantity.startswith("input"):
            return self._input_letter(address)
        if quantity == "output":
            return self._output_letter(address.layer)
        if quantity in _QUANTITY_LETTERS:
            return _QUANTITY_LETTERS[quantity]
        kept = self.kept(address)
        return quantity if kept is None else kept.letter

    def kept(self, address: Address) -> Quantity | None:
        """What the layer or the loss says of an array that it keeps."""
        if self.network is None:
            return None
        if address.layer == LOSS_NAME:
            return self.network.loss.about.quantities.get(address.quantity)
        node = self.network.by_name.get(address.layer)
        return None if node is None else node.layer.about.quantities.get(address.quantity)

    def _output_letter(self, layer: str) -> str:
        node = None if self.network is None else self.network.by_name.get(layer)
        return "o" if node is None else node.layer.about.letter

    def _input_letter(self, address: Address) -> str:
        """That of the array it is, unless the layer's own output has the same."""
        number = address.quantity.removeprefix("input")
        if number:
            return _INPUT_LETTERS[(int(number) - 1) % len(_INPUT_LETTERS)]
        source = self._source(address.layer)
        if source == IMAGE_NAME or not source:
            return "X"
        letter = self._output_letter(source)
        return "X" if letter == self._own_letter(address.layer) else letter

    def _own_letter(self, layer: str) -> str:
        """The letter that a layer's own result takes, and the probabilities of a loss."""
        if layer != LOSS_NAME:
            return self._output_letter(layer)
        found = self.kept(Address(LOSS_NAME, "probabilities"))
        return "" if found is None else found.letter

    def _source(self, layer: str) -> str:
        if self.network is None:
            return ""
        if layer == LOSS_NAME:
            return self.network.output
        node = self.network.by_name.get(layer)
        return "" if node is None else node.inputs[0]

    def short(self, address: Address) -> str:
        """`∂L/∂W[0,1]`, `X[1,1]`, `ΔW`, `new W`: for rows, tabs and titles."""
        letter = self.letter(address)
        cell = f"[{','.join(map(str, address.indices))}]" if address.indices else ""
        text = (f"{letter.superscript} " if letter.superscript else "") + letter.text + cell
        return f"∂L/∂{text}" if address.is_gradient else text

    def node(
        self,
        address: Address,
        indices_text: str = "",
        *,
        role: Role | None = None,
        superscript: str = "",
        key: str = "",
    ) -> Node:
        """The quantity as a part of an equation; its key is the address unless it is given."""
        letter = self.letter(address)
        upper = superscript or letter.superscript
        color = role or role_of(address)
        key = key or (str(address) if address.indices else "")
        if not address.is_gradient:
            return _indexed(letter, indices_text, upper, color, key)
        by = _indexed(letter, indices_text, upper)
        if letter.text == "L":
            by = Symbol("L")
        return Fraction(row(Symbol("∂"), Symbol("L")), row(Symbol("∂"), by), color, key)

    def title(self, address: Address, layer: str = "") -> str:
        """What a stage calls an array seen from a layer: `upstream`, `filter gradient`, …"""
        name = address.array
        if name.quantity in PARAMETERS:
            return self._parameter_title(name)
        if name.is_gradient:
            return self._gradient_title(name, layer)
        if name.quantity == "input":
            source = self._source(name.layer)
            return source if source in {"", IMAGE_NAME} else f"{source}.output"
        return name.quantity if name.layer == LOSS_NAME else name.name

    def _gradient_title(self, name: Address, layer: str) -> str:
        if name.quantity == LOSS_NAME:
            return "∂L/∂L"
        if name.quantity == "output":
            return "upstream" if name.layer == layer or not layer else f"gradient of {name.layer}"
        if name.layer == layer or not layer:
            return "input gradient" if name.layer != LOSS_NAME else "loss gradient"
        return "upstream" if self._source(name.layer) == layer else f"gradient from {name.layer}"

    def _parameter_title(self, name: Address) -> str:
        own = self.parameter_word(name)
        if name.part in {"", GRADIENT}:
            return own if not name.part else f"{own} gradient"
        if name.part == "next":
            return f"next {own}"
        state = name.part.removesuffix(_BEFORE)
        title = parts()[state].title if state in parts() else state
        return title if state == name.part else f"{title} before"

    def parameter_word(self, name: Address) -> str:
        """`filter` for a convolution's weights, else the parameter's own name."""
        node = None if self.network is None else self.network.by_name.get(name.layer)
        is_filter = node is None or node.layer.about.pattern is Pattern.FILTERS
        return "filter" if name.quantity == "weight" and is_filter else name.quantity


def _indexed(
    letter: Letter, indices_text: str, superscript: str, role: Role | None = None, key: str = ""
) -> Node:
    base = _base(letter)
    sub = indices(indices_text) if indices_text else None
    sup = Symbol(superscript, italic=False) if superscript else None
    if sub is None and sup is None:
        return RowNode((base,), role, key)
    return Indexed(base, sub, sup, role, key)


def _base(letter: Letter) -> Node:
    if letter.text.startswith("Δ"):
        return row(Symbol("Δ", italic=False), Symbol(letter.text[1:]))
    return Symbol(letter.text, italic=not letter.is_word)


def role_of(address: Address) -> Role:
    """The color of a quantity."""
    if address.is_gradient or address.part == "decayed":
        return Role.BACKWARD
    if address.quantity in PARAMETERS:
        return Role.UPDATE
    if address.quantity in {"loss", "target"}:
        return Role.LOSS
    return Role.FORWARD


def role_color(role: Role, theme: Theme) -> Color:
    """One color."""
    return role_colors(theme)[role]


def phase_colors(phase: Phase, theme: Theme) -> tuple[Color, Color]:
    """A phase's color and its tint."""
    return {
        Phase.FORWARD: (theme.forward, theme.forward_tint),
        Phase.LOSS: (theme.loss, theme.loss_tint),
        Phase.BACKWARD: (theme.backward, theme.backward_tint),
        Phase.UPDATE: (theme.update, theme.update_tint),
    }[phase]


def equation_style(theme: Theme) -> EquationStyle:
    """Equations in the theme's colors, the current term on its tint."""
    return EquationStyle(role_colors(theme), theme.here_tint)
