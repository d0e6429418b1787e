"""An equation as a small immutable tree: what it says, not where it stands nor in which theme.

The same tree is laid out as marks by `equation_layout`, and printed here as text and as LaTeX. A
`role` says what a part means; the layout maps it to a color. A `key` is the address (as text) of
the value a part shows. Both are inherited: a part that names none takes its parent's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import TypeAlias
from unicodedata import normalize

from backpropviz.frozen import frozen

JUXTAPOSED = "\u2062"
"""The operator between factors that stand side by side: invisible in a picture, `·` in text."""

MINUS = "\u2212"


class Role(Enum):
    """What a part of an equation means; a theme has a color for each."""

    INK = "ink"
    FORWARD = "forward"
    BACKWARD = "backward"
    HERE = "here"
    UPDATE = "update"
    LOSS = "loss"
    MUTED = "muted"


@frozen
class Symbol:
    """A letter, a name or an ellipsis; names such as `ReLU` stand upright."""

    text: str
    role: Role | None = None
    italic: bool = True
    key: str = ""


@frozen
class NumberNode:
    """A value of the pass as the person reads it, or a constant of the definition.

    A `constant` (an index, the 2 of 1/2) is set like the letters; a `bold` number is a result.
    """

    text: str
    role: Role | None = None
    constant: bool = False
    bold: bool = False
    key: str = ""


@frozen
class Pending:
    """The place of a value that is not computed yet: a dot, never 0."""

    key: str = ""


@frozen
class Operator:
    """`+ − · ×`, a relation such as `=`, a comma, or `JUXTAPOSED`: its text tells its kind."""

    text: str
    role: Role | None = None


@frozen
class WordsNode:
    """A phrase inside an equation; a `small` one is a remark in the interface's font ("so far")."""

    text: str
    role: Role | None = None
    small: bool = False


@frozen
class Space:
    """An empty stretch, in em."""

    em: float = 1.0


@frozen
class RowNode:
    """Parts side by side on one baseline."""

    items: tuple[Node, ...]
    role: Role | None = None
    key: str = ""


@frozen
class Indexed:
    """A base with indices, an exponent, or both."""

    base: Node
    sub: Node | None = None
    sup: Node | None = None
    role: Role | None = None
    key: str = ""


@frozen
class Fraction:
    """A numerator over a denominator."""

    numerator: Node
    denominator: Node
    role: Role | None = None
    key: str = ""


@frozen
class BigOperator:
    """`∑`, or a word such as `max`, with its limits; what it ranges over follows in the row."""

    text: str
    below: Node | None = None
    above: Node | None = None
    role: Role | None = None


@frozen
class Delimited:
    """A part between parentheses, brackets or bars that grow with it."""

    item: Node
    left: str = "("
    right: str = ")"
    role: Role | None = None


@frozen
class Function:
    """A named function and its arguments: exp(x), max(0, x)."""

    name: str
    arguments: tuple[Node, ...]
    role: Role | None = None
    key: str = ""


@frozen
class IndicatorNode:
    """𝟏[condition]: 1 where the condition holds, else 0."""

    condition: Node
    role: Role | None = None
    key: str = ""


@frozen
class Root:
    """A square root."""

    item: Node
    role: Role | None = None
    key: str = ""


@frozen
class TermNode:
    """One term of a sum: the current one lies on a tint, one that has not run yet is faded."""

    item: Node
    current: bool = False
    faded: bool = False
    key: str = ""


Node: TypeAlias = (
    Symbol
    | NumberNode
    | Pending
    | Operator
    | WordsNode
    | Space
    | RowNode
    | Indexed
    | Fraction
    | BigOperator
    | Delimited
    | Function
    | IndicatorNode
    | Root
    | TermNode
)


class SymbolKind(Enum):
    """What an operator does to the space around it."""

    SUM = "sum"
    PRODUCT = "product"
    RELATION = "relation"
    PUNCTUATION = "punctuation"


_KINDS = (
    dict.fromkeys(("+", MINUS, "±"), SymbolKind.SUM)
    | dict.fromkeys(("·", "×", "/", "⊙", JUXTAPOSED), SymbolKind.PRODUCT)
    | dict.fromkeys((",", ";"), SymbolKind.PUNCTUATION)
)


def operator_kind(operator: Operator) -> SymbolKind:
    """The kind of an operator; what is no sum, product or comma is a relation."""
    return _KINDS.get(operator.text, SymbolKind.RELATION)


def children(node: Node) -> tuple[Node, ...]:
    """The direct parts of a node, in reading order."""
    match node:
        case RowNode(items=items) | Function(arguments=items):
            return items
        case Fraction():
            return (node.numerator, node.denominator)
        case Indexed():
            return _present(node.base, node.sub, node.sup)
        case BigOperator():
            return _present(node.below, node.above)
        case (
            Delimited(item=item)
            | Root(item=item)
            | TermNode(item=item)
            | IndicatorNode(condition=item)
        ):
            return (item,)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and everything below it, in reading order."""
    yield node
    for child in children(node):
        yield from walk(child)


def row(*items: Node, role: Role | None = None, key: str = "") -> RowNode:
    """Parts side by side."""
    return RowNode(items, role, key)


def product(*factors: Node, role: Role | None = None, key: str = "") -> RowNode:
    """Factors side by side without a sign between them: g X."""
    return RowNode(_joined(factors, Operator(JUXTAPOSED)), role, key)


def total(*terms: Node) -> RowNode:
    """Terms with a plus between them."""
    return RowNode(_joined(terms, Operator("+")))


def symbol(
    name: str, indices_text: str = "", role: Role | None = None, key: str = ""
) -> Symbol | Indexed:
    """A letter with its indices: `symbol("X", "y+i,x+j")`."""
    if not indices_text:
        return Symbol(name, role, key=key)
    return Indexed(Symbol(name), indices(indices_text), role=role, key=key)


def partial(
    of: str, by: str, indices_text: str = "", role: Role | None = None, key: str = ""
) -> Fraction:
    """A derivative: `partial("L", "W", "0,1")` is ∂L/∂W with the indices 0,1."""
    by_item = symbol(by, indices_text)
    return Fraction(row(Symbol("∂"), Symbol(of)), row(Symbol("∂"), by_item), role, key)


_INDEX_PART = re.compile(r"\d+|[^\W\d_]|[^\w\s]")


def indices(text: str) -> RowNode:
    """Indices as they are written: letters become symbols, digits constants, the rest operators."""
    return RowNode(tuple(map(_index_part, _INDEX_PART.findall(text.replace("-", MINUS)))))


def _index_part(text: str) -> Node:
    if text.isdigit():
        return NumberNode(text, constant=True)
    if text == "…":
        return Symbol(text, italic=False)
    return Symbol(text) if text.isalpha() else Operator(text)


def _joined(items: tuple[Node, ...], between: Operator) -> tuple[Node, ...]:
    alternating = [part for item in items for part in (between, item)]
    return tuple(alternating[1:])


def _present(*nodes: Node | None) -> tuple[Node, ...]:
    return tuple(node for node in nodes if node is not None)


def equation_text(node: Node) -> str:
    """The equation in one line: indices in brackets, fractions as a/b in needful parentheses.

    A value that is not computed yet is `•`.
    """
    return _text(node, spaced=True)


def _text(node: Node, spaced: bool) -> str:
    match node:
        case Symbol(text=text) | NumberNode(text=text) | WordsNode(text=text):
            return text
        case Pending():
            return "•"
        case Operator():
            return "·" if node.text == JUXTAPOSED else node.text
        case Space():
            return " "
        case RowNode():
            pieces: list[str] = []
            before: Node | None = None
            for item in node.items:
                if isinstance(item, Operator):
                    pieces.append(_operator(item, before, spaced))
                else:
                    pieces += (_between(before, item), _text(item, spaced))
                before = item
            return "".join(pieces).replace("  ", " ").strip()
        case TermNode():
            return _text(node.item, spaced)
        case _:
            return _structure(node, spaced)


def _structure(node: Node, spaced: bool) -> str:
    match node:
        case Indexed():
            return _atom(node.base) + _scripts(node.sub, node.sup)
        case Fraction():
            return f"{_atom(node.numerator)}/{_atom(node.denominator)}"
        case BigOperator():
            limits = (node.below, node.above)
            ends = [_text(limit, False) for limit in limits if limit is not None]
            return node.text + (f"[{'…'.join(ends)}]" if ends else "")
        case Delimited():
            return f"{node.left}{_text(node.item, spaced)}{node.right}"
        case Function():
            arguments = ", ".join(_text(argument, spaced) for argument in node.arguments)
            return f"{node.name}({arguments})"
        case IndicatorNode():
            return f"1[{_text(node.condition, spaced)}]"
        case Root():
            return f"√{_atom(node.item)}"
        case _:
            return ""


def _between(before: Node | None, item: Node) -> str:
    """What one-line text needs between neighbors that a picture tells apart by their place."""
    if before is None or isinstance(before, Operator | Space):
        return ""
    if isinstance(before, BigOperator | WordsNode) or isinstance(item, WordsNode):
        return " "
    return "·" if isinstance(before, Fraction) or isinstance(item, Fraction) else ""


def _operator(operator: Operator, before: Node | None, spaced: bool) -> str:
    text, kind = _text(operator, spaced), operator_kind(operator)
    if kind is SymbolKind.PUNCTUATION:
        return f"{text} " if spaced else text
    unary = before is None or isinstance(before, Operator)
    if kind is SymbolKind.PRODUCT or not spaced or (unary and kind is SymbolKind.SUM):
        return text
    return f" {text} "


def _scripts(sub: Node | None, sup: Node | None) -> str:
    lower = "" if sub is None else _subscript(sub)
    if sup is None:
        return lower
    upper = _atom(sup)
    return f"{lower}{upper}" if upper.startswith("′") else f"{lower}^{upper}"


def _subscript(sub: Node) -> str:
    is_name = isinstance(sub, WordsNode) or (isinstance(sub, Symbol) and not sub.italic)
    return f"_{_text(sub, False)}" if is_name else f"[{_text(sub, False)}]"


def _atom(node: Node) -> str:
    """The text of a node, in parentheses if a neighboring sign could tear it apart."""
    text = _text(node, False)
    return f"({text})" if _is_compound(node) else text


def _is_compound(node: Node) -> bool:
    match node:
        case RowNode(items=(only,)) | TermNode(item=only):
            return _is_compound(only)
        case RowNode():
            return any(isinstance(item, Operator | Fraction | BigOperator) for item in node.items)
        case NumberNode(text=text):
            return text[:1] in "+-−" and len(text) > 1
        case _:
            return isinstance(node, Fraction)


_CHARACTERS = {
    "\u2062": "", "\u2212": "-", "∂": r"\partial ", "∑": r"\sum ", "∏": r"\prod ", "∇": r"\nabla ",
    "·": r"\cdot ", "×": r"\times ", "⊙": r"\odot ", "±": r"\pm ", "≥": r"\ge ", "≤": r"\le ",
    "≠": r"\ne ", "≈": r"\approx ", "∈": r"\in ", "→": r"\to ", "←": r"\leftarrow ",
    "↦": r"\mapsto ", "≔": ":=", "…": r"\dots ", "∞": r"\infty ", "ℓ": r"\ell ", "′": "'",
    "½": r"\frac{1}{2}", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "‖": r"\| ", "√": r"\surd ",
    "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "Δ": r"\Delta ",
    "ε": r"\varepsilon ", "η": r"\eta ", "θ": r"\theta ", "λ": r"\lambda ", "μ": r"\mu ",
    "π": r"\pi ", "ρ": r"\rho ", "σ": r"\sigma ", "Σ": r"\Sigma ", "τ": r"\tau ", "φ": r"\varphi ",
    "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "_": r"\_", "{": r"\{", "}": r"\}",
    "\\": r"\backslash ", "~": r"\sim ", "^": r"\hat{}",
}  # fmt: skip
_ACCENTS = {"\u0302": r"\hat", "\u0304": r"\bar", "\u0303": r"\tilde"}
_NAMED_FUNCTIONS = frozenset({"exp", "log", "ln", "max", "min", "tanh", "arg", "sin", "cos"})
_RAISED_CHARACTERS = "⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹"
_RAISED = str.maketrans(_RAISED_CHARACTERS, "-+0123456789")
_SCIENTIFIC = re.compile("(.*[0-9])e([-+\u2212]?[0-9]+)")
"""`8.1e−4`: digits and exponent."""
_NUMBER_PART = re.compile(f"[{_RAISED_CHARACTERS}]+|[A-Za-z]+|.")


def equation_latex(node: Node) -> str:
    r"""The equation in LaTeX's math mode: `\frac{\partial L}{\partial W_{0,1}} = …`.

    Tints, colors and keys are left out: they belong to the picture.
    """
    return _tidied(_latex(node))


def _latex(node: Node) -> str:
    match node:
        case Symbol():
            return _latex_symbol(node)
        case NumberNode():
            return _latex_number(node)
        case Pending():
            return r"\bullet "
        case Operator():
            return f" {_characters(node.text)} " if node.text != "," else ","
        case WordsNode():
            return f"~{_upright(node.text)}~"
        case Space():
            return rf"\hspace{{{node.em:g}em}}"
        case RowNode():
            return "".join(_latex(item) for item in node.items)
        case TermNode():
            return _latex(node.item)
        case _:
            return _latex_structure(node)


def _latex_structure(node: Node) -> str:
    match node:
        case Indexed():
            return _base(node.base) + _latex_scripts(node.sub, node.sup)
        case Fraction():
            return rf"\frac{{{_latex(node.numerator)}}}{{{_latex(node.denominator)}}}"
        case BigOperator():
            return _operator_name(node.text) + _latex_scripts(node.below, node.above)
        case Delimited():
            return _delimited(_latex(node.item), node.left, node.right)
        case Function():
            arguments = r",\, ".join(_latex(argument) for argument in node.arguments)
            return _operator_name(node.name) + _delimited(arguments, "(", ")")
        case IndicatorNode():
            return r"\mathbf{1}" + _delimited(_latex(node.condition), "[", "]")
        case Root():
            return rf"\sqrt{{{_latex(node.item)}}}"
        case _:
            return ""


def _latex_symbol(node: Symbol) -> str:
    text = normalize("NFD", node.text)
    name = text.rstrip("′")
    primes = "'" * (len(text) - len(name))
    if not name:
        return r"\prime " * len(primes)
    if len(name) == 2 and name[1] in _ACCENTS:
        return f"{_ACCENTS[name[1]]}{{{_name(name[0], node.italic)}}}{primes}"
    return _name(name, node.italic) + primes


def _name(text: str, italic: bool) -> str:
    if len(text) == 1 and (italic or not text.isalpha()):
        return _characters(text)
    return _styled("mathit", text) if italic else _upright(text)


def _latex_number(node: NumberNode) -> str:
    scientific = _SCIENTIFIC.fullmatch(node.text)
    digits = scientific[1] if scientific else node.text
    text = "".join(map(_latex_number_part, _NUMBER_PART.findall(digits)))
    if scientific:
        text += rf" \times 10^{{{_characters(scientific[2])}}}"
    if node.bold:
        return rf"\mathbf{{{text}}}"
    return text if re.fullmatch(r"[\d.]+", text) else f"{{{text}}}"


def _latex_number_part(part: str) -> str:
    if part[0] in _RAISED_CHARACTERS:
        return f"^{{{part.translate(_RAISED)}}}"
    return _upright(part) if part.isascii() and part.isalpha() else _characters(part)


def _latex_scripts(sub: Node | None, sup: Node | None) -> str:
    lower = "" if sub is None else f"_{{{_latex(sub)}}}"
    return lower if sup is None else f"{lower}^{{{_latex(sup)}}}"


def _base(node: Node) -> str:
    text = _latex(node).strip()
    if isinstance(node, NumberNode) and _SCIENTIFIC.fullmatch(node.text):
        return _delimited(text, "(", ")")
    return text if isinstance(node, Symbol | NumberNode | Delimited) else f"{{{text}}}"


def _operator_name(name: str) -> str:
    if name in _NAMED_FUNCTIONS:
        return rf"\{name}"
    return _characters(name).strip() if len(name) == 1 else rf"\mathop{{{_upright(name)}}}"


def _delimited(inner: str, left: str, right: str) -> str:
    return rf"\left{_characters(left)}{inner}\right{_characters(right)}"


def _upright(text: str) -> str:
    return _styled("mathrm", text)


def _styled(command: str, text: str) -> str:
    """A name or phrase; letters beyond ASCII exist in LaTeX's text mode only."""
    escaped = "~".join(_characters(word).strip() for word in text.split())
    return rf"\{command if escaped.isascii() else 'mbox'}{{{escaped}}}"


def _characters(text: str) -> str:
    return "".join(_CHARACTERS.get(character, character) for character in text)


def _tidied(text: str) -> str:
    """Single spaces, and none where a brace, an index, a comma or the end makes them idle."""
    single = re.sub(r" +", " ", re.sub(r"[ ~]*~[ ~]*", "~", text))
    return re.sub(r"[ ~]+(?=[_^},]|\\right|$)", "", single).strip()
