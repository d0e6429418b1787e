"""Classes as what a network's loss wants to be told, and whether data and network fit at all."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array, Shape, shape_text
from backpropviz.engine.network import Network
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.engine.presets import PRESETS, preset
from backpropviz.errors import UserError
from backpropviz.importers.datasets.catalog import Wanted, wanted_by


class NetworkMismatchError(UserError):
    """Data that the network cannot learn; `classes` were found, which these `presets` could."""

    def __init__(self, sentence: str, classes: int, presets: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.classes, self.presets = classes, presets


def fitting_presets(input_shape: Shape, classes: int) -> tuple[str, ...]:
    """The names of the presets that can be built for such images and so many classes."""

    def fits(name: str) -> bool:
        try:
            preset(name, input_shape, classes)
        except UserError:
            return False
        return True

    return tuple(name for name in PRESETS if fits(name))


def check_input(network: Network | None, preprocessing: Preprocessing) -> None:
    """Refuse a way to the input that does not end at this network's.

    Raises:
        UserError: the shapes differ.
    """
    shape = (preprocessing.channels, preprocessing.height, preprocessing.width)
    if network is not None and network.input_shape != shape:
        raise UserError(
            f"“{network.name}” takes {shape_text(network.input_shape)}, but its pictures are "
            f"brought to {shape_text(shape)}: choose the way to the input anew."
        )


def check_labels(
    labels: Array, class_names: tuple[str, ...], network: Network | None, wanted: Preprocessing
) -> None:
    """Refuse labels that the network cannot tell.

    Raises:
        NetworkMismatchError: there are more classes than outputs, or another count of numbers.
    """
    if network is None:
        return
    needs = wanted_by(network, wanted)
    outputs = needs.outputs or 0
    if class_names and not _can_tell(len(class_names), needs):
        shape = (wanted.channels, wanted.height, wanted.width)
        presets = fitting_presets(shape, len(class_names))
        raise NetworkMismatchError(
            f"The data have {len(class_names)} classes, but “{network.name}” has {outputs} "
            f"{'output' if outputs == 1 else 'outputs'}: choose a network for "
            f"{len(class_names)} classes.",
            len(class_names),
            presets,
        )
    if not class_names and labels.shape[1] != outputs:
        raise NetworkMismatchError(
            f"The data want {labels.shape[1]} numbers for each image, but “{network.name}” "
            f"puts out {outputs}: choose a network with {labels.shape[1]} outputs.",
            labels.shape[1],
            (),
        )


def _can_tell(classes: int, needs: Wanted) -> bool:
    outputs = needs.outputs or 0
    return classes <= outputs or (not needs.is_classifier and outputs == 1 and classes == 2)


def targets_for(labels: Array, network: Network | None) -> tuple[Array, tuple[str, ...]]:
    """Targets as the loss takes them, and in words what was done to classes for it.

    Cross-entropy takes the class; another loss a 1 for the class's output and a 0 for the others,
    or the class itself where two classes share one output.
    """
    if network is None:
        return labels, ()
    needs = wanted_by(network, Preprocessing(1, 1, 1))
    if labels.ndim > 1 or needs.is_classifier:
        return labels, ()
    outputs = needs.outputs or 1
    if outputs == 1:
        return labels[:, None].astype(np.float64), ("the target is the class, 0 or 1",)
    return np.eye(outputs)[labels], ("the target is 1 for the class's output, 0 for the others",)
