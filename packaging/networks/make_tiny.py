"""Write the four networks that can be checked by head.

Run in the folder `packaging`: python -m networks.make_tiny
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backpropviz.engine.kinds.convolution import Conv2d
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.pooling import AvgPool2d, MaxPool2d
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.kinds.squared_error import SquaredError
from backpropviz.engine.model import Example, Model, Preprocessing
from backpropviz.engine.network import chain
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.value import Array
from backpropviz.files.network_json import write_network

RESOURCES = Path(__file__).resolve().parents[2] / "resources" / "networks"
IMAGE = [[0, 2, 1], [3, 4, 1], [2, 1, 0]]


@dataclass(frozen=True, slots=True)
class Tiny:
    """A network with its numbers as nested lists; `remark` is the whole pass, worked by hand."""

    name: str
    title: str
    layers: Mapping[str, Layer]
    loss: SquaredError
    weights: Mapping[str, tuple[object, object]]
    image: object
    target: tuple[float, ...]
    remark: str

    def model(self) -> Model:
        """The model."""
        network = chain(self.name, (1, 3, 3), self.layers, self.loss)
        image = _floats([[self.image]])
        return Model(
            title=self.title,
            network=network,
            parameters={
                layer: {"weight": _floats(weight), "bias": _floats(bias)}
                for layer, (weight, bias) in self.weights.items()
            },
            preprocessing=Preprocessing(1, 3, 3, white=float(image.max())),
            class_names=(),
            optimizer=Sgd(0.01),
            example=Example("example", image, self.target),
            remark=self.remark,
        )


def _floats(numbers: object) -> Array:
    return np.array(numbers, dtype=np.float32)


TINY_MAX = Tiny(
    "tiny-max",
    "3×3 image, filter, max-pooling",
    {"conv1": Conv2d(1, 2), "pool1": MaxPool2d(2)},
    SquaredError(half=True),
    {"conv1": ([[[[2, 1], [-1, 1]]]], [-1])},
    IMAGE,
    (6.0,),
    "conv1 puts out [[2, 1], [8, 7]]; pool1 keeps the 8; the loss is ½ (8 − 6)² = 2 and pulls by "
    "2. Only the 8 is pulled, so ∂L/∂W is 2 times the window that made it: [[6, 8], [4, 2]]; "
    "∂L/∂b = 2; the image's gradient is [[0, 0, 0], [4, 2, 0], [−2, 2, 0]]. With learning rate "
    "0.01 the filter becomes [[1.94, 0.92], [−1.04, 0.98]] and the bias −1.02.",
)

TINY_AVG = Tiny(
    "tiny-avg",
    "3×3 image, filter, average pooling",
    {"conv1": Conv2d(1, 2), "pool1": AvgPool2d(2)},
    SquaredError(half=True),
    {"conv1": ([[[[2, 1], [-1, 2]]]], [-1])},
    IMAGE,
    (2.0,),
    "conv1 puts out [[6, 2], [9, 7]]; pool1 makes it (6 + 2 + 9 + 7) / 4 = 6; the loss is "
    "½ (6 − 2)² = 8 and pulls by 4, which the four outputs share: 1 each. So ∂L/∂W is the sum of "
    "all four windows, [[9, 8], [10, 6]]; ∂L/∂b = 4; the image's gradient is "
    "[[2, 3, 1], [1, 4, 3], [−1, 1, 2]]. With learning rate 0.01 the filter becomes "
    "[[1.91, 0.92], [−1.1, 1.94]] and the bias −1.04.",
)

TINY_DENSE = Tiny(
    "tiny-dense",
    "3×3 image, filter, dense layer",
    {"conv1": Conv2d(1, 2), "flatten": Flatten(), "dense1": Dense(1)},
    SquaredError(half=True),
    {"conv1": ([[[[2, 1], [-1, 1]]]], [-1]), "dense1": ([[2, -1, 1, -1]], [-1])},
    IMAGE,
    (1.0,),
    "conv1 puts out [[2, 1], [8, 7]]; dense1 makes it 2·2 − 1·1 + 1·8 − 1·7 − 1 = 3; the loss is "
    "½ (3 − 1)² = 2 and pulls by 2. A dense weight meets one value: ∂L/∂W of dense1 is "
    "2 · [2, 1, 8, 7] = [4, 2, 16, 14], ∂L/∂b = 2, and back to conv1 go 2 · [2, −1, 1, −1] = "
    "[[4, −2], [2, −2]]. A filter weight meets four: ∂L/∂W of conv1 is [[−6, 12], [6, 16]], "
    "∂L/∂b = 2; the image's gradient is [[8, 0, −2], [0, 4, −4], [−2, 4, −2]]. With learning rate "
    "0.01 dense1 becomes [1.96, −1.02, 0.84, −1.14] with bias −1.02, and conv1 "
    "[[2.06, 0.88], [−1.06, 0.84]] with bias −1.02.",
)

TINY_OVERLAP = Tiny(
    "tiny-overlap",
    "Overlapping windows: one winner, two shares",
    {"conv1": Conv2d(1, 1), "pool1": MaxPool2d(2, stride=1)},
    SquaredError(half=True, reduction="sum"),
    {"conv1": ([[[[1]]]], [0])},
    [[3, 4, 2], [1, 5, 0], [8, 6, 4]],
    (4.0, 2.0, 10.0, 4.0),
    "conv1 passes the image on (its one weight is 1); pool1 puts out [[5, 5], [8, 6]], the same 5 "
    "twice. The differences from the target are [[1, 3], [−2, 2]], the loss is "
    "½ (1 + 9 + 4 + 4) = 9. The 5 won two windows and gets both shares, 1 + 3 = 4; the 8 "
    "gets −2, the 6 gets 2: [[0, 0, 0], [0, 4, 0], [−2, 2, 0]]. ∂L/∂W = "
    "4·5 − 2·8 + 2·6 = 16 and ∂L/∂b = 4; with learning rate 0.01 the weight becomes 0.84 and the "
    "bias −0.04.",
)

TINY = (TINY_MAX, TINY_AVG, TINY_DENSE, TINY_OVERLAP)


def main() -> None:
    """Write each into its file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=RESOURCES, help="a folder")
    folder = parser.parse_args().output
    for tiny in TINY:
        path = folder / f"{tiny.name}.json"
        write_network(path, tiny.model())
        print(path)


if __name__ == "__main__":
    main()
