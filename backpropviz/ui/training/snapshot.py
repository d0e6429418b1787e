"""How training stands, as the thread tells it: frozen, complete, and rare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from backpropviz.diagnosis.stops import Stopped
from backpropviz.diagnosis.watch import Guard
from backpropviz.engine.address import Address
from backpropviz.engine.arrays import Array
from backpropviz.engine.training.measure import Measured, Validated
from backpropviz.engine.training.run import Run
from backpropviz.engine.training.update import Trained
from backpropviz.frozen import frozen


@frozen
class Kept:
    """The checkpoints: after which updates, what they take in memory, and what on the disk."""

    iterations: tuple[int, ...] = ()
    spacing: int = 1
    bytes_used: int = 0
    budget_bytes: int = 0
    spilled_bytes: int = 0


@frozen(eq=False)
class Snapshot:
    """A run after an update; `measured` and `validated` are the rows since the last snapshot.

    `gradients` are those of the last update; `guard` is None before the images were looked at.
    `stopped` says why training has stopped by itself; `error` is what kept it from going on.
    `obeyed` numbers the last wish to go or to stop that it knows of.
    """

    run_number: int
    run: Run
    now: Trained
    kept: Kept
    measured: tuple[Measured, ...] = ()
    validated: tuple[Validated, ...] = ()
    gradients: Mapping[Address, Array] = field(default_factory=dict)
    guard: Guard | None = None
    samples_per_second: float | None = None
    is_running: bool = False
    stopped: Stopped | None = None
    error: BaseException | None = None
    obeyed: int = 0
