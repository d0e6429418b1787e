from __future__ import annotations

import math

import numpy as np
import pytest

from backpropviz.scene.color import (
    DIVERGING,
    MISSING_INDEX,
    NAMES,
    NOT_FINITE_INDEX,
    color_at,
    contrast,
    contrast_color,
    indices,
    legible,
    lookup_table,
    mix,
    not_finite_color,
    rgb,
)
from backpropviz.scene.theme import DARK, LIGHT, Theme

LIMITS = (-8.0, 8.0)


@pytest.mark.parametrize(
    ("name", "value", "color"),
    [
        ("diverging-light", -8, "#8386F8"),
        ("diverging-light", 0, "#F6F6F7"),
        ("diverging-light", 6, "#FB8973"),
        ("diverging-light", 8, "#EE6751"),
        ("diverging-dark", -4, "#3983C0"),
        ("diverging-dark", 0, "#24282E"),
        ("diverging-dark", 2, "#8A4235"),
        ("vik", 0, "#ECE5E0"),
        ("PuOr", 0, "#F7F7F7"),
    ],
)
def test_stops_are_met_exactly(name: str, value: float, color: str) -> None:
    assert color_at(name, value, LIMITS) == color


def test_values_outside_the_limits_take_the_end_colors() -> None:
    assert color_at("sequential-light", 9.0, (0.0, 1.0)) == "#5FB8AB"
    assert color_at("sequential-light", -9.0, (0.0, 1.0)) == "#FFFFFF"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_has_a_color_of_its_own(name: str, value: float) -> None:
    assert color_at(name, value, LIMITS) == not_finite_color(name)
    assert indices(np.array([value]), name, LIMITS)[0] == NOT_FINITE_INDEX
    assert tuple(lookup_table(name)[NOT_FINITE_INDEX]) == rgb(not_finite_color(name))


@pytest.mark.parametrize("name", DIVERGING)
def test_zero_has_the_center_color_in_a_table_too(name: str) -> None:
    index = indices(np.zeros(1, dtype=np.float32), name, (-0.188, 0.188))[0]
    assert tuple(lookup_table(name)[index]) == rgb(color_at(name, 0.0, (-1.0, 1.0)))


@pytest.mark.parametrize("name", NAMES)
def test_equal_limits_show_zero(name: str) -> None:
    middle = 0.5 if name in DIVERGING else 0.0
    flat = color_at(name, 0.0, (0.0, 0.0))
    assert flat == color_at(name, middle, (0.0, 1.0))
    assert tuple(lookup_table(name)[indices(np.zeros(1), name, (0.0, 0.0))[0]]) == rgb(flat)


@pytest.mark.parametrize("name", NAMES)
def test_table_and_color_agree_within_a_level(name: str) -> None:
    values = np.linspace(-8, 8, 997)
    table = lookup_table(name)[indices(values, name, LIMITS)].astype(int)
    exact = np.array([rgb(color_at(name, value, LIMITS)) for value in values])
    assert np.abs(table - exact).max() <= 4


def test_missing_cells_have_their_index() -> None:
    missing = np.array([[False, True]])
    assert indices(np.zeros((1, 2)), "gray", (0, 1), missing)[0, 1] == MISSING_INDEX


def test_lookup_tables_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        lookup_table("gray")[0] = 0


@pytest.mark.parametrize("name", NAMES)
def test_numbers_can_be_read_on_every_color(name: str) -> None:
    for value in np.linspace(-8, 8, 101):
        color = color_at(name, value, LIMITS)
        assert contrast(contrast_color(color), color) >= 4.58


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_roles_can_be_read_on_panel_and_stage(theme: Theme) -> None:
    roles = "text text_secondary text_tertiary here forward backward update loss breakpoint ok"
    for role in (*roles.split(), "not_finite"):
        for surface in (theme.panel, theme.stage):
            assert contrast(getattr(theme, role), surface) >= 4.5, role


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize("role", ["here", "forward", "backward", "update", "loss"])
def test_roles_can_be_read_on_their_tints(theme: Theme, role: str) -> None:
    assert contrast(getattr(theme, role), getattr(theme, f"{role}_tint")) >= 4.45


def test_legible_keeps_a_color_that_can_be_read() -> None:
    assert legible("#6741D9", "#FED7CB") == "#6741D9"
    assert legible("#B39DFF", "#8A4235") == "#FFFFFF"


def test_mix_is_what_opacity_makes() -> None:
    assert mix("#000000", "#FFFFFF", 0.5) == "#808080"
    assert mix("#123456", "#FFFFFF", 1.0) == "#123456"


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_largest_numbers_there_are_have_their_colors(kind: type[np.floating]) -> None:
    largest = float(np.finfo(kind).max)
    values = np.array([-largest, 0.0, largest], kind)
    assert indices(values, NAMES[0], (-largest, largest)).tolist() == [0, 124, 248]
    assert indices(values, NAMES[0], (-1e-3, 1e-3)).tolist() == [0, 124, 248]
