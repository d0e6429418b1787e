"""An equation as Office Math, so that a presentation program can edit it.

The elements are those of ECMA-376, part 1, chapter 22.1; colors and sizes are DrawingML's.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from backpropviz.frozen import frozen
from backpropviz.scene import equation as eq
from backpropviz.scene.equation_layout import EquationStyle

NAMESPACE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_FACE: Final = "Cambria Math"


@frozen
class _Setting:
    """What runs look like from here down."""

    style: EquationStyle
    hundredths: int
    """The size in hundredths of a point."""
    role: eq.Role | None = None
    faded: bool = False

    def of(self, role: eq.Role | None, *, faded: bool = False) -> _Setting:
        """The same in another color."""
        is_faded = self.faded or faded
        return _Setting(self.style, self.hundredths, role or self.role, is_faded)


def office_math(node: eq.Node, style: EquationStyle, points: float) -> str:
    """`<m:oMath>` of an equation whose letters have that size."""
    return f"<m:oMath>{_written(node, _Setting(style, round(points * 100)))}</m:oMath>"


def _written(node: eq.Node, setting: _Setting) -> str:
    own = setting.of(getattr(node, "role", None))
    match node:
        case eq.Symbol(text=text):
            return _run(text, own, is_upright=not node.italic)
        case eq.NumberNode(text=text):
            return _run(text, own, is_upright=True, is_bold=node.bold)
        case eq.Pending():
            return _run("•", own.of(eq.Role.MUTED), is_upright=True)
        case eq.Operator(text=text):
            return "" if text == eq.JUXTAPOSED else _run(text, own, is_upright=True)
        case eq.WordsNode(text=text):
            return _run(f"\u2002{text}\u2002", own, is_upright=True, is_text=True)
        case eq.Space():
            return _run("\u2003" * max(1, round(node.em)), own, is_upright=True, is_text=True)
        case eq.RowNode(items=items):
            return "".join(_written(item, own) for item in items)
        case eq.TermNode(item=item):
            return _written(item, setting.of(None, faded=node.faded))
        case _:
            return _structure(node, own)


def _structure(node: eq.Node, own: _Setting) -> str:
    match node:
        case eq.Indexed(base, sub, sup):
            return _scripts(_written(base, own), sub, sup, own)
        case eq.Fraction(numerator, denominator):
            above, below = _written(numerator, own), _written(denominator, own)
            return f"<m:f><m:num>{above}</m:num><m:den>{below}</m:den></m:f>"
        case eq.BigOperator():
            return _big(node, own)
        case eq.Delimited(item=item):
            return _delimited(_written(item, own), node.left, node.right)
        case eq.Function(name=name, arguments=arguments):
            parts = _run(", ", own, is_upright=True).join(_written(a, own) for a in arguments)
            head = _run(name, own, is_upright=True)
            return f"<m:func><m:fName>{head}</m:fName><m:e>{_delimited(parts)}</m:e></m:func>"
        case eq.IndicatorNode(condition=condition):
            one = _run("1", own, is_upright=True, is_bold=True)
            return one + _delimited(_written(condition, own), "[", "]")
        case eq.Root(item=item):
            inner = _written(item, own)
            hidden = '<m:radPr><m:degHide m:val="1"/></m:radPr><m:deg/>'
            return f"<m:rad>{hidden}<m:e>{inner}</m:e></m:rad>"
        case _:
            return ""


def _scripts(base: str, sub: eq.Node | None, sup: eq.Node | None, own: _Setting) -> str:
    lower = "" if sub is None else f"<m:sub>{_written(sub, own)}</m:sub>"
    upper = "" if sup is None else f"<m:sup>{_written(sup, own)}</m:sup>"
    if not lower and not upper:
        return base
    name = "sSubSup" if lower and upper else "sSub" if lower else "sSup"
    return f"<m:{name}><m:e>{base}</m:e>{lower}{upper}</m:{name}>"


def _big(node: eq.BigOperator, own: _Setting) -> str:
    """∑ with its limits; a word such as max takes them below and above itself."""
    sub = "" if node.below is None else _written(node.below, own)
    sup = "" if node.above is None else _written(node.above, own)
    if len(node.text) == 1:
        hides = "".join(
            f'<m:{name}Hide m:val="1"/>'
            for name, own_part in (("sub", sub), ("sup", sup))
            if not own_part
        )
        properties = f'<m:chr m:val="{node.text}"/><m:limLoc m:val="undOvr"/>{hides}'
        limits = f"<m:sub>{sub}</m:sub><m:sup>{sup}</m:sup><m:e/>"
        return f"<m:nary><m:naryPr>{properties}</m:naryPr>{limits}</m:nary>"
    word = _run(node.text, own, is_upright=True)
    if sub:
        word = f"<m:limLow><m:e>{word}</m:e><m:lim>{sub}</m:lim></m:limLow>"
    return f"<m:limUpp><m:e>{word}</m:e><m:lim>{sup}</m:lim></m:limUpp>" if sup else word


def _delimited(inner: str, left: str = "(", right: str = ")") -> str:
    ends = f'<m:begChr m:val="{escape(left)}"/><m:endChr m:val="{escape(right)}"/>'
    return f"<m:d><m:dPr>{ends}</m:dPr><m:e>{inner}</m:e></m:d>"


def _run(
    text: str,
    own: _Setting,
    *,
    is_upright: bool = False,
    is_bold: bool = False,
    is_text: bool = False,
) -> str:
    """One piece of text; letters lean unless they are told not to."""
    kind = "<m:nor/>" if is_text else ""
    if not is_text and (is_upright or is_bold):
        kind = f'<m:sty m:val="{"b" if is_bold else "p"}"/>'
    properties = f"<m:rPr>{kind}</m:rPr>" if kind else ""
    color = own.style.colors[own.role or eq.Role.INK].removeprefix("#")[:6]
    alpha = f'<a:alpha val="{round(own.style.faded_opacity * 100_000)}"/>' if own.faded else ""
    fill = f'<a:solidFill><a:srgbClr val="{color}">{alpha}</a:srgbClr></a:solidFill>'
    face = f'<a:latin typeface="{_FACE}"/>'
    bold = ' b="1"' if is_bold else ""
    look = f'<a:rPr lang="en-US" sz="{own.hundredths}"{bold}>{fill}{face}</a:rPr>'
    return f"<m:r>{properties}{look}<m:t>{escape(text)}</m:t></m:r>"
