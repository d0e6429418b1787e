"""One immutable pass: every array that it used or made, by address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backpropviz.engine.address import Address, parse
from backpropviz.engine.arrays import Array, shape_text
from backpropviz.engine.kinds.protocol import LOSS
from backpropviz.engine.network import Network
from backpropviz.engine.optimizer import Optimizer
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen(eq=False)
class Tape(Mapping[Address, Array]):
    """Arrays by address without indices; the same array may have several names.

    `canonical` maps each further name to the one under which the array is computed; `iteration` is
    the number of the optimizer's update, from 1, which some of them reckon with.
    """

    network: Network
    optimizer: Optimizer
    arrays: Mapping[Address, Array]
    canonical: Mapping[Address, Address]
    iteration: int = 1

    def __repr__(self) -> str:
        """One line: a tape's arrays would fill screens."""
        return (
            f"<Tape of {self.network.name}: {len(self.arrays)} arrays, batch {self.batch}, "
            f"{self[LOSS].dtype}, loss {self.loss + 0.0:.6g}>"
        )

    def __getitem__(self, address: Address | str) -> Array:
        """The array, or the value (an array without dimensions) where indices are given.

        Raises:
            UserError: there is no such array, or an index is out of range.
        """
        if isinstance(address, str):
            address = parse(address)
        array = self.arrays.get(address)
        return self._look_up(address) if array is None else array

    def __iter__(self) -> Iterator[Address]:
        """Every name."""
        return iter(self.arrays)

    def __len__(self) -> int:
        """Number of names."""
        return len(self.arrays)

    def __contains__(self, address: object) -> bool:
        """Whether the array is recorded, by address or text."""
        key = parse(address) if isinstance(address, str) else address
        return isinstance(key, Address) and key.array in self.arrays

    def _look_up(self, address: Address) -> Array:
        array = self.arrays.get(address.array)
        if array is None:
            raise UserError(f"“{address}” is not in this pass: {self._suggestion(address)}")
        indices = address.indices
        if len(indices) != array.ndim or not all(
            0 <= i < size for i, size in zip(indices, array.shape, strict=True)
        ):
            raise UserError(
                f"“{address}” is outside {address.array}, whose shape is "
                f"{shape_text(array.shape)}: give {array.ndim} indices counted from 0."
            )
        return array[indices]  # type: ignore[no-any-return]

    def _suggestion(self, address: Address) -> str:
        same_layer = sorted(a.name for a in self.arrays if a.layer == address.layer)
        if same_layer and address.layer:
            return f"{address.layer} has {', '.join(same_layer)}."
        layers = [node.name for node in self.network.nodes]
        return f"the layers are {', '.join(layers)}; image and loss stand alone."

    def resolve(self, address: Address) -> Address:
        """The name under which the value is computed: `relu1.input` is `conv1.output`."""
        origin = self.canonical.get(address.array)
        return address if origin is None else origin.at(address.indices)

    def value(self, address: Address) -> float:
        """One value as a Python number."""
        return float(self[address])

    @property
    def batch(self) -> int:
        """Number of samples."""
        return int(self[Address("", "image")].shape[0])

    @property
    def loss(self) -> float:
        """The loss of the batch."""
        return float(self[LOSS])
