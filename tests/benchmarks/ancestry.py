"""How long it takes to tell where a value came from and what it feeds.

`python -m tests.benchmarks.ancestry`. The aim is 100 ms for any value of LeNet.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from backpropviz.debugger.ancestry import Ancestry, feeds
from backpropviz.engine.record import record
from backpropviz.engine.tape import Tape, operations
from backpropviz.engine.value import Address
from backpropviz.files.networks import load_network
from tests.benchmarks.timing import verdict

COUNT = 200
AIM_MS = 100.0


def _addresses(tape: Tape, seed: int = 0) -> list[Address]:
    """Random values of random arrays, so that small arrays are asked for as often as large ones."""
    random = np.random.default_rng(seed)
    arrays = [address for address in tape if tape[address].size]
    chosen = (arrays[int(random.integers(len(arrays)))] for _ in range(COUNT))
    return [a.at(tuple(int(random.integers(n)) for n in tape[a].shape)) for a in chosen]


def _print(name: str, work: Callable[[Address], object], addresses: list[Address]) -> float:
    times = []
    for address in addresses:
        start = time.perf_counter()
        work(address)
        times.append((time.perf_counter() - start) * 1e3)
    slowest = addresses[int(np.argmax(times))]
    print(f"{name:32} median {np.median(times):7.2f} ms, worst {max(times):7.2f} ms ({slowest})")
    return max(times)


def worst_ms(name: str) -> float:
    """Ask all questions of random values, and give the slowest answer's time."""
    model = load_network(name)
    assert model.example is not None
    image, target = model.example.image, model.example.target
    tape = record(model.network, model.parameters, image, target, model.optimizer)
    ancestry = Ancestry(tape, operations(tape.network, tape.batch, tape.optimizer))
    addresses = _addresses(tape)
    questions: dict[str, Callable[[Address], object]] = {
        "parentage": ancestry.parentage,
        "main path": ancestry.main_path,
        "feeds": lambda a: feeds(ancestry, a),
    }
    return max(_print(f"{name}: {title}", ask, addresses) for title, ask in questions.items())


def main() -> None:
    """LeNet is judged; the larger network is for comparison."""
    worst = worst_ms("lenet")
    print(f"any value of lenet: {worst:.1f} ms, {verdict(worst, AIM_MS)}")
    worst_ms("tinyvgg")


if __name__ == "__main__":
    main()
