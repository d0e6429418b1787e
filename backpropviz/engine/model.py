"""What a person loads: a network with its parameters, and how an image is put into it."""

from __future__ import annotations

import math

from backpropviz.engine.arrays import Array
from backpropviz.engine.backprop import Parameters
from backpropviz.engine.mode import TRAIN, Mode
from backpropviz.engine.network import Network
from backpropviz.engine.optimizer import Optimizer
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.frozen import frozen

_MOST_NAMES = 12


@frozen(eq=False)
class Example:
    """An image that comes with a model, already as the network takes it: (1,C,H,W)."""

    source: str
    image: Array
    target: int | tuple[float, ...]


@frozen(eq=False)
class Model:
    """A network ready to be shown an image; `class_names` is empty for a regression."""

    title: str
    network: Network
    parameters: Parameters
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    optimizer: Optimizer
    example: Example | None = None
    remark: str = ""
    """One sentence: what it was trained on and how well it does."""
    mode: Mode = TRAIN
    """In which mode a pass is recorded unless another one is chosen."""

    def __repr__(self) -> str:
        """One line: a model's arrays would fill screens."""
        layers = ", ".join(node.name for node in self.network.nodes[:_MOST_NAMES])
        more = ", …" if len(self.network.nodes) > _MOST_NAMES else ""
        return f"<Model “{self.title}”: {self.parameter_count:,} parameters in {layers}{more}>"

    @property
    def parameter_count(self) -> int:
        """Number of trained values."""
        shapes = (s for n in self.network.nodes for s in self.network.parameter_shapes(n).values())
        return sum(math.prod(shape) for shape in shapes)
