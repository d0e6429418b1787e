"""An equation as one line of plain text: `∂L/∂W[0,1] = g[0,0]·X[0,1] + …`."""

from __future__ import annotations

from backpropviz.scene.equation import (
    JUXTAPOSED,
    BigOperator,
    Delimited,
    Fraction,
    Function,
    Indexed,
    Indicator,
    Kind,
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
    operator_kind,
)


def equation_text(node: Node) -> str:
    """The equation in one line: indices in brackets, fractions as a/b in needful parentheses.

    A value that is not computed yet is `•`.
    """
    return _text(node, spaced=True)


def _text(node: Node, spaced: bool) -> str:
    match node:
        case Symbol(text=text) | Number(text=text) | Words(text=text):
            return text
        case Pending():
            return "•"
        case Operator():
            return "·" if node.text == JUXTAPOSED else node.text
        case Space():
            return " "
        case Row():
            return _row(node, spaced)
        case Term():
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
            return node.text + _limits(node.below, node.above)
        case Delimited():
            return f"{node.left}{_text(node.item, spaced)}{node.right}"
        case Function():
            arguments = ", ".join(_text(argument, spaced) for argument in node.arguments)
            return f"{node.name}({arguments})"
        case Indicator():
            return f"1[{_text(node.condition, spaced)}]"
        case Root():
            return f"√{_atom(node.item)}"
        case _:
            return ""


def _row(node: Row, spaced: bool) -> str:
    pieces: list[str] = []
    before: Node | None = None
    for item in node.items:
        if isinstance(item, Operator):
            pieces.append(_operator(item, before, spaced))
        else:
            pieces += (_between(before, item), _text(item, spaced))
        before = item
    return "".join(pieces).replace("  ", " ").strip()


def _between(before: Node | None, item: Node) -> str:
    """What one-line text needs between neighbors that a picture tells apart by their place."""
    if before is None or isinstance(before, Operator | Space):
        return ""
    if isinstance(before, BigOperator | Words) or isinstance(item, Words):
        return " "
    return "·" if isinstance(before, Fraction) or isinstance(item, Fraction) else ""


def _operator(operator: Operator, before: Node | None, spaced: bool) -> str:
    text, kind = _text(operator, spaced), operator_kind(operator)
    if kind is Kind.PUNCTUATION:
        return f"{text} " if spaced else text
    unary = before is None or isinstance(before, Operator)
    if kind is Kind.PRODUCT or not spaced or (unary and kind is Kind.SUM):
        return text
    return f" {text} "


def _scripts(sub: Node | None, sup: Node | None) -> str:
    lower = "" if sub is None else _subscript(sub)
    if sup is None:
        return lower
    upper = _atom(sup)
    return f"{lower}{upper}" if upper.startswith("′") else f"{lower}^{upper}"


def _subscript(sub: Node) -> str:
    is_name = isinstance(sub, Words) or (isinstance(sub, Symbol) and not sub.italic)
    return f"_{_text(sub, False)}" if is_name else f"[{_text(sub, False)}]"


def _limits(below: Node | None, above: Node | None) -> str:
    ends = [_text(limit, False) for limit in (below, above) if limit is not None]
    return f"[{'…'.join(ends)}]" if ends else ""


def _atom(node: Node) -> str:
    """The text of a node, in parentheses if a neighboring sign could tear it apart."""
    text = _text(node, False)
    return f"({text})" if _is_compound(node) else text


def _is_compound(node: Node) -> bool:
    match node:
        case Row(items=(only,)) | Term(item=only):
            return _is_compound(only)
        case Row():
            return any(isinstance(item, Operator | Fraction | BigOperator) for item in node.items)
        case Number(text=text):
            return text[:1] in "+-−" and len(text) > 1
        case _:
            return isinstance(node, Fraction)
