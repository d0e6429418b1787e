"""Copy the oracle's cases of the engine's operators into tests/data/oracle.

Usage: python packaging/oracle_trim.py SOURCE [DESTINATION]

SOURCE has index.json and an .npz file for each source of cases. The copy has the same index and one
compressed .npz file; only cases with very large arrays are left out.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

Case = dict[str, Any]

OPERATORS = {
    "opinfo": (
        "conv2d max_pool2d avg_pool2d adaptive_avg_pool2d linear relu leaky_relu sigmoid tanh add "
        "cat flatten reshape cross_entropy mse_loss"
    ),
    "onnx-node": (
        "Conv MaxPool AveragePool GlobalAveragePool Gemm Relu LeakyRelu Sigmoid Tanh Add Concat "
        "Flatten Reshape SoftmaxCrossEntropyLoss"
    ),
    "onnx-pt": (
        "Conv MaxPool AveragePool GlobalAveragePool Gemm Relu LeakyRelu Sigmoid Tanh Add Concat "
        "Flatten Reshape SoftmaxCrossEntropyLoss"
    ),
    "optim": "SGD Adam",
}
DESTINATION = Path(__file__).parents[1] / "tests" / "data" / "oracle"
MOST_VALUES = 60_000


def main(source: Path, destination: Path) -> None:
    """Write index.json and arrays.npz."""
    index = json.loads((source / "index.json").read_text("utf-8"))
    wanted = [case for case in index["cases"] if case["op"] in OPERATORS[case["source"]].split()]
    arrays: dict[str, Any] = {}
    kept: list[Case] = []
    for name in OPERATORS:
        with np.load(source / f"{name}.npz", allow_pickle=False) as stored:
            for case in wanted:
                if case["source"] == name:
                    found = {key: stored[key] for key in keys(case)}
                    if sum(array.size for array in found.values()) <= MOST_VALUES:
                        arrays.update(found)
                        kept.append(case)
    destination.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(destination / "arrays.npz", **arrays)
    text = ",\n".join(json.dumps(case, sort_keys=True) for case in kept)
    (destination / "index.json").write_text(f'{{"cases": [\n{text}\n]}}\n', "utf-8")
    report(wanted, kept, destination)


def keys(case: Case) -> list[str]:
    """The arrays of a case."""
    found = [given["key"] for given in case["inputs"]]
    for name in ("outputs", "cotangents", "grads"):
        found += [key for key in case.get(name, []) if key is not None]
    return found + list(case.get("init", {}).values())


def report(wanted: list[Case], kept: list[Case], destination: Path) -> None:
    """Print what was kept, by operator, and the size."""
    all_of, kept_of = (Counter((c["source"], c["op"]) for c in cases) for cases in (wanted, kept))
    for source, operator in sorted(all_of):
        print(
            f"{source:10} {operator:24} {kept_of[source, operator]} of {all_of[source, operator]}"
        )
    size = sum(path.stat().st_size for path in destination.iterdir())
    print(f"{len(kept)} of {len(wanted)} cases, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else DESTINATION)
