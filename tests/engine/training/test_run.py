"""A run follows from its parts alone: the same seed, the same batches and weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.training.run import Course, Hyperparameters, Initial, fork, new_run
from backpropviz.engine.training.samples import Augmentation, Dataset, Samples
from backpropviz.engine.training.trainer import Trainer
from backpropviz.errors import UserError
from tests.engine.training.runs import model_of, run_of, same, small, states, stripes

ALL = Augmentation(True, 1.0, 10.0, 0.1, 0.05)


@pytest.mark.parametrize("augmentation", [None, ALL])
@pytest.mark.parametrize("float_bits", [32, 64])
def test_the_same_seed_is_the_same_run(augmentation: Augmentation | None, float_bits: int) -> None:
    runs = [run_of(augmentation=augmentation, float_bits=float_bits) for _ in range(2)]
    ends = [states(run, 12)[-1] for run in runs]
    assert same(*ends)
    assert ends[0].parameters["conv1"]["weight"].dtype == f"float{float_bits}"
    assert not same(states(run_of(seed=6), 12)[-1], ends[0])


def test_every_epoch_sees_every_sample_in_another_order() -> None:
    run = run_of()
    epochs = [np.concatenate([run.chosen(k) for k in range(f, f + 4)]) for f in (1, 5)]
    assert all(sorted(epoch) == list(range(30)) for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    batch = run.batch(2)
    assert np.array_equal(batch.images, run.dataset.training.images[run.chosen(2)])


def test_an_update_sees_the_same_changed_images_each_time() -> None:
    plain, run = run_of(), run_of(augmentation=ALL)
    first, again = run.batch(3), run.batch(3)
    assert np.array_equal(first.images, again.images)
    assert first.images.dtype == np.float32
    assert first.images.shape == plain.batch(3).images.shape
    assert not np.array_equal(first.images, plain.batch(3).images)
    assert not np.array_equal(run.batch(7).images[:1], first.images[:1])


def test_a_flip_exchanges_left_and_right_of_some_images() -> None:
    images = np.arange(64, dtype=np.float32).reshape(16, 1, 2, 2)
    flipped = Augmentation(flip=True)(images, np.random.default_rng(0))
    turned = [np.array_equal(a, b[..., ::-1]) for a, b in zip(flipped, images, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(flipped, images, strict=True)]
    assert all(a != b for a, b in zip(turned, kept, strict=True))
    assert 0 < sum(turned) < 16


@pytest.mark.parametrize(
    ("name", "fields"), [("shift_px", (False, -1.0)), ("scale", (False, 0.0, 0.0, 1.0))]
)
def test_augmentation_without_meaning_is_refused(name: str, fields: tuple[bool, float]) -> None:
    with pytest.raises(UserError, match=name):
        Augmentation(*fields)


def test_a_fork_goes_on_as_the_run_does_until_settings_differ() -> None:
    run = run_of()
    through = states(run, 12)
    going_on = fork(run, through[5])
    assert same(states(going_on, 7)[-1], through[12])
    slower = fork(run, through[5], Hyperparameters(Sgd(0.01, 0.9), batch_size=8))
    assert not same(states(slower, 7)[-1], through[12])
    assert np.array_equal(slower.batch(9).images, run.batch(9).images)
    assert [change.iteration for change in slower.course.changes] == [6]
    assert "after update 5" in slower.origin
    assert slower.model.parameters is through[5].parameters


def test_weights_can_be_the_models_own() -> None:
    trained = states(run_of(), 3)[-1]
    model = replace(model_of(small()), parameters=trained.parameters)
    run = new_run(model, stripes(), Hyperparameters(Sgd()), Initial(from_weights=True))
    assert same(run.start, replace(trained, states={}, iteration=0))
    wide = new_run(
        model, stripes(), Hyperparameters(Sgd()), Initial(from_weights=True, float_bits=64)
    )
    assert wide.dtype == np.float64


def test_fresh_weights_forget_what_the_old_ones_could() -> None:
    old = replace(model_of(small()), remark="It is good.", parameters=run_of().start.parameters)
    for from_weights in (False, True):
        run = new_run(old, stripes(), Hyperparameters(Sgd()), Initial(from_weights=from_weights))
        assert run.model.remark == ("It is good." if from_weights else "")


def test_settings_change_from_the_next_update_on() -> None:
    trainer = Trainer(run_of())
    trainer.advance()
    trainer.change(Hyperparameters(Sgd(0.3, 0.9), batch_size=5))
    measured = [trainer.advance().measured for _ in range(2)]
    assert [(one.learning_rate, one.count) for one in measured] == [(0.3, 5), (0.3, 5)]
    assert trainer.run.updates_per_epoch(1) == 4
    assert trainer.run.updates_per_epoch(2) == 6


def with_images(images: np.ndarray) -> Dataset:
    samples = Samples(images, np.zeros(len(images), np.int64), ("x",) * len(images))
    return replace(stripes(held_out=0), training=samples)


def test_data_that_do_not_fit_are_refused() -> None:
    settings = Hyperparameters(Sgd())
    model = model_of(small())
    with pytest.raises(UserError, match="takes images of 1×8×8, but those of “Stripes” are 1×9×9"):
        new_run(model, with_images(np.zeros((2, 1, 9, 9), np.float32)), settings)
    five = replace(stripes().training, targets=np.full(30, 5))
    with pytest.raises(UserError, match="target 5 is out of range"):
        new_run(model, replace(stripes(), training=five), settings)
    with pytest.raises(UserError, match="for 7 samples"):
        replace(run_of(), course=Course.start(7, settings))
    with pytest.raises(UserError, match="1 targets and 3 names"):
        Samples(np.zeros((3, 1, 8, 8)), np.zeros(1), ("a", "b", "c"))
    with pytest.raises(UserError, match="empty"):
        with_images(np.zeros((0, 1, 8, 8)))
    with pytest.raises(UserError, match="validate with are 1×9×9"):
        replace(stripes(), validation=with_images(np.zeros((2, 1, 9, 9))).training)
    with pytest.raises(UserError, match="float width 16"):
        Initial(float_bits=16)
