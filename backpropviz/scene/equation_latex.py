r"""An equation as LaTeX for math mode; it needs no package beyond the LaTeX kernel."""

from __future__ import annotations

import re
from unicodedata import normalize

from backpropviz.scene.equation import (
    BigOperator,
    Delimited,
    Fraction,
    Function,
    Indexed,
    Indicator,
    Node,
    Number,
    Operator,
    Pending,
    Root,
    Row,
    Space,
    Symbol,
    Term,
    Words,
)

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
            return _symbol(node)
        case Number():
            return _number(node)
        case Pending():
            return r"\bullet "
        case Operator():
            return f" {_characters(node.text)} " if node.text != "," else ","
        case Words():
            return f"~{_upright(node.text)}~"
        case Space():
            return rf"\hspace{{{node.em:g}em}}"
        case Row():
            return "".join(_latex(item) for item in node.items)
        case Term():
            return _latex(node.item)
        case _:
            return _structure(node)


def _structure(node: Node) -> str:
    match node:
        case Indexed():
            return _base(node.base) + _scripts(node.sub, node.sup)
        case Fraction():
            return rf"\frac{{{_latex(node.numerator)}}}{{{_latex(node.denominator)}}}"
        case BigOperator():
            return _operator_name(node.text) + _scripts(node.below, node.above)
        case Delimited():
            return _delimited(_latex(node.item), node.left, node.right)
        case Function():
            arguments = r",\, ".join(_latex(argument) for argument in node.arguments)
            return _operator_name(node.name) + _delimited(arguments, "(", ")")
        case Indicator():
            return r"\mathbf{1}" + _delimited(_latex(node.condition), "[", "]")
        case Root():
            return rf"\sqrt{{{_latex(node.item)}}}"
        case _:
            return ""


def _symbol(node: Symbol) -> str:
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


def _number(node: Number) -> str:
    scientific = _SCIENTIFIC.fullmatch(node.text)
    digits = scientific[1] if scientific else node.text
    text = "".join(map(_number_part, _NUMBER_PART.findall(digits)))
    if scientific:
        text += rf" \times 10^{{{_characters(scientific[2])}}}"
    if node.bold:
        return rf"\mathbf{{{text}}}"
    return text if re.fullmatch(r"[\d.]+", text) else f"{{{text}}}"


def _number_part(part: str) -> str:
    if part[0] in _RAISED_CHARACTERS:
        return f"^{{{part.translate(_RAISED)}}}"
    return _upright(part) if part.isascii() and part.isalpha() else _characters(part)


def _scripts(sub: Node | None, sup: Node | None) -> str:
    lower = "" if sub is None else f"_{{{_latex(sub)}}}"
    return lower if sup is None else f"{lower}^{{{_latex(sup)}}}"


def _base(node: Node) -> str:
    text = _latex(node).strip()
    if isinstance(node, Number) and _SCIENTIFIC.fullmatch(node.text):
        return _delimited(text, "(", ")")
    return text if isinstance(node, Symbol | Number | Delimited) else f"{{{text}}}"


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
