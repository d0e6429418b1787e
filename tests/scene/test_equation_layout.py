from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from backpropviz.scene.equation import (
    Fraction,
    Indexed,
    NumberNode,
    Operator,
    Pending,
    Role,
    RowNode,
    Symbol,
    TermNode,
    indices,
    product,
    row,
    symbol,
    total,
    walk,
)
from backpropviz.scene.equation_layout import Laid, layout, layout_aligned, layout_lines
from backpropviz.scene.marks import Box, Ellipse, Font, Path, Rect, Text
from backpropviz.scene.text import text_box, text_width
from tests.scene.equation_samples import (
    ALL,
    EQUALS,
    IN_SYMBOLS,
    LONG,
    POOLING,
    STYLE,
    TALL,
    WITH_INDICES,
    WITH_NUMBERS,
    constant,
    with_current,
)

PANEL = 343.0


def texts(laid: Laid, content: str | None = None) -> list[Text]:
    found = [mark for mark in laid.marks if isinstance(mark, Text)]
    return found if content is None else [text for text in found if text.text == content]


def rects(laid: Laid) -> list[Rect]:
    return [mark for mark in laid.marks if isinstance(mark, Rect)]


def overlap(one: Box, other: Box) -> bool:
    slack = 0.01
    return (
        one.x < other.right - slack
        and other.x < one.right - slack
        and one.y < other.bottom - slack
        and other.y < one.bottom - slack
    )


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("width", [150.0, PANEL, 10_000.0])
def test_no_two_texts_overlap_and_all_lie_inside_the_extent(name: str, width: float) -> None:
    laid = layout_lines(ALL[name], STYLE, width)
    boxes = [text_box(text) for text in texts(laid)]
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    for box in boxes:
        assert box.x >= 0
        assert box.right <= laid.width + 0.01
        assert box.y >= -laid.ascent
        assert box.bottom <= laid.descent


def test_a_fraction_is_centered_on_its_bar_which_lies_at_the_height_of_the_equals_sign() -> None:
    laid = layout(
        RowNode((Fraction(Symbol("a"), NumberNode("1234", constant=True)), EQUALS)), STYLE
    )
    (bar,) = rects(laid)
    upper, lower, equals = texts(laid)
    for text in (upper, lower):
        middle = text.x + text_width(text.text, text.font) / 2
        assert middle == pytest.approx(bar.x + bar.width / 2)
    assert upper.y < bar.y < bar.y + bar.height < text_box(lower).y
    assert bar.y <= equals.y - 0.258 * equals.font.size <= bar.y + bar.height
    assert bar.y == round(bar.y)


def test_the_first_equals_signs_of_aligned_equations_stand_in_one_column() -> None:
    laid = layout_aligned([IN_SYMBOLS, WITH_INDICES, WITH_NUMBERS], STYLE, PANEL)
    columns = [texts(one, "=")[0].x for one in laid]
    assert columns == pytest.approx([columns[0]] * 3)
    assert [one.relation_x for one in laid] == pytest.approx(columns)


def test_the_panel_holds_four_indexed_terms_on_one_line() -> None:
    (laid,) = layout_aligned([WITH_INDICES], STYLE, PANEL)
    assert laid.baselines == (0.0,)


@pytest.mark.parametrize("width", [150.0, 200.0, PANEL])
def test_lines_break_before_signs_and_hang_behind_the_equals_sign(width: float) -> None:
    laid = layout_lines(LONG, STYLE, width)
    assert len(laid.baselines) > 1
    assert laid.width <= width
    hanging = texts(laid)[1].x
    for baseline in laid.baselines[1:]:
        first = min((text for text in texts(laid) if text.y == baseline), key=lambda t: t.x)
        assert first.text in {"+", "="}
        hangs = laid.relation_x if first.text == "=" else pytest.approx(hanging, abs=4)
        assert first.x == hangs


def test_breaking_keeps_every_mark_and_lines_are_a_line_apart() -> None:
    one_line, lines = layout(LONG, STYLE), layout_lines(LONG, STYLE, 150.0)
    assert [t.text for t in texts(lines)] == [t.text for t in texts(one_line)]
    assert all(below - above >= 24.0 for above, below in pairwise(lines.baselines))
    assert lines.descent > lines.baselines[-1]


def test_only_a_term_wider_than_a_line_breaks_at_its_products() -> None:
    factors = [Symbol(letter * 8) for letter in "abcd"]
    tree = row(
        Symbol("L"), EQUALS, factors[0], Operator("·"), factors[1], Operator("+"), *factors[2:]
    )
    starts = _line_starts(layout_lines(tree, STYLE, 190.0))
    assert starts == ["L", "+"]
    assert _line_starts(layout_lines(tree, STYLE, 120.0))[:2] == ["L", "·"]


def _line_starts(laid: Laid) -> list[str]:
    lines = [[t for t in texts(laid) if t.y == baseline] for baseline in laid.baselines]
    return [min(line, key=lambda text: text.x).text for line in lines]


def test_a_part_wider_than_the_line_is_kept_whole() -> None:
    laid = layout_lines(row(Symbol("a"), EQUALS, Symbol("W" * 30)), STYLE, 100.0)
    assert laid.width > 100.0
    assert "W" * 30 in [text.text for text in texts(laid)]


def test_a_tint_lies_behind_the_current_term_alone() -> None:
    laid = layout(WITH_INDICES, STYLE)
    (tint,) = (rect for rect in rects(laid) if rect.fill == STYLE.tint)
    box = Box(tint.x, tint.y, tint.width, tint.height)
    inside = [t for t in texts(laid) if box.contains(t.x, t.y)]
    assert {t.key for t in inside} == {"conv1.output.grad[0,0,1,0]", "image[0,0,1,1]"}
    assert tint.key == "term 1,0"
    assert all(laid.marks.index(tint) < laid.marks.index(text) for text in inside)
    assert not [t for t in texts(laid) if t not in inside and overlap(text_box(t), box)]


def test_making_another_term_current_moves_nothing() -> None:
    places = [[(t.x, t.y) for t in texts(layout(with_current(i), STYLE))] for i in range(4)]
    assert places[1:] == places[:-1]


def test_roles_become_colors_and_faded_terms_are_translucent() -> None:
    laid = layout(WITH_INDICES, STYLE)
    upstream = [text.color for text in texts(laid, "g")]
    assert upstream == ["#6741D9"] * 3 + ["#6741D999"]
    assert {text.color for text in texts(laid, "=")} == {STYLE.colors[Role.INK]}


def test_every_key_of_the_tree_survives_on_a_mark() -> None:
    laid = layout(WITH_INDICES, STYLE)
    values = {node.key for node in walk(WITH_INDICES) if isinstance(node, Indexed | Fraction)}
    assert values - {""} <= {getattr(mark, "key", "") for mark in laid.marks}


def test_parts_without_a_key_take_their_parents() -> None:
    inner = symbol("X", "0,1", key="inner")
    laid = layout(TermNode(product(Symbol("g"), inner), key="outer"), STYLE)
    assert [text.key for text in texts(laid)] == ["outer", "inner", "inner", "inner", "inner"]


def test_indices_are_smaller_and_lower_exponents_smaller_and_higher() -> None:
    laid = layout(Indexed(Symbol("x"), indices("k"), constant("2")), STYLE)
    base, upper, lower = texts(laid)
    assert upper.font.size == lower.font.size == pytest.approx(11.5)
    assert upper.y < base.y < lower.y
    assert min(upper.x, lower.x) >= base.x + text_width("x", base.font)


def test_the_limits_of_a_sum_are_centered_below_and_above() -> None:
    laid = layout(ALL["limits"], STYLE)
    (sign,) = texts(laid, "∑")
    middle = sign.x + text_width("∑", sign.font) / 2
    (above,) = texts(laid, "N")
    assert above.x + text_width("N", above.font) / 2 == pytest.approx(middle)
    below = next(text for text in texts(laid, "k") if text.x < middle)
    assert above.y < sign.y < below.y
    assert sign.font == Font("STIX Two Math", 23.0)


def test_fonts_follow_the_meaning() -> None:
    laid = layout(
        row(Symbol("∂"), Symbol("L"), NumberNode("2.5"), NumberNode("2", constant=True)), STYLE
    )
    families = [(text.font.family, text.font.italic) for text in texts(laid)]
    assert families == [
        ("STIX Two Math", False),
        ("STIX Two Text", True),
        ("JetBrains Mono", False),
        ("STIX Two Text", False),
    ]


def test_a_leading_minus_is_tight_and_a_minus_between_is_not() -> None:
    def gap_after_minus(*before: Symbol) -> float:
        minus, after = texts(layout(row(*before, Operator("−"), Symbol("b")), STYLE))[-2:]
        return after.x - minus.x - text_width(minus.text, minus.font)

    assert gap_after_minus() == pytest.approx(0.0)
    assert gap_after_minus(Symbol("a")) > 3.0


def test_delimiters_grow_with_what_they_hold() -> None:
    outlines = [mark for mark in layout(TALL, STYLE).marks if isinstance(mark, Path)]
    assert len(outlines) == 4
    laid = layout(TALL, STYLE)
    for outline in outlines:
        heights = [y for _, y in outline.points]
        assert min(heights) <= min(text_box(text).y for text in texts(laid, "L"))
        assert max(heights) >= max(text.y for text in texts(laid, "∂"))


def test_what_is_not_computed_is_a_dot() -> None:
    laid = layout(total(NumberNode("1"), Pending("loss")), STYLE)
    (dot,) = (mark for mark in laid.marks if isinstance(mark, Ellipse))
    assert dot.key == "loss"
    assert [text.text for text in texts(laid)] == ["1", "+"]


def test_another_measure_and_size_scale_the_layout() -> None:
    def twice(text: str, font: Font) -> float:
        return 2 * text_width(text, font)

    assert layout(POOLING, STYLE, twice).width > 1.5 * layout(POOLING, STYLE).width


def test_an_empty_row_takes_no_room() -> None:
    assert layout_lines(RowNode(()), STYLE, 100.0) == Laid((), 0.0, 0.0, 0.0)


def test_laying_out_twice_gives_the_same_marks() -> None:
    assert layout(WITH_NUMBERS, STYLE) == layout(WITH_NUMBERS, STYLE)
