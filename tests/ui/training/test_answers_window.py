"""The window of answers: cells lead to samples, samples to activations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from backpropviz.engine.optimizers.sgd import Sgd
from backpropviz.engine.training.run import Hyperparameters, Initial, Run, new_run
from backpropviz.engine.training.samples import Dataset, Samples
from backpropviz.engine.training.trainer import validated
from backpropviz.engine.value import Array
from backpropviz.files.networks import load_network
from backpropviz.files.pictures import digit_set
from backpropviz.scene.hit import find
from backpropviz.scene.marks import Pixels, Rect, Scene, Text
from backpropviz.scene.text import full
from backpropviz.scene.theme import DARK, LIGHT
from backpropviz.ui.scene_view import SceneView
from backpropviz.ui.training.answers import AnswersWindow, answers_of
from backpropviz.ui.training.past import activations
from tests.scene_checks import assert_text_is_legible


def _samples(numbers: Array) -> Samples:
    digits = digit_set("mnist")
    images = digits.images[numbers].reshape(-1, 1, 28, 28) / np.float32(digits.white)
    names = tuple(f"mnist:{k}" for k in numbers)
    return Samples(images.astype(np.float32), digits.labels[numbers].astype(np.int64), names)


@pytest.fixture(scope="module")
def run() -> Run:
    model = load_network("lenet")
    training, held_out = _samples(np.arange(0, 2000, 50)), _samples(np.arange(7, 2000, 40))
    names = tuple(str(k) for k in range(10))
    data = Dataset("MNIST", "mnist", training, held_out, names, model.preprocessing)
    return new_run(model, data, Hyperparameters(Sgd(0.02)), Initial(seed=3))


@pytest.fixture
def answers(qtbot: QtBot, run: Run) -> Iterator[AnswersWindow]:
    parent = QWidget()
    qtbot.addWidget(parent)
    window = AnswersWindow(parent, LIGHT)
    window.show()
    with qtbot.waitSignal(window._worker.answered, timeout=20_000):
        window.show_moment(run, run.start)
    QApplication.processEvents()
    yield window
    window.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _scene(view: SceneView) -> Scene:
    assert view.scene is not None
    return view.scene


def _click(view: SceneView, key: str) -> None:
    box = find(_scene(view), key)
    assert box is not None
    at = view.view_box(box).center().toPoint()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at.x(), at.y()))
    QApplication.processEvents()


def test_the_table_is_that_of_a_validation(run: Run) -> None:
    found = answers_of(run, run.start)
    held_out = run.dataset.validation
    assert found is not None
    assert held_out is not None
    wanted = validated(run.network, run.start, held_out).confusion
    assert wanted is not None
    assert np.array_equal(found.table, wanted)
    assert sum(len(found.numbers(t, a)) for t in range(10) for a in range(10)) == len(held_out)
    assert len(found.wrong) == int(wanted.sum() - np.trace(wanted))


def test_activations_are_those_of_the_sample(run: Run) -> None:
    found = answers_of(run, run.start)
    assert found is not None
    outputs = activations(run, run.start, 5)
    assert outputs["dense3"].argmax() == found.answers[5]
    assert outputs["relu1"].shape == (6, 28, 28)
    assert outputs["relu1"].min() >= 0


def test_a_cell_leads_to_its_samples_and_a_sample_to_its_activations(
    answers: AnswersWindow, run: Run
) -> None:
    found = answers_of(run, run.start)
    assert found is not None
    true, answer = np.unravel_index(found.table.argmax(), found.table.shape)
    _click(answers.matrix, f"confusion:{true},{answer}")
    numbers = found.numbers(int(true), int(answer))
    keys = {m.key for m in _scene(answers.sheet).walk() if isinstance(m, Rect) and m.key}
    assert keys == {f"sample:{number}" for number in numbers}
    _click(answers.sheet, f"sample:{numbers[-1]}")
    layer = answers._layer
    wanted = activations(run, run.start, numbers[-1])[layer]
    drawn = [m.values for m in _scene(answers.maps).walk() if isinstance(m, Pixels)][1:]
    assert np.array_equal(np.stack(drawn), wanted)
    key = f"{layer}.output[0,1,2,3]"
    assert answers._described(key) == f"{key} = {full(wanted[1, 2, 3])}"


def test_another_layer_can_be_chosen(answers: AnswersWindow) -> None:
    answers._choose_layer("dense3")
    texts = {m.text for m in _scene(answers.maps).walk() if isinstance(m, Text)}
    assert "dense3" in texts


def test_everything_is_legible_in_both_themes(answers: AnswersWindow) -> None:
    for colors in (LIGHT, DARK):
        answers.use_theme(colors)
        for view in (answers.matrix, answers.sheet, answers.maps):
            assert_text_is_legible(_scene(view))


def test_a_run_without_classes_says_so(answers: AnswersWindow, run: Run, qtbot: QtBot) -> None:
    from dataclasses import replace

    bare = replace(run, dataset=replace(run.dataset, validation=None))
    with qtbot.waitSignal(answers._worker.answered, timeout=20_000):
        answers.show_moment(bare, run.start)
    assert "no samples" in answers._note.text()
