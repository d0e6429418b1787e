"""Samples of a run, to train on and to validate with, named one by one."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from backpropviz.engine.model import Preprocessing
from backpropviz.engine.value import Array, freeze, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


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


Change: TypeAlias = Callable[[Array, np.random.Generator], Array]
"""Images (N,C,H,W) → images of the same shape."""


@frozen(eq=False)
class Batch:
    """What one update sees: images (N,C,H,W) and their targets."""

    images: Array
    targets: Array


@frozen(eq=False)
class Batches:
    """A data set in a new order each epoch, in batches of `size`; the last may be smaller.

    `change` makes other images of the batch's own: shifted, turned, scaled. Two updates of the same
    number are equal, so a run that was stopped goes on as if it had not been.
    """

    images: Array
    targets: Array
    size: int
    seed: int = 0
    change: Change | None = None

    def __post_init__(self) -> None:
        if not len(self.images):
            raise UserError("the data set is empty: give at least one image.")
        if len(self.images) != len(self.targets):
            raise UserError(
                f"{len(self.images)} images have {len(self.targets)} targets: give one each."
            )
        if self.size < 1:
            raise UserError(f"batch size = {self.size} must be at least 1.")

    @property
    def per_epoch(self) -> int:
        """Updates until every image was seen once."""
        return -(-len(self.images) // self.size)

    def batch(self, iteration: int) -> Batch:
        """What the `iteration`-th update (from 1) sees."""
        epoch, place = divmod(iteration - 1, self.per_epoch)
        order = epoch_order(self.seed, epoch, len(self.images))
        chosen = order[place * self.size : (place + 1) * self.size]
        images = self.images[chosen]
        if self.change is not None:
            images = self.change(images, np.random.default_rng((self.seed, epoch, place + 1)))
        return Batch(images, self.targets[chosen])


@lru_cache(maxsize=4)
def epoch_order(seed: int, epoch: int, count: int) -> Array:
    """The order of an epoch; kept, since it takes a tenth of the time of a small update."""
    return freeze(np.random.default_rng((seed, epoch)).permutation(count))


def split(count: int, held_out: int, seed: int) -> tuple[Array, Array]:
    """Indices to train on and indices to hold out: together 0 … count − 1, each once, sorted."""
    if not 0 < held_out < count:
        raise UserError(f"{held_out} of {count} samples cannot be held out: leave some for each.")
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


@frozen
class Warp:
    """A change: each image is turned, scaled and shifted by random amounts up to these.

    `scale` 0.1 means a factor from 0.9 to 1.1. What comes from outside the image is 0.
    """

    rotation_deg: float
    scale: float
    shift_px: float

    def __call__(self, images: Array, random: np.random.Generator) -> Array:
        """The images, each changed in its own way about its center."""
        count = len(images)
        angle = np.deg2rad(random.uniform(-self.rotation_deg, self.rotation_deg, count))
        factor = random.uniform(1 - self.scale, 1 + self.scale, count)
        shift = random.uniform(-self.shift_px, self.shift_px, (count, 2))
        cosine, sine = np.cos(angle) / factor, np.sin(angle) / factor
        matrices = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
        return warped(images, matrices, shift)


def warped(images: Array, matrices: Array, shifts: Array) -> Array:
    """Each output pixel p takes its value from center + matrix · (p − center − shift), bilinearly.

    Images (N,C,H,W), matrices (N,2,2) and shifts (N,2) in (row, column).
    """
    height, width = images.shape[2:]
    center = np.array([(height - 1) / 2, (width - 1) / 2])
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"))
    offsets = grid.reshape(1, 2, -1) - center[:, None] - shifts[:, :, None]
    return _sampled(images, matrices @ offsets + center[:, None])


def _sampled(images: Array, places: Array) -> Array:
    """Bilinear values at places (N,2,H·W); an empty border of one pixel stands for the outside."""
    height, width = images.shape[2:]
    bordered = np.pad(images, ((0, 0), (0, 0), (1, 2), (1, 2)))
    row = np.clip(places[:, 0] + 1, 0, height + 1)
    column = np.clip(places[:, 1] + 1, 0, width + 1)
    top, left = np.floor(row).astype(np.intp), np.floor(column).astype(np.intp)
    down, right = (row - top).astype(images.dtype), (column - left).astype(images.dtype)
    flat = bordered.reshape(*images.shape[:2], -1)
    corner = (top * (width + 3) + left)[:, None]

    def value(offset: int) -> Array:
        found: Array = np.take_along_axis(flat, corner + offset, axis=2)
        return found

    down, right = down[:, None], right[:, None]
    upper = value(0) * (1 - right) + value(1) * right
    lower = value(width + 3) * (1 - right) + value(width + 4) * right
    sampled: Array = upper * (1 - down) + lower * down
    return sampled.reshape(images.shape)


@frozen
class Augmentation:
    """Each image is changed in its own way, by random amounts up to these.

    `flip`: left and right exchanged in every second image, on average. `scale` 0.1: a factor from
    0.9 to 1.1. `noise`: the standard deviation of what is added to every value, in the network's
    own units.

    Raises:
        UserError: an amount is negative or not finite, or a factor could reach 0.
    """

    flip: bool = setting(Setting("Mirror every second image"), default=False)
    shift_px: float = setting(Setting("Shift up to", "pixels", 0), default=0.0)
    rotation_deg: float = setting(Setting("Turn up to", "degrees", 0), default=0.0)
    scale: float = setting(Setting("Scale by up to", "0.1: from 0.9 to 1.1", 0), default=0.0)
    noise: float = setting(Setting("Noise", "standard deviation", 0), default=0.0)

    def __post_init__(self) -> None:
        for name in ("shift_px", "rotation_deg", "scale", "noise"):
            amount = getattr(self, name)
            if not (math.isfinite(amount) and amount >= 0):
                raise UserError(f"{name} = {amount} must be 0 or a positive number.")
        if self.scale >= 1:
            raise UserError(f"scale = {self.scale} must be below 1: no image becomes a point.")

    @property
    def is_none(self) -> bool:
        """Whether it leaves every image as it is."""
        return self == Augmentation()

    def __call__(self, images: Array, random: np.random.Generator) -> Array:
        """Images (N,C,H,W) → changed ones of the same shape and dtype."""
        if self.flip:
            turned = random.random(len(images)) < 0.5
            images = np.where(turned[:, None, None, None], images[..., ::-1], images)
        if self.shift_px or self.rotation_deg or self.scale:
            images = Warp(self.rotation_deg, self.scale, self.shift_px)(images, random)
        if self.noise:
            images = images + random.normal(0, self.noise, images.shape).astype(images.dtype)
        return images
