"""A small network file whose pass differs between training and use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def moded_document(**further: object) -> dict[str, Any]:
    """A convolution, a normalization, a dropout and a dense layer, with an example."""
    image = np.random.default_rng(3).uniform(-1, 1, (6, 6)).round(2)
    return {
        "format": "backpropviz-network",
        "version": 1,
        "input": [1, 6, 6],
        "layers": [
            {"name": "conv1", "kind": "conv2d", "out_channels": 3, "kernel_size": 3},
            {"name": "norm1", "kind": "batch_norm2d"},
            {"name": "relu1", "kind": "relu"},
            {"name": "drop1", "kind": "dropout", "p": 0.4},
            {"name": "flatten", "kind": "flatten"},
            {"name": "dense1", "kind": "dense", "out_features": 2},
        ],
        "loss": {"kind": "cross_entropy"},
        "classes": ["no", "yes"],
        "example": {"image": image.tolist(), "target": 1},
        **further,
    }


def moded_file(folder: Path, name: str = "moded.json", **further: object) -> Path:
    """The document as a file."""
    path = folder / name
    path.write_text(json.dumps(moded_document(**further)), encoding="utf-8")
    return path


def lone_file(folder: Path) -> Path:
    """A normalization of one value a channel, which one image cannot train."""
    document = moded_document(input=[1, 3, 3])
    document["example"]["image"] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    path = folder / "lone.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
