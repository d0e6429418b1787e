"""The image of a pass as a small picture: true gray or color, or cells where there are few."""

from __future__ import annotations

from backpropviz.engine.kinds.protocol import IMAGE
from backpropviz.figures.network.thumbnails import photograph, thumbnail
from backpropviz.importers.fit import displayable
from backpropviz.scene.marks import Scene
from backpropviz.scene.theme import Theme
from backpropviz.ui.opened import Opened

_PHOTO_SIDE = 8


def image_thumbnail(opened: Opened, size: int, colors: Theme) -> Scene:
    """The image in a square of `size` px."""
    view, subject = opened.view, opened.subject
    image = view.tape[IMAGE][view.sample]
    is_photo = image.ndim == 3 and min(image.shape[1:]) >= _PHOTO_SIDE
    if is_photo and image.shape[0] == subject.model.preprocessing.channels:
        shown = displayable(image, subject.model.preprocessing)
        marks = photograph(shown, size, colors)
    else:
        marks = thumbnail(image, size, colors, view.scales.of(IMAGE, colors))
    return Scene(size, size, colors.panel, marks, subject.image_name)
