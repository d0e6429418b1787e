"""Bringing a folder's photos to a network's input, against decoding them.

Run by `python -m tests.benchmarks.resampling`. JPEG photos of 500×375, as data sets have them; the
ratio is the time to prepare one over the time to decode it, in one run.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import io
from functools import partial

import numpy as np
from PIL import Image

from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.importers.decode import picture_from_bytes
from backpropviz.importers.fit import prepare
from tests.benchmarks.timing import in_turns, verdict

SIZE = (500, 375)
BOUNDS = {28: 1.0, 64: 1.5, 224: 3.0}
MANNERS = {"box": 1, "bilinear": 1, "lanczos": 2}
"""With the factor that a wider kernel may cost."""
ROUNDS = 25


def photo(seed: int) -> bytes:
    """A JPEG with smooth shapes and some grain, about as large as a photo's."""
    random = np.random.default_rng(seed)
    shapes = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(SIZE)
    grain = random.integers(-8, 9, (SIZE[1], SIZE[0], 1))
    values = np.clip(np.asarray(shapes).astype(np.int16) + grain, 0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(values).save(content, "JPEG", quality=90)
    return content.getvalue()


def main() -> None:
    """Print a ratio for each size and manner."""
    content = photo(0)
    picture = picture_from_bytes(content, "photo")
    for side, bound in BOUNDS.items():
        for resample, factor in MANNERS.items():
            wanted = Preprocessing(3, side, side, resample=resample)  # type: ignore[arg-type]
            decoding, preparing = in_turns(
                (
                    partial(picture_from_bytes, content, "photo"),
                    partial(prepare, picture, wanted),
                ),
                ROUNDS,
            )
            ratio = preparing / decoding
            print(
                f"to {side}×{side}, {resample}: {preparing * 1e3:.2f} ms; decoding "
                f"{decoding * 1e3:.2f} ms; ratio {ratio:.2f} {verdict(ratio, factor * bound)}"
            )


if __name__ == "__main__":
    main()
