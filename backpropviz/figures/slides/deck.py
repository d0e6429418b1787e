"""A range of moments as slides: a slide for each block of a depth, drawn when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from backpropviz.figures.frames import FrameRange
from backpropviz.figures.slides.compose import compose
from backpropviz.figures.slides.look import SlideLook
from backpropviz.frozen import frozen
from backpropviz.scene.slide import Slide, as_slide


@frozen(eq=False)
class SlideRange:
    """The frames of a range, composed; without a look they are the stage as the window shows it."""

    frames: FrameRange
    look: SlideLook | None

    @property
    def count(self) -> int:
        return self.frames.count

    def __len__(self) -> int:
        return self.frames.count

    def __iter__(self) -> Iterator[Slide]:
        return (self.slide(number) for number in range(self.count))

    def slide(self, number: int) -> Slide:
        """One of them, counted from 0."""
        position = self.frames.positions[number]
        if self.look is not None:
            return compose(self.frames.view_at(position), self.look)
        theme = self.frames.theme
        return as_slide(self.frames.scene(position), theme, points_per_pixel=0.75)
