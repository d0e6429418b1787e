"""Recorded passes as graphs of values, and random values of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backpropviz.debugger.ancestry import Ancestry
from backpropviz.engine.optimizers import Adam
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import Address
from backpropviz.files.networks import load_network
from tests.engine.passes import branched, recorded


def of_tape(tape: Tape) -> Ancestry:
    return Ancestry(tape, operations(tape.network, tape.batch, tape.optimizer))


@lru_cache
def ancestry_of(name: str) -> Ancestry:
    if name == "branched":
        return of_tape(recorded(branched(), [1, 3], Adam(weight_decay=0.1)))
    model = load_network(name)
    assert model.example is not None
    image, target = model.example.image, model.example.target
    return of_tape(record(model.network, model.parameters, image, target, model.optimizer))


def random_addresses(tape: Tape, count: int, seed: int = 1) -> list[Address]:
    random = np.random.default_rng(seed)
    arrays = list(tape)
    chosen = (arrays[int(random.integers(len(arrays)))] for _ in range(count))
    return [a.at(tuple(int(random.integers(n)) for n in tape[a].shape)) for a in chosen]
