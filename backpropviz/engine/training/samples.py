"""What a run learns from: samples to train on and to validate with, named one by one."""

from __future__ import annotations

from backpropviz.engine.arrays import Array, shape_text
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen(eq=False)
class Samples:
    """Images (N,C,H,W) as the network takes them, and their targets: classes (N) or numbers (N,K).

    A sample's name says where it comes from: `mnist:17`, `cats/001.png`.

    Raises:
        UserError: there is none, or images, targets and names are not of one number.
    """

    images: Array
    targets: Array
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the numbers, and let nobody write into the arrays from here."""
        if not len(self.images):
            raise UserError("the data set is empty: give at least one image.")
        if len({len(self.images), len(self.targets), len(self.names)}) != 1:
            raise UserError(
                f"{len(self.images)} images have {len(self.targets)} targets and "
                f"{len(self.names)} names: give one each."
            )
        object.__setattr__(self, "images", _read_only(self.images))
        object.__setattr__(self, "targets", _read_only(self.targets))

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.names)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


@frozen
class Skipped:
    """A file that could not be used, and why."""

    name: str
    reason: str


@frozen(eq=False)
class Dataset:
    """Samples to train on and, where there are any, to validate with.

    `source` finds the data again: a bundled name (`mnist`), a file or a folder. `class_names` is
    empty for a regression.

    Raises:
        UserError: training and validation images are not of one shape.
    """

    title: str
    source: str
    training: Samples
    validation: Samples | None
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        """Check that all images are of one shape."""
        if self.validation is None:
            return
        shapes = [samples.images.shape[1:] for samples in (self.training, self.validation)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"training images are {shape_text(shapes[0])}, but those to validate with are "
                f"{shape_text(shapes[1])}: fit both in the same way."
            )
