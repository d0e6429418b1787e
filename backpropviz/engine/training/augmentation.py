"""Other images of the ones there are: flipped, shifted, turned, scaled, with noise."""

from __future__ import annotations

import math

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.data import Warp
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Augmentation:
    """Each image is changed in its own way, by random amounts up to these.

    `flip`: left and right exchanged in every second image, on average. `scale` 0.1: a factor from
    0.9 to 1.1. `noise`: the standard deviation of what is added to every value, in the network's
    own units.

    Raises:
        UserError: an amount is negative or not finite, or a factor could reach 0.
    """

    flip: bool = False
    shift_px: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        """Refuse amounts without meaning."""
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
