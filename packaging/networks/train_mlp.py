"""Train dense layers alone on LeNet's digits, to compare a dense weight with a filter weight.

Run in the folder `packaging`: python -m networks.train_mlp
"""

from __future__ import annotations

from backpropviz.engine.kinds.activation import ReLU
from backpropviz.engine.kinds.cross_entropy import CrossEntropy
from backpropviz.engine.kinds.dense import Dense
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.shape import Flatten
from backpropviz.engine.network import Network, chain
from networks.course import Course
from networks.digit_model import Candidate, main, nesterov

# LeNet takes this 5 for a 6.
EXAMPLE = 1082


def mlp() -> Network:
    """Three dense layers: each weight belongs to one pixel and one unit."""
    layers: dict[str, Layer] = {
        "flatten": Flatten(),
        "dense1": Dense(64),
        "relu1": ReLU(),
        "dense2": Dense(32),
        "relu2": ReLU(),
        "dense3": Dense(10),
    }
    return chain("mlp", (1, 28, 28), layers, CrossEntropy())


if __name__ == "__main__":
    main(
        Candidate(mlp(), "Dense layers on handwritten digits", EXAMPLE),
        Course(60, 0.05, nesterov),
        __doc__,
    )
