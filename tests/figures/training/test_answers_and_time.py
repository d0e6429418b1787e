"""The confusion matrix, activations, activity, and the slider: what they show and answer to."""

from __future__ import annotations

import numpy as np
import pytest

from backpropviz.engine.value import Address
from backpropviz.figures.training.activations import activation_maps, activity_figure
from backpropviz.figures.training.answers import confusion_figure, parse_confusion
from backpropviz.figures.training.curves import CurveMark
from backpropviz.figures.training.numbers import LayerFacts, percent, ratio_list, scientific, short
from backpropviz.figures.training.time_slider import SliderState, time_slider
from backpropviz.scene.hit import find, hit
from backpropviz.scene.marks import Ellipse, Hatch, Pixels, Rect, Scene, Text
from backpropviz.scene.theme import LIGHT

DIGITS = [str(k) for k in range(10)]


def _key_at(scene: Scene, key: str) -> str:
    box = find(scene, key)
    assert box is not None
    found = hit(scene, box.x + box.width / 2, box.y + box.height / 2)
    assert found is not None
    return found.key


def test_a_cell_of_the_confusion_matrix_names_truth_and_answer() -> None:
    counts = np.arange(100).reshape(10, 10)
    scene = confusion_figure(counts, DIGITS, 600, LIGHT)
    for true, answer in ((7, 2), (2, 7), (4, 4)):
        key = f"confusion:{true},{answer}"
        assert _key_at(scene, key) == key
        assert parse_confusion(key) == (true, answer)
        shown = next(m.text for m in scene.walk() if isinstance(m, Text) and m.key == key)
        assert shown == str(counts[true, answer])
    assert parse_confusion("class:3") is None


def test_rows_are_true_classes() -> None:
    counts = np.zeros((3, 3), np.int64)
    counts[0, 2] = 5
    scene = confusion_figure(counts, ["cat", "dog", "owl"], 400, LIGHT)
    name, cell = find(scene, "class:0"), find(scene, "confusion:0,2")
    assert name is not None
    assert cell is not None
    assert cell.y < name.y + name.height / 2 < cell.bottom
    owl = next(m for m in scene.walk() if isinstance(m, Text) and m.text == "owl" and not m.key)
    assert cell.x < owl.x < cell.right
    assert owl.y > cell.bottom


def test_the_diagonal_has_the_color_of_its_own_share() -> None:
    counts = np.array([[9, 1], [50, 50]])
    scene = confusion_figure(counts, ["a", "b"], 400, LIGHT)
    fills = {m.key: m.fill for m in scene.walk() if isinstance(m, Rect) and m.key}
    assert fills["confusion:0,0"] != fills["confusion:1,1"]
    (wrong,) = (m.values for m in scene.walk() if isinstance(m, Pixels))
    assert np.array_equal(wrong, [[0, 1], [50, 0]])


def test_many_classes_have_no_numbers_and_the_figure_says_so() -> None:
    scene = confusion_figure(np.eye(30, dtype=np.int64), [], 400, LIGHT)
    texts = [m.text for m in scene.walk() if isinstance(m, Text)]
    assert any("No numbers" in text for text in texts)
    assert not [m for m in scene.walk() if isinstance(m, Text) and m.key.startswith("confusion")]
    assert _key_at(scene, "confusion:29,28") == "confusion:29,28"


def test_before_a_validation_nothing_is_counted() -> None:
    scene = confusion_figure(np.zeros((10, 10), np.int64), DIGITS, 500, LIGHT)
    texts = [m.text for m in scene.walk() if isinstance(m, Text)]
    assert "no answers yet" in texts
    assert not any("%" in text for text in texts)


def test_a_map_answers_value_by_value_and_one_of_zeros_is_hatched() -> None:
    values = np.random.default_rng(0).random((6, 8, 8))
    values[2] = 0.0
    scene = activation_maps(Address("relu1", "output"), values, 600, LIGHT)
    assert _key_at(scene, "relu1.output[0,4,7,3]") == "relu1.output[0,4,7,3]"
    assert sum(isinstance(m, Rect) and m.hatch is Hatch.PADDING for m in scene.walk()) == 1
    (limits,) = {m.limits for m in scene.walk() if isinstance(m, Pixels)}
    assert limits == (0.0, values.max())


def test_activity_counts_each_kind_in_words() -> None:
    idle = np.array([0, 0, 4, 12, 10, 30])
    scene = activity_figure("relu2", np.where(idle, 0.0, 0.2), idle, 224, LIGHT)
    texts = [m.text for m in scene.walk() if isinstance(m, Text)]
    assert "3 inactive for 10 updates or more" in texts
    assert "1 inactive for fewer: 4 updates" in texts
    assert "2 active in the last batch" in texts
    assert _key_at(scene, "map:relu2,5") == "map:relu2,5"


def test_the_guide_lies_between_smaller_and_larger_ratios() -> None:
    rows = [LayerFacts("small", "1", 1e-4), LayerFacts("guide", "1", 1e-3), LayerFacts("no", "1")]
    scene = ratio_list(rows, 224, LIGHT)
    small, guide = (m.x for m in scene.walk() if isinstance(m, Ellipse))
    assert small < guide
    assert any(isinstance(m, Text) and m.text == "not yet" for m in scene.walk())


@pytest.mark.parametrize("last", [1, 30, 422, 54_321])
def test_the_slider_answers_with_the_update_under_the_handle(last: int) -> None:
    for shown in {0, 1, last // 3, last}:
        figure = time_slider(SliderState(shown, last, last + 20), 900, LIGHT)
        box = find(figure.scene, f"update:{shown}")
        assert box is not None
        found = figure.iteration_at(box.x + box.width / 2)
        assert abs(found - shown) <= max(0, last // 868)
    assert figure.iteration_at(1e6) == last
    assert figure.iteration_at(-5.0) == 0


def test_the_slider_marks_checkpoints_changes_and_alerts() -> None:
    marks = (
        CurveMark(401, "learning rate 0.3", until=412),
        CurveMark(422, "relu2", is_alert=True),
        CurveMark(900, "not made yet"),
    )
    state = SliderState(422, 422, 450, ((1, 1), (2, 251)), (0, 200, 201, 400), marks)
    scene = time_slider(state, 900, LIGHT).scene
    for key in ("checkpoint:200", "checkpoint:201", "checkpoint:400", "change:401", "alert:422"):
        assert find(scene, key) is not None
    assert find(scene, "change:900") is None
    texts = [m.text for m in scene.walk() if isinstance(m, Text)]
    assert {"epoch 1", "epoch 2", "learning rate 0.3"} <= set(texts)


def test_numbers_are_short_and_hide_nothing() -> None:
    assert [short(v) for v in (1.6, 0.0934, 0.00482, 122_000.0, 0.0)] == [
        *("1.60", "0.0934", "4.82e−3", "1.22e5", "0")
    ]
    assert short(float("nan")) == "NaN"
    assert [scientific(v, 2) for v in (0.4, -3e-9, 0.0)] == ["4.0e−1", "−3.0e−9", "0"]
    assert percent(0.9565) == "95.7 %"
