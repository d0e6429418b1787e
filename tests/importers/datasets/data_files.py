"""Data sets in files, small ones, as a person might have them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from backpropviz.engine.architecture.presets import preset
from backpropviz.engine.model import Preprocessing
from backpropviz.engine.network import Network
from backpropviz.engine.value import Array

GRAY = Preprocessing(1, 8, 8)
COLOR = Preprocessing(3, 8, 8)
_TYPES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D}


def network(classes: int = 3, channels: int = 1) -> Network:
    """One for images of 8×8."""
    return preset("mlp", (channels, 8, 8), classes)


def images(count: int = 12, side: int = 8, seed: int = 0) -> Array:
    """Gray bytes (N,H,W) that reach white."""
    values = np.random.default_rng(seed).integers(0, 256, (count, side, side), dtype=np.uint8)
    values[:, 0, 0] = 255
    return values


def labels(count: int = 12, classes: int = 3) -> Array:
    """Each class in turn."""
    return np.arange(count, dtype=np.uint8) % classes


def idx(array: Array) -> bytes:
    """An IDX file."""
    head = bytes((0, 0, _TYPES[array.dtype.name], array.ndim))
    return (
        head
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(">" + array.dtype.str[1:]).tobytes()
    )


def write_pair(folder: Path, name: str = "train", count: int = 12, *, packed: bool = False) -> Path:
    """A pair of IDX files; the path of the images."""
    folder.mkdir(exist_ok=True)
    suffix, pack = (".gz", gzip.compress) if packed else ("", bytes)
    path = folder / f"{name}-images-idx3-ubyte{suffix}"
    path.write_bytes(pack(idx(images(count))))
    (folder / f"{name}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(labels(count))))
    return path


def write_picture(path: Path, seed: int = 0, mode: str = "RGB", side: int = 10) -> Path:
    """A picture file of some noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (side, side, 4), dtype=np.uint8)
    if mode == "I;16":
        Image.fromarray(values[:, :, 0].astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(values, "RGBA").convert("RGB").convert(mode).save(path)
    return path


def write_folder(root: Path, classes: tuple[str, ...] = ("cats", "dogs"), each: int = 3) -> Path:
    """A folder of pictures by class."""
    for number, name in enumerate(classes):
        for k in range(each):
            write_picture(root / name / f"{k:03}.png", seed=10 * number + k)
    return root
