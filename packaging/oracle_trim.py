"""Copy the oracle's cases of the engine's operators into tests/data/oracle.

Usage: python packaging/oracle_trim.py SOURCE [DESTINATION]

SOURCE has index.json and an .npz file for each source of cases. The copy has the same index, but
for what no test reads, and one compressed .npz file. Left out are cases with very large arrays, all
but a few paddings that are not by a constant (the engine refuses them alike), and a second softmax
of the same numbers.
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
        "cat flatten reshape cross_entropy mse_loss batch_norm prelu gelu silu softmax pad "
        "binary_cross_entropy_with_logits"
    ),
    "onnx-node": (
        "Conv MaxPool AveragePool GlobalAveragePool Gemm Relu LeakyRelu Sigmoid Tanh Add Concat "
        "Flatten Reshape SoftmaxCrossEntropyLoss BatchNormalization Dropout PRelu Gelu Swish "
        "Softmax Pad"
    ),
    "onnx-pt": (
        "Conv MaxPool AveragePool GlobalAveragePool Gemm Relu LeakyRelu Sigmoid Tanh Add Concat "
        "Flatten Reshape SoftmaxCrossEntropyLoss BatchNormalization Dropout PRelu Gelu Swish "
        "Softmax Pad"
    ),
    "optim": (
        "SGD Adam RMSprop AdamW StepLR MultiStepLR ExponentialLR CosineAnnealingLR "
        "CosineAnnealingWarmRestarts LinearLR ConstantLR"
    ),
}
DESTINATION = Path(__file__).parents[1] / "tests" / "data" / "oracle"
MOST_VALUES = 60_000
NOT_READ = ("origin", "grad_by", "opset", "node_inputs", "node_outputs")


def main(source: Path, destination: Path) -> None:
    """Write index.json and arrays.npz."""
    index = json.loads((source / "index.json").read_text("utf-8"))
    wanted = [case for case in index["cases"] if case["op"] in OPERATORS[case["source"]].split()]
    wanted = [case for case in wanted if not is_repeated(case)]
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
    text = ",\n".join(
        json.dumps(brief(case), sort_keys=True, separators=(",", ":")) for case in kept
    )
    (destination / "index.json").write_text(f'{{"cases": [\n{text}\n]}}\n', "utf-8")
    report(wanted, kept, destination)


def is_repeated(case: Case) -> bool:
    """Whether it is a padding not by a constant, but for the first of its mode, or told twice."""
    name, _, number = case["id"].rpartition("/")
    if name == "opinfo/softmax.with_dtype":
        return True
    return name.startswith("opinfo/pad.") and "constant" not in name and number != "000"


def brief(case: Case) -> Case:
    """The case without what no test reads."""
    found = {name: value for name, value in case.items() if name not in NOT_READ}
    names = ("key", "name")
    found["inputs"] = [{n: entry[n] for n in names if n in entry} for entry in case["inputs"]]
    return found


def keys(case: Case) -> list[str]:
    """The arrays of a case."""
    found = [given["key"] for given in case["inputs"]]
    for name in ("outputs", "cotangents", "grads"):
        found += [key for key in case.get(name, []) if key is not None]
    further = ("init", "buffers_after")
    return found + [key for name in further for key in case.get(name, {}).values()]


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
