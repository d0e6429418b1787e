"""Prove many values of the bundled networks, many random poolings, many random networks.

`python -m tests.proof --addresses 2000 --poolings 1000 --random 100`
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from importlib.util import find_spec

import numpy as np

from backpropviz.engine.kinds.pooling import MaxPool2d
from backpropviz.engine.record import run
from backpropviz.figures.explain.code import CodeVersion
from backpropviz.figures.stage.pooled_plane import pooled_plane
from backpropviz.figures.view import ExplainedStep
from backpropviz.files.networks import load_network
from tests.figures.pooling.random_poolings import (
    drawn_winners,
    pooling_views,
    winners_by_looking,
)
from tests.proof.checks import CHECKS, code_gives_the_value
from tests.proof.random_networks import gradient_faults, kink_faults, random_points
from tests.proof.sample import NETWORKS, places

VERSIONS = tuple(v for v in CodeVersion if v is not CodeVersion.TORCH or find_spec("torch"))
_SHOWN = 5


def faults(step: ExplainedStep) -> list[tuple[str, str]]:
    """Every check that a value fails, with what is wrong."""
    found = [(name, check(step)) for name, check in CHECKS.items()]
    found += [(f"{v.value} gives the value", code_gives_the_value(step, v)) for v in VERSIONS]
    return [(name, wrong) for name, wrong in found if wrong]


def prove(name: str, count: int, seed: int) -> int:
    """Check a network's values, print a line, and give the number of faults."""
    start = time.perf_counter()
    tape = run(load_network(name))
    chosen = places(tape, count, seed)
    wrong: Counter[str] = Counter()
    terms = 0
    for place in chosen:
        step = place.step(tape)
        terms += len(step.derivation.terms) if step.derivation else 0
        for check, words in faults(step):
            wrong[check] += 1
            if wrong[check] <= _SHOWN:
                print(f"  {place}: {check}: {words}")
    phases = Counter(place.operation.phase.value for place in chosen)
    told = ", ".join(f"{phase} {number:,}" for phase, number in phases.items())
    duration_s = time.perf_counter() - start
    total = sum(wrong.values())
    print(f"{name:<13}{len(chosen):>6,} addresses ({told}), {terms:,} terms: "
          f"{total} faults, {duration_s:.0f} s", flush=True)  # fmt: skip
    return total


def prove_poolings(count: int) -> int:
    """Hold the drawn winners of random poolings against the switches; the number of faults."""
    start = time.perf_counter()
    faults_found = 0
    seen: Counter[str] = Counter()
    # In the second lot every winner of a tie is drawn, not the switch alone.
    for view in (*pooling_views(count, ("first",)), *pooling_views(count // 2, ("all", "shared"))):
        layer = view.tape.network.by_name["layer"].layer
        assert isinstance(layer, MaxPool2d)
        faults_found += drawn_winners(view) != winners_by_looking(view)
        plane = pooled_plane(view.tape, "layer", 0, 0)
        seen["overlap"] += plane.overlaps
        seen["padding"] += any(any(side) for side in plane.window.padding)
        seen["ceil mode"] += layer.ceil_mode
        seen["ties"] += any(plane.is_tie(y, x) for y, x in np.ndindex(*plane.count))
        seen[f"rule {layer.ties}"] += 1
    told = ", ".join(f"{name} {number:,}" for name, number in seen.items())
    duration_s = time.perf_counter() - start
    total = count + count // 2
    print(f"{total:,} random poolings ({told}): {faults_found} faults, {duration_s:.0f} s")
    return faults_found


def prove_gradients(count: int) -> int:
    """Check gradients and kinks of random networks, and give the number of faults."""
    start = time.perf_counter()
    seen: Counter[str] = Counter()
    faults_found, kinks = 0, 0
    for number, point in enumerate(random_points(count)):
        outcomes, wrong = gradient_faults(point, per_array=40)
        seen += outcomes
        for h in (1e-1, 1e-2, 1e-5):
            total, differing = kink_faults(point, h, values=10, seed=number)
            kinks += total
            wrong += differing
        faults_found += len(wrong)
        for words in wrong[:_SHOWN]:
            print(f"  random network {number}: {words}")
    told = ", ".join(f"{name} {number:,}" for name, number in seen.items())
    duration_s = time.perf_counter() - start
    print(f"{count} random networks, gradients: {told}; {kinks:,} kinks by looking: "
          f"{faults_found} faults, {duration_s:.0f} s")  # fmt: skip
    return faults_found


def main() -> int:
    """Prove what is asked for; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--addresses", type=int, default=2000, help="values of each network")
    parser.add_argument("--poolings", type=int, default=1000, help="random poolings")
    parser.add_argument("--random", type=int, default=100, help="random networks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    asked = parser.parse_args()
    print(f"checks: {', '.join(CHECKS)}; code: {', '.join(v.value for v in VERSIONS)}")
    total = sum(prove(name, asked.addresses, asked.seed) for name in asked.networks)
    total += prove_poolings(asked.poolings) + prove_gradients(asked.random)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
