"""A run takes no more memory the longer it lasts."""

from __future__ import annotations

import tracemalloc
from itertools import islice

import numpy as np

from backpropviz.engine.training.checkpoints import Checkpoints, size_bytes
from backpropviz.engine.training.history import History, tensors_of
from backpropviz.engine.training.trainer import Trainer, updates
from tests.engine.training.runs import run_of


def test_memory_stays_flat() -> None:
    run = run_of()
    trainer, history = Trainer(run), History(tensors_of(run.network), most_rows=300)
    checkpoints = Checkpoints(20 * 2 * size_bytes(run.start), 5)

    def train(count: int) -> int:
        for _ in range(count):
            history.add(trainer.advance(gradients=True).measured)
            checkpoints.add(trainer.now)
            if trainer.now.iteration % 50 == 0:
                history.add_validated(trainer.validate())
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = train(400)
        after = train(800)
    finally:
        tracemalloc.stop()
    # Validations without their tables stay, a few hundred bytes each.
    assert after - before < 40_000


def test_a_run_that_rests_keeps_no_buffers() -> None:
    run = run_of()
    _, second = (update.trained for update in islice(updates(run, run.start), 2))
    tracemalloc.start()
    try:
        trainer = Trainer(run)
        trainer.advance()
        trained = tracemalloc.get_traced_memory()[0]
        trainer.rest()
        rested = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert rested < trained / 2
    np.testing.assert_equal(trainer.advance().trained.parameters, second.parameters)
