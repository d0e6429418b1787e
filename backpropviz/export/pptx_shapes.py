"""The parts of a slide as DrawingML: tables, shapes, text boxes, equations, pictures.

Positions are in pixels of the slide; a `SlideSheet` knows what a pixel is in the file, numbers the
shapes, and keeps the pictures that they refer to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from backpropviz.export.frames import png_bytes
from backpropviz.frozen import frozen
from backpropviz.scene.cells import Cell, CellState, body, overlay
from backpropviz.scene.color import alpha
from backpropviz.scene.equation_layout import EquationStyle
from backpropviz.scene.marks import (
    Anchor,
    Box,
    Color,
    Ellipse,
    Font,
    Group,
    Line,
    Mark,
    Path,
    Pixels,
    Rect,
    Scene,
    Stroke,
    Text,
    segments,
)
from backpropviz.scene.office_math import NAMESPACE, office_math
from backpropviz.scene.slide import TITLE, CellGrid, Drawing, Equation, Slide, SlidePart, TextLine
from backpropviz.scene.text import ascent, descent, text_width
from backpropviz.scene.theme import Theme

EMU_PER_POINT: Final = 12_700
_MOST_SHAPES, _PICTURE_SCALE, _LARGEST_TABLE, _ONE_LINE = 40, 2.0, 16, 2.2
_ALIGNMENTS: Final = {Anchor.START: "l", Anchor.MIDDLE: "ctr", Anchor.END: "r"}
_NO_TEXT: Final = (
    '<p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:endParaRPr lang="en-US"/></a:p></p:txBody>'
)
_BARE: Final = '<a:bodyPr wrap="none" lIns="0" tIns="0" rIns="0" bIns="0" anchor="{}"/>'
_SINGLE: Final = (
    '<a:lnSpc><a:spcPct val="100000"/></a:lnSpc><a:spcBef><a:spcPts val="0"/></a:spcBef>'
)
_A14: Final = "http://schemas.microsoft.com/office/drawing/2010/main"
_MC: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006"


@frozen
class Placed:
    """A mark whose numbers are those of the slide."""

    mark: Mark
    x: float
    y: float
    scale: float


class SlideSheet:
    """One slide that is being written; `add_picture` gives the relation of a PNG."""

    def __init__(
        self,
        slide: Slide,
        add_picture: Callable[[bytes], str],
        style: EquationStyle,
        *,
        native_equations: bool,
    ) -> None:
        self._slide, self._add_picture, self._style = slide, add_picture, style
        self._native_equations = native_equations
        self._emu = slide.points_per_pixel * EMU_PER_POINT
        self._numbers = count(2)
        self._names: dict[str, int] = {}

    def shapes(self) -> Iterator[str]:
        """All parts as elements of the slide's tree, back to front."""
        for part in self._slide.parts:
            yield from self._part(part)

    def _part(self, part: SlidePart) -> Iterator[str]:
        match part.content:
            case TextLine() as words:
                yield self._words(part, words)
            case CellGrid() as grid if max(grid.rows, grid.columns) <= _LARGEST_TABLE:
                yield self._table(part, grid)
                yield from self._over_cells(part, grid)
            case Equation() as equation:
                yield self._equation(part, equation)
            case Drawing(marks) if not _is_busy(marks):
                for placed in _leaves(marks, 0.0, 0.0, 1.0):
                    yield self._mark(part, placed)
            case _:
                yield self._picture(part, tuple(part.marks(self._slide.theme)), part.box)

    def _properties(self, part: SlidePart, *, piece: str = "") -> str:
        """Id, name and what it says aloud; a name is given once a slide."""
        name = f"!!{part.name}{piece}"
        self._names[name] = number = self._names.get(name, 0) + 1
        told = name if number == 1 else f"{name}-{number}"
        about = f" descr={quoteattr(part.about)}" if part.about and number == 1 else ""
        return f'<p:cNvPr id="{next(self._numbers)}" name={quoteattr(told)}{about}/>'

    def _length(self, pixels: float) -> int:
        return round(pixels * self._emu)

    def _frame(self, box: Box, attributes: str = "", tag: str = "a:xfrm") -> str:
        place = f'x="{self._length(box.x)}" y="{self._length(box.y)}"'
        size = f'cx="{max(0, self._length(box.width))}" cy="{max(0, self._length(box.height))}"'
        return f"<{tag}{attributes}><a:off {place}/><a:ext {size}/></{tag}>"

    def _points(self, pixels: float) -> int:
        """A size of text in hundredths of a point."""
        return max(100, round(pixels * self._slide.points_per_pixel * 100))

    def _mark(self, part: SlidePart, placed: Placed) -> str:
        mark, dx, dy, s = placed.mark, placed.x, placed.y, placed.scale
        match mark:
            case Rect():
                box = Box(dx + s * mark.x, dy + s * mark.y, s * mark.width, s * mark.height)
                return self._shape(part, box, _rounded(mark), _rect_fill(mark), mark.stroke, s)
            case Ellipse():
                rx, ry = s * mark.radius_x, s * mark.radius_y
                box = Box(dx + s * mark.x - rx, dy + s * mark.y - ry, 2 * rx, 2 * ry)
                geometry = '<a:prstGeom prst="ellipse"><a:avLst/></a:prstGeom>'
                return self._shape(part, box, geometry, _fill(mark.fill), mark.stroke, s)
            case Line():
                points = ((mark.x1, mark.y1), (mark.x2, mark.y2))
                return self._path(part, Path(points, mark.stroke), dx, dy, s)
            case Path():
                return self._path(part, mark, dx, dy, s)
            case Text():
                return self._text(part, mark, dx, dy, s)
            case Pixels():
                box = Box(dx + s * mark.x, dy + s * mark.y, s * mark.width, s * mark.height)
                return self._picture(part, (Group((mark,), dx, dy, s),), box)
            case _:
                return ""

    def _shape(
        self,
        part: SlidePart,
        box: Box,
        geometry: str,
        fill: str,
        stroke: Stroke | None,
        scale: float,
    ) -> str:
        head = f"<p:nvSpPr>{self._properties(part)}<p:cNvSpPr/><p:nvPr/></p:nvSpPr>"
        look = f"{self._frame(box)}{geometry}{fill}{self._line(stroke, scale)}"
        return f"<p:sp>{head}<p:spPr>{look}</p:spPr>{_NO_TEXT}</p:sp>"

    def _line(self, stroke: Stroke | None, scale: float, *, arrow: bool = False) -> str:
        if stroke is None:
            return "<a:ln><a:noFill/></a:ln>"
        width = max(0.25, stroke.width * scale)
        lengths = [round(part / max(stroke.width, 0.1) * 100_000) for part in stroke.dash]
        pairs = zip(lengths[::2], lengths[1::2], strict=False)
        stops = "".join(f'<a:ds d="{on}" sp="{off}"/>' for on, off in pairs)
        dash = f"<a:custDash>{stops}</a:custDash>" if stops else ""
        end = '<a:tailEnd type="triangle" w="med" len="med"/>' if arrow else ""
        emu = self._length(width)
        return f'<a:ln w="{emu}">{_fill(stroke.color)}{dash}<a:round/>{end}</a:ln>'

    def _path(self, part: SlidePart, mark: Path, dx: float, dy: float, s: float) -> str:
        xs, ys = [x for x, _ in mark.points], [y for _, y in mark.points]
        left, top = min(xs), min(ys)
        box = Box(dx + s * left, dy + s * top, s * (max(xs) - left), s * (max(ys) - top))

        def at(point: tuple[float, float]) -> str:
            x, y = self._length(s * (point[0] - left)), self._length(s * (point[1] - top))
            return f'<a:pt x="{x}" y="{y}"/>'

        start, rest = segments(mark)
        steps = [f"<a:moveTo>{at(start)}</a:moveTo>"]
        for segment in rest:
            tag = "lnTo" if len(segment) == 1 else "quadBezTo"
            steps.append(f"<a:{tag}>{''.join(map(at, segment))}</a:{tag}>")
        if mark.closed:
            steps.append("<a:close/>")
        size = f'w="{self._length(box.width)}" h="{self._length(box.height)}"'
        filled = "" if mark.fill else ' fill="none"'
        geometry = (
            "<a:custGeom><a:avLst/><a:gdLst/><a:ahLst/><a:cxnLst/>"
            '<a:rect l="0" t="0" r="r" b="b"/>'
            f"<a:pathLst><a:path {size}{filled}>{''.join(steps)}</a:path></a:pathLst></a:custGeom>"
        )
        head = f"<p:nvSpPr>{self._properties(part)}<p:cNvSpPr/><p:nvPr/></p:nvSpPr>"
        line = self._line(mark.stroke, s, arrow=mark.arrow)
        look = f"{self._frame(box)}{geometry}{_fill(mark.fill)}{line}"
        return f"<p:sp>{head}<p:spPr>{look}</p:spPr>{_NO_TEXT}</p:sp>"

    def _text(self, part: SlidePart, mark: Text, dx: float, dy: float, s: float) -> str:
        width = s * text_width(mark.text, mark.font)
        share = {Anchor.START: 0.0, Anchor.MIDDLE: 0.5, Anchor.END: 1.0}[mark.anchor]
        x, baseline = dx + s * mark.x - share * width, dy + s * mark.y
        font = mark.font._replace(size=mark.font.size * s)
        run = self._run(mark.text, font, mark.color)
        return self._text_box(part, run, mark.anchor, x, width, baseline, font)

    def _words(self, part: SlidePart, words: TextLine) -> str:
        runs = "".join(
            self._run(run.text, run.font, run.color, lowered=run.is_lowered) for run in words.runs
        )
        highest = max((run.font for run in words.runs), key=_above)
        place = (words.left, words.width, words.baseline)
        return self._text_box(part, runs, words.anchor, *place, highest)

    def _text_box(
        self,
        part: SlidePart,
        runs: str,
        anchor: Anchor,
        x: float,
        width: float,
        baseline: float,
        font: Font,
    ) -> str:
        """A line of text whose baseline stands where the picture has it."""
        top, height = baseline - _above(font), _above(font) + descent(font)
        is_title = part.name == TITLE
        kind = '<p:nvPr><p:ph type="title"/></p:nvPr>' if is_title else "<p:nvPr/>"
        box_kind = "<p:cNvSpPr/>" if is_title else '<p:cNvSpPr txBox="1"/>'
        head = f"<p:nvSpPr>{self._properties(part)}{box_kind}{kind}</p:nvSpPr>"
        geometry = '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
        look = f"{self._frame(Box(x, top, width, height))}{geometry}<a:noFill/>"
        lines = (
            '<a:lnSpc><a:spcPct val="100000"/></a:lnSpc><a:spcBef><a:spcPts val="0"/></a:spcBef>'
        )
        paragraph = f'<a:pPr algn="{_ALIGNMENTS[anchor]}">{lines}</a:pPr>'
        text = f"{_BARE.format('t')}<a:lstStyle/><a:p>{paragraph}{runs}</a:p>"
        return f"<p:sp>{head}<p:spPr>{look}</p:spPr><p:txBody>{text}</p:txBody></p:sp>"

    def _run(self, text: str, font: Font, color: Color, *, lowered: bool = False) -> str:
        bold = ' b="1"' if font.weight >= 600 else ' b="0"'
        lean = ' i="1"' if font.italic else ""
        low = ' baseline="-25000"' if lowered else ""
        face = f"<a:latin typeface={quoteattr(font.family)}/>"
        size = self._points(font.size)
        look = f'<a:rPr lang="en-US" sz="{size}"{bold}{lean}{low}>{_fill(color)}{face}</a:rPr>'
        return f"<a:r>{look}<a:t>{escape(text)}</a:t></a:r>"

    def _picture(self, part: SlidePart, marks: tuple[Mark, ...], box: Box) -> str:
        """What has no form of its own here, as pixels twice as fine as the slide's."""
        moved = Group(marks, -box.x, -box.y)
        clear = f"{self._slide.theme.panel}00"
        scene = Scene(max(1.0, box.width), max(1.0, box.height), clear, (moved,))
        relation = self._add_picture(png_bytes(scene, _PICTURE_SCALE))
        head = f"<p:nvPicPr>{self._properties(part)}<p:cNvPicPr/><p:nvPr/></p:nvPicPr>"
        fill = (
            f'<p:blipFill><a:blip r:embed="{relation}"/>'
            "<a:stretch><a:fillRect/></a:stretch></p:blipFill>"
        )
        geometry = '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
        return f"<p:pic>{head}{fill}<p:spPr>{self._frame(box)}{geometry}</p:spPr></p:pic>"

    def _equation(self, part: SlidePart, equation: Equation) -> str:
        """An equation that can be edited; where that is not understood, its picture."""
        marks = tuple(part.marks(self._slide.theme))
        # One on several lines would be stretched to one by some programs.
        is_long = part.box.height > _ONE_LINE * equation.font_size
        if is_long or not self._native_equations:
            return self._picture(part, marks, part.box)
        points = equation.font_size * self._slide.points_per_pixel
        math = office_math(equation.tree, self._style, points)
        number = self._names.get(f"!!{part.name}", 0)
        head = f'<p:nvSpPr>{self._properties(part)}<p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr>'
        self._names[f"!!{part.name}"] = number  # both branches stand for one shape
        geometry = '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom><a:noFill/>'
        place = f"<p:spPr>{self._frame(part.box)}{geometry}</p:spPr>"
        left = '<m:oMathParaPr><m:jc m:val="left"/></m:oMathParaPr>'
        paragraph = f"<a14:m><m:oMathPara>{left}{math}</m:oMathPara></a14:m>"
        text = f"{_BARE.format('ctr')}<a:lstStyle/><a:p>{paragraph}</a:p>"
        choice = f"<p:sp>{head}{place}<p:txBody>{text}</p:txBody></p:sp>"
        fallback = self._picture(part, marks, part.box)
        return (
            f'<mc:AlternateContent xmlns:mc="{_MC}">'
            f'<mc:Choice xmlns:a14="{_A14}" xmlns:m="{NAMESPACE}" Requires="a14">{choice}'
            f"</mc:Choice><mc:Fallback>{fallback}</mc:Fallback></mc:AlternateContent>"
        )

    def _table(self, part: SlidePart, grid: CellGrid) -> str:
        """A matrix as a table of its own, so that numbers can be typed over."""
        theme, first = self._slide.theme, grid.cells[0].box
        width, height = first.width * grid.scale, first.height * grid.scale
        columns = f'<a:gridCol w="{self._length(width)}"/>' * grid.columns
        places = {_place(cell, first): cell for cell in grid.cells}
        rows = []
        for row in range(grid.rows):
            cells = "".join(
                self._cell(places.get((row, column)), grid.scale, theme)
                for column in range(grid.columns)
            )
            rows.append(f'<a:tr h="{self._length(height)}">{cells}</a:tr>')
        box = Box(part.box.x, part.box.y, width * grid.columns, height * grid.rows)
        head = (
            f"<p:nvGraphicFramePr>{self._properties(part)}"
            '<p:cNvGraphicFramePr><a:graphicFrameLocks noGrp="1"/></p:cNvGraphicFramePr>'
            "<p:nvPr/></p:nvGraphicFramePr>"
        )
        table = f"<a:tbl><a:tblPr/><a:tblGrid>{columns}</a:tblGrid>{''.join(rows)}</a:tbl>"
        uri = "http://schemas.openxmlformats.org/drawingml/2006/table"
        return (
            f"<p:graphicFrame>{head}{self._frame(box, tag='p:xfrm')}"
            f'<a:graphic><a:graphicData uri="{uri}">{table}</a:graphicData></a:graphic>'
            "</p:graphicFrame>"
        )

    def _cell(self, cell: Cell | None, scale: float, theme: Theme) -> str:
        margins = 'marL="0" marR="0" marT="0" marB="0" anchor="ctr"'
        if cell is None:
            none = "".join(f"<a:{side}><a:noFill/></a:{side}>" for side in _SIDES)
            return f"<a:tc>{_empty_text()}<a:tcPr {margins}>{none}<a:noFill/></a:tcPr></a:tc>"
        frame = next(iter(body(cell, theme)))
        stroke = frame.stroke if isinstance(frame, Rect) else None
        sides = "".join(self._line(stroke, scale).replace("a:ln", f"a:{s}") for s in _SIDES)
        fill = _rect_fill(frame) if isinstance(frame, Rect) else ""
        text = self._cell_text(cell, scale, theme)
        return f"<a:tc>{text}<a:tcPr {margins}>{sides}{fill}</a:tcPr></a:tc>"

    def _cell_text(self, cell: Cell, scale: float, theme: Theme) -> str:
        found = next((m for m in overlay(cell, theme) if isinstance(m, Text)), None)
        if found is not None:
            run = self._run(
                found.text, found.font._replace(size=found.font.size * scale), found.color
            )
        elif cell.state is CellState.NOT_COMPUTED and cell.box.width * scale > _LEAST_DOT:
            font = Font("Inter", min(cell.box.height, cell.box.width) * scale * 0.4)
            run = self._run("•", font, theme.text_tertiary)
        else:
            return _empty_text()
        return f'<a:txBody><a:bodyPr/><a:lstStyle/><a:p><a:pPr algn="ctr"/>{run}</a:p></a:txBody>'

    def _over_cells(self, part: SlidePart, grid: CellGrid) -> Iterator[str]:
        """Outlines, rings and crosses, which reach over the edges of cells."""
        theme, first = self._slide.theme, grid.cells[0].box
        for cell in grid.cells:
            row, column = _place(cell, first)
            piece = SlidePart(f"{part.name}-{row}-{column}", part.box, part.content)
            signs = list(body(cell, theme))[1:]
            marks = [*signs, *overlay(cell, theme)]
            if cell.state is CellState.NOT_COMPUTED:
                marks = []
            for mark in marks:
                if isinstance(mark, Text) or (isinstance(mark, Rect) and mark.stroke is None):
                    continue  # the number is the table's, and so is the ground below it
                placed = Placed(mark, part.box.x, part.box.y, grid.scale)
                yield self._mark(piece, placed)


_LEADING: Final = {"STIX Two Text": 0.25, "STIX Two Math": 0.25}
"""What these fonts add above a line, in em, which programs for slides heed."""


def _above(font: Font) -> float:
    """From the top of a line to its baseline."""
    return ascent(font) + _LEADING.get(font.family, 0.0) * font.size


_SIDES: Final = ("lnL", "lnR", "lnT", "lnB")
_LEAST_DOT: Final = 24.0


def _empty_text() -> str:
    """Nothing, in the smallest type: a row is never lower than its text."""
    end = '<a:endParaRPr lang="en-US" sz="100"/>'
    return f"<a:txBody><a:bodyPr/><a:lstStyle/><a:p>{end}</a:p></a:txBody>"


def _place(cell: Cell, first: Box) -> tuple[int, int]:
    """Row and column, by where its box lies."""
    row = round((cell.box.y - first.y) / first.height)
    return row, round((cell.box.x - first.x) / first.width)


def _is_busy(marks: tuple[Mark, ...]) -> bool:
    """Whether a drawing is too much for single shapes, or is cut at an edge."""
    found = list(_leaves(marks, 0.0, 0.0, 1.0))
    return len(found) > _MOST_SHAPES or any(map(_is_clipped, marks))


def _is_clipped(mark: Mark) -> bool:
    return isinstance(mark, Group) and (mark.clip is not None or any(map(_is_clipped, mark.marks)))


def _leaves(marks: tuple[Mark, ...], x: float, y: float, scale: float) -> Iterator[Placed]:
    for mark in marks:
        if isinstance(mark, Group):
            place = x + scale * mark.dx, y + scale * mark.dy
            yield from _leaves(mark.marks, *place, scale * mark.scale)
        else:
            yield Placed(mark, x, y, scale)


def _rounded(rect: Rect) -> str:
    least = min(rect.width, rect.height)
    if rect.radius <= 0 or least <= 0:
        return '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
    share = min(50_000, round(rect.radius / least * 100_000))
    guide = f'<a:avLst><a:gd name="adj" fmla="val {share}"/></a:avLst>'
    return f'<a:prstGeom prst="roundRect">{guide}</a:prstGeom>'


def _rect_fill(rect: Rect) -> str:
    if rect.hatch is None:
        return _fill(rect.fill)
    front, back = _color(rect.hatch_color or "#808080"), _color(rect.fill or "#FFFFFF")
    return (
        f'<a:pattFill prst="ltUpDiag"><a:fgClr>{front}</a:fgClr>'
        f"<a:bgClr>{back}</a:bgClr></a:pattFill>"
    )


def _fill(color: Color | None) -> str:
    return "<a:noFill/>" if not color else f"<a:solidFill>{_color(color)}</a:solidFill>"


def _color(color: Color) -> str:
    opacity = alpha(color) / 255
    inner = "" if opacity >= 1 else f'<a:alpha val="{round(opacity * 100_000)}"/>'
    return f'<a:srgbClr val="{color[1:7]}">{inner}</a:srgbClr>'
