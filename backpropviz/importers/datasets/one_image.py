"""A data set of one image: a network that cannot learn even that by heart has a fault."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.model import Model
from backpropviz.engine.network import Network
from backpropviz.engine.training.samples import Dataset, Samples
from backpropviz.errors import UserError
from backpropviz.importers.datasets.targets import targets_for

ONE_IMAGE = "one image"


def one_image(model: Model, image: Array, target: int | tuple[float, ...], name: str) -> Dataset:
    """One image (1,C,H,W), as the network takes it, and what it is to put out for it.

    Raises:
        UserError: image or target do not fit the network.
    """
    network = model.network
    if image.shape != (1, *network.input_shape):
        raise UserError(f"{name} is no input of “{network.name}”: fit it to the network first.")
    return Dataset(
        title=f"One image: {name}",
        source=ONE_IMAGE,
        training=Samples(image, _target(network, target, model.class_names), (name,)),
        validation=None,
        class_names=model.class_names,
        preprocessing=model.preprocessing,
    )


def _target(network: Network, target: int | tuple[float, ...], names: tuple[str, ...]) -> Array:
    shape = network.shapes[network.output]
    if isinstance(target, int):
        if not 0 <= target < max(len(names), *shape, 2):
            raise UserError(f"“{network.name}” has no class {target}: choose another target.")
        found, _ = targets_for(np.array([target], dtype=np.int64), network)
        return found
    wanted = network.loss.target(target, (1, *shape))
    return wanted.reshape(1, -1)
