"""Training on its thread: bit for bit what the engine makes, wherever it is stopped."""

from __future__ import annotations

import shutil
import weakref
from functools import partial
from gc import collect
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from backpropviz.engine.training.checkpoints import Moment
from backpropviz.engine.training.trainer import Trainer
from backpropviz.engine.training.update import Trained
from backpropviz.ui.training.controller import TrainingController, shares
from backpropviz.ui.training.worker import LiveRun
from tests.ui.training.conftest import LONG_MS, Wait, faster, small_run, stands_at


def trained_for(updates: int, learning_rate: float = 0.05) -> Trained:
    """What the engine makes of the same run without a window."""
    trainer = Trainer(small_run(learning_rate))
    for _ in range(updates):
        trainer.advance()
    return trainer.now


def assert_same(one: Trained, other: Trained) -> None:
    """Weights and the optimizer's state, bit for bit."""
    assert one.iteration == other.iteration
    for layer, own in one.parameters.items():
        for name, array in own.items():
            np.testing.assert_array_equal(array, other.parameters[layer][name])
    for address, state in one.states.items():
        for name, array in state.items():
            np.testing.assert_array_equal(array, other.states[address][name])


def test_a_run_waits_with_its_first_update(controller: TrainingController, wait_for: Wait) -> None:
    state = wait_for(
        lambda: controller.start(small_run()), lambda s: s.run is not None and s.run.guard
    )
    assert not state.is_running
    assert state.run is not None
    assert state.run.now.iteration == 0
    assert len(state.run.history) == 0


def test_training_on_the_thread_is_the_engines(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    state = wait_for(lambda: controller.go(20), stands_at(20))
    assert state.run is not None
    assert_same(state.run.now, trained_for(20))
    np.testing.assert_array_equal(state.run.history.columns().iteration, np.arange(1, 21))
    assert [v.iteration for v in state.run.history.validated] == [8, 16]


def test_pausing_and_going_on_changes_nothing(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    wait_for(controller.go, lambda s: s.run is not None and s.run.now.iteration > 2)
    paused = wait_for(controller.pause, lambda s: not s.is_running)
    assert paused.run is not None
    last = paused.run.live.now.iteration + 5
    state = wait_for(lambda: controller.go(last), stands_at(last))
    assert state.run is not None
    assert_same(state.run.now, trained_for(last))


def test_one_update_and_one_epoch(controller: TrainingController, wait_for: Wait) -> None:
    controller.start(small_run())
    wait_for(controller.one_update, stands_at(1))
    state = wait_for(controller.one_epoch, stands_at(8))
    assert state.run is not None
    assert state.run.history.validated[-1].iteration == 8
    wait_for(controller.one_epoch, stands_at(16))


def test_the_gradients_told_are_those_of_the_last_update(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    state = wait_for(lambda: controller.go(5), stands_at(5))
    trainer = Trainer(small_run())
    for _ in range(5):
        updated = trainer.advance(gradients=True)
    assert state.run is not None
    for address, gradient in updated.gradients.items():
        np.testing.assert_array_equal(state.run.gradients[address], gradient)


def test_only_the_run_that_is_trained_keeps_its_buffers(
    controller: TrainingController, wait_for: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting: list[Trainer] = []

    def rest(own: Trainer) -> None:
        resting.append(own)

    monkeypatch.setattr(Trainer, "rest", rest)
    controller.start(small_run())
    state = wait_for(lambda: controller.go(3), stands_at(3))
    assert state.run is not None
    first = state.run.live.trainer
    controller.select(state.current)
    assert resting == []
    controller.start(small_run())
    wait_for(lambda: controller.go(3), stands_at(3))
    assert resting == [first]


def test_a_changed_setting_is_a_mark(controller: TrainingController, wait_for: Wait) -> None:
    run = small_run()
    controller.start(run)
    wait_for(lambda: controller.go(4), stands_at(4))
    controller.change(faster(run, 0.01))
    state = wait_for(lambda: controller.go(6), stands_at(6))
    assert state.run is not None
    (change,) = state.run.run.course.changes
    assert change.iteration == 5
    assert "learning rate 0.05 → 0.01" in change.words


def test_a_visited_update_is_the_original_one(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    wait_for(lambda: controller.go(25), stands_at(25))
    state = wait_for(
        lambda: controller.visit(13),
        lambda s: s.run.visited is not None and s.run.visited.now is not None,
    )
    assert state.run is not None
    assert state.run.shown is not None
    assert_same(state.run.shown, trained_for(13))
    assert state.run.shown_gradients
    assert state.run.now.iteration == 25


def test_the_newest_wish_of_a_drag_is_shown_last(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    wait_for(lambda: controller.go(25), stands_at(25))

    def drag() -> None:
        for iteration in (20, 17, 12, 9, 7):
            controller.visit(iteration)

    state = wait_for(drag, lambda s: s.run.shown is not None and s.run.shown.iteration == 7)
    assert state.run is not None
    assert state.run.shown_iteration == 7


def test_a_fork_with_the_same_settings_repeats_its_parent(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    wait_for(lambda: controller.go(20), stands_at(20))
    wait_for(
        lambda: controller.visit(9),
        lambda s: s.run.visited is not None and s.run.visited.now is not None,
    )
    controller.fork()
    state = wait_for(lambda: controller.go(20), stands_at(20))
    run = state.run
    assert run is not None
    assert (len(state.runs), run.parent, run.number) == (2, 1, 2)
    assert state.runs[0].shown_iteration == 20
    assert_same(run.now, trained_for(20))
    np.testing.assert_array_equal(run.history.columns().iteration, np.arange(1, 21))
    past = wait_for(
        lambda: controller.visit(4),
        lambda s: s.run.visited is not None and s.run.visited.now is not None,
    )
    assert past.run is not None
    assert past.run.shown is not None
    assert_same(past.run.shown, trained_for(4))


def test_a_run_that_is_closed_is_let_go(controller: TrainingController, wait_for: Wait) -> None:
    controller.start(small_run())
    wait_for(lambda: controller.go(8), stands_at(8))
    controller.fork(title="between")
    wait_for(lambda: controller.go(12), stands_at(12))
    controller.fork(title="last")
    wait_for(lambda: controller.go(14), stands_at(14))
    gone = controller.state.runs[1].live.checkpoints.spill
    assert gone is not None
    assert gone.folder.exists()  # type: ignore[attr-defined]
    held = weakref.ref(controller.state.runs[1].live)
    controller.select(2)
    controller.remove(2)
    assert [(run.number, run.parent) for run in controller.state.runs] == [(1, None), (3, 1)]
    assert controller.state.current == 1
    state = wait_for(lambda: controller.go(10), stands_at(10))
    assert state.run is not None
    assert_same(state.run.now, trained_for(10))
    assert not gone.folder.exists()  # type: ignore[attr-defined]
    collect()
    assert held() is None
    controller.remove(1)
    controller.remove(3)
    assert [run.number for run in controller.state.runs] == [3]


@pytest.mark.parametrize("ahead", [0, 1])
def test_the_moment_to_debug_leads_to_the_very_weights(
    controller: TrainingController, wait_for: Wait, qtbot: QtBot, ahead: int
) -> None:
    controller.start(small_run())
    wait_for(lambda: controller.go(11), stands_at(11))
    with qtbot.waitSignal(controller.moment_found, timeout=LONG_MS) as found:
        controller.find_moment(ahead=ahead)
    moment: Moment = found.args[0]
    after = trained_for(11 + ahead)
    tape = moment.record()
    for layer, own in after.parameters.items():
        for name, array in own.items():
            np.testing.assert_array_equal(tape[f"{layer}.{name}.next"], array)
    state = wait_for(lambda: controller.go(15), stands_at(15))
    assert state.run is not None
    assert_same(state.run.now, trained_for(15))


def test_a_run_that_is_not_finite_stops_and_keeps_its_state(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run(1e6))
    state = wait_for(controller.go, lambda s: s.run is not None and s.run.stopped is not None)
    run: Any = state.run
    assert not state.is_running
    assert run.stopped.iteration == run.now.iteration + 1
    assert "is infinite" in run.stopped.sentence or "NaN" in run.stopped.sentence
    assert all(np.isfinite(a).all() for own in run.now.parameters.values() for a in own.values())
    assert_same(run.now, trained_for(run.now.iteration, 1e6))


def test_an_error_in_an_update_is_told_and_the_run_stays(
    controller: TrainingController, wait_for: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.start(small_run())
    wait_for(lambda: controller.go(3), stands_at(3))

    def fail(_: LiveRun) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(LiveRun, "advance", fail)
        state = wait_for(controller.go, lambda s: s.run is not None and s.run.error is not None)
    assert not state.is_running
    state = wait_for(lambda: controller.go(6), stands_at(6))
    assert state.run is not None
    assert state.run.error is None
    assert_same(state.run.now, trained_for(6))


def test_runs_take_turns(controller: TrainingController, wait_for: Wait) -> None:
    controller.start(small_run())
    wait_for(lambda: controller.go(5), stands_at(5))
    controller.start(small_run(0.01))
    wait_for(lambda: controller.go(7), stands_at(7))
    controller.select(1)
    state = wait_for(lambda: controller.go(9), stands_at(9))
    assert [run.now.iteration for run in state.runs] == [9, 7]
    assert_same(state.runs[0].now, trained_for(9))
    assert_same(state.runs[1].now, trained_for(7, 0.01))


def test_what_memory_has_no_room_for_lies_on_the_disk_and_is_found_again(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    before = wait_for(lambda: controller.go(60), stands_at(60))
    assert before.run is not None
    state = wait_for(
        lambda: controller.resize(2 * 2**20), lambda s: s.run.kept.budget_bytes == 2 * 2**20
    )
    assert state.run is not None
    assert state.run.kept.bytes_used <= 2 * 2**20
    assert state.run.kept.spilled_bytes > 0
    assert state.run.kept.iterations == before.run.kept.iterations
    past = wait_for(
        lambda: controller.visit(22),
        lambda s: s.run.visited is not None and s.run.visited.now is not None,
    )
    assert past.run is not None
    assert past.run.shown is not None
    assert_same(past.run.shown, trained_for(22))
    controller.fork()
    state = wait_for(lambda: controller.go(24), stands_at(24))
    assert state.run is not None
    assert_same(state.run.now, trained_for(24))


@pytest.mark.parametrize(("runs", "expected"), [(1, (100, 0)), (2, (50, 50)), (6, (50, 10))])
def test_the_shown_run_has_half_of_the_room(runs: int, expected: tuple[int, int]) -> None:
    assert shares(100, runs) == expected


def test_all_runs_of_a_session_stay_within_its_budget(
    controller: TrainingController, wait_for: Wait
) -> None:
    budget = 8 * 2**20
    for seed in (3, 4, 5):
        controller.start(small_run(seed=seed))
        if seed == 3:
            controller.resize(budget)
        wait_for(partial(controller.go, 80), stands_at(80))
    lives = [run.live for run in controller.state.runs]
    assert sum(live.kept.bytes_used for live in lives) <= budget
    assert [live.kept.budget_bytes for live in lives] == [budget // 4, budget // 4, budget // 2]
    first = controller.state.runs[0]
    assert first.live.kept.spilled_bytes > 0
    wait_for(
        lambda: controller.select(first.number),
        lambda s: s.run.kept.budget_bytes == budget // 2,
    )
    past = wait_for(
        lambda: controller.visit(33),
        lambda s: s.run.visited is not None and s.run.visited.now is not None,
    )
    assert past.run is not None
    assert past.run.shown is not None
    assert_same(past.run.shown, trained_for(33))


def test_a_run_outlives_its_files_for_checkpoints(
    controller: TrainingController, wait_for: Wait
) -> None:
    controller.start(small_run())
    wait_for(lambda: controller.go(60), stands_at(60))
    wait_for(lambda: controller.resize(2 * 2**20), lambda s: s.run.kept.budget_bytes == 2 * 2**20)
    assert controller._folder is not None
    shutil.rmtree(controller._folder.name)
    past = wait_for(
        lambda: controller.visit(22),
        lambda s: s.run.visited is not None and s.run.visited.now is not None,
    )
    assert past.run is not None
    assert past.run.shown is not None
    assert_same(past.run.shown, trained_for(22))
    controller.fork()
    state = wait_for(lambda: controller.go(30), stands_at(30))
    assert state.run is not None
    assert_same(state.run.now, trained_for(30))
