"""Buttons pressed in any order and at any speed: no deadlock, no error, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from PySide6.QtCore import QCoreApplication

from backpropviz.ui.training.controller import TrainingController
from tests.ui.training.conftest import Wait, small_run, stands_at
from tests.ui.training.test_controller import assert_same, trained_for

PRESSES = 150


def presses_of(controller: TrainingController, random: Random) -> tuple[Callable[[], object], ...]:
    """What a person can press; those of a run that is there."""

    def visit() -> None:
        run = controller.state.run
        if run is not None:
            controller.visit(random.randint(0, run.now.iteration + 1))

    return (
        controller.toggle,
        controller.pause,
        controller.stop,
        controller.one_update,
        controller.one_epoch,
        controller.find_moment,
        visit,
        controller.show_latest,
        lambda: controller.redraw_every(random.choice((None, 1, 10))),
        lambda: controller.set_viewer(False),
    )


def press_at_random(
    controller: TrainingController, count: int, seed: int, breathe: Callable[[], object]
) -> None:
    """Press so many times; the window works a little in between, and `breathe`s now and then."""
    random = Random(seed)
    presses = presses_of(controller, random)
    for number in range(count):
        random.choice(presses)()
        for _ in range(random.randint(0, 3)):
            QCoreApplication.processEvents()
        if number % 10 == 9:
            breathe()


def test_random_presses_leave_the_run_as_it_would_have_been(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())

    def make_an_update() -> None:
        wait_for(controller.pause, lambda s: not s.is_running)
        run = controller.state.run
        assert run is not None
        last = run.live.now.iteration + 2
        wait_for(lambda: controller.go(last), stands_at(last))

    press_at_random(controller, PRESSES, 1, make_an_update)
    run = controller.state.run
    assert run is not None
    assert run.error is None
    assert run.now.iteration >= 2 * PRESSES // 10
    assert_same(run.now, trained_for(run.now.iteration))
