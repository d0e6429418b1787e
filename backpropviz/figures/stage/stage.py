"""The stage: the picture of the current step, for the window and for every export.

A network's first step is mostly a convolution's, so the other stages are imported once they are
drawn, or by `import_all_stages` when nobody waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from backpropviz.engine.derivation import sample_shares
from backpropviz.engine.kinds.protocol import IMAGE, LOSS_NAME
from backpropviz.engine.tape import Phase
from backpropviz.engine.value import Array
from backpropviz.figures.ledger_rows import sign_color
from backpropviz.figures.numbers import Scales
from backpropviz.figures.stage.headings import HEADER_HEIGHT, header, path_parts
from backpropviz.figures.stage.losses import SAMPLE_LOSS, loss_stage
from backpropviz.figures.stage.operation import operation_stage
from backpropviz.figures.stage.pooled_plane import is_pooling
from backpropviz.figures.thumbnails import PHOTO_SIDE, photograph, thumbnail
from backpropviz.figures.view import SAMPLE_KEY, View, number_words, target_words
from backpropviz.files.fit import displayable
from backpropviz.frozen import frozen
from backpropviz.scene import theme as styles
from backpropviz.scene.marks import Box, Group, Line, Mark, Rect, Scene, Stroke, Text
from backpropviz.scene.text import elide
from backpropviz.scene.theme import Theme

_MARGIN = 32
_NARROW = 700
_STRIP_LIFT = 6


def stage(view: View, width: float, height: float, theme: Theme) -> Scene:
    """The step in focus as it will be when it has run."""
    margin = _MARGIN if width >= _NARROW else _MARGIN / 2
    body = Box(margin, HEADER_HEIGHT + 20, width - 2 * margin, height - HEADER_HEIGHT - 20 - 16)
    path = path_parts(view)
    above: tuple[Mark, ...] = ()
    if has_strip(view):
        strip = Box(body.x, body.y - _STRIP_LIFT, body.width, strip_height(view, body.width))
        above = tuple(sample_strip(view, strip, theme))
        body = Box(body.x, strip.bottom, body.width, body.bottom - strip.bottom)
    marks = (*header(view, path, width, theme), *above, *_body(view, body, theme))
    return Scene(width, height, theme.stage, marks, " › ".join(text for text, _ in path))


def import_all_stages() -> None:
    """Import now what a later step would wait for."""
    import backpropviz.figures.ledger
    import backpropviz.figures.stage.overview
    import backpropviz.figures.stage.pooling
    import backpropviz.figures.stage.update  # noqa: F401


def _body(view: View, body: Box, theme: Theme) -> tuple[Mark, ...]:
    """An operation's own stage where its kind has one that has something to say."""
    focus, own = view.focus, None
    if focus is None:
        from backpropviz.figures.stage.overview import overview_stage

        return overview_stage(view, body, theme)
    if focus.operation.phase is Phase.UPDATE:
        from backpropviz.figures.stage.update import update_stage

        own = update_stage(view, focus, body, theme)
    elif focus.operation.layer == LOSS_NAME:
        own = loss_stage(view, focus, body, theme)
    elif is_pooling(view.tape, focus.operation.layer):
        from backpropviz.figures.stage.pooling import pooling_stage

        own = pooling_stage(view, focus, body, theme)
    return operation_stage(view, focus, body, theme) if own is None else own


_LEFT, _NARROW_LEFT, _SAMPLE_STRIP_NARROW = 168.0, 148.0, 760.0
_LARGEST, _SMALLEST = 30, 13
_WIDE_GAP_FROM = 18
_BARS, _BELOW = 18.0, 16.0


def has_strip(view: View) -> bool:
    """Whether a batch of several is shown at a step that has to do with samples."""
    if view.tape.batch == 1:
        return False
    if view.is_done or not view.depth:
        return True
    operation = view.timeline.operations[view.timeline.operation_at(view.state.k)]
    return operation.phase is not Phase.UPDATE


def strip_height(view: View, width: float) -> float:
    """What the strip takes, with the room below it."""
    bars = _BARS if _bars(view) is not None else 0.0
    return max(_tile(view.tape.batch, width - _left(width)), 30) + bars + _BELOW


def sample_strip(view: View, box: Box, theme: Theme) -> Iterator[Mark]:
    """Words at the left, pictures at the right, below them a bar for each share."""
    yield from _words(view, box, theme)
    size = _tile(view.tape.batch, box.width - _left(box.width))
    # The samples that have room, the shown one among them.
    most = max(1, int(((box.width - _left(box.width)) + _gap(size)) // (size + _gap(size))))
    batch = view.tape.batch
    first = max(0, min(view.sample // most * most, batch - most))
    page = range(first, min(batch, first + most))
    x, step = round(box.x + _left(box.width)), size + _gap(size)
    bars = _bars(view)
    pictures = _pictures(view.scales, _Look(view, size, theme))
    for place, sample in enumerate(page):
        left = x + place * step
        yield Group(pictures[sample], left, round(box.y))
        if sample == view.sample:
            edges = (left - 2, round(box.y) - 2, size + 4, size + 4)
            yield Rect(*edges, stroke=Stroke(theme.here, 2.0), radius=2.0)
        if bars is not None:
            area = Box(left, round(box.y) + size + 4, size, _BARS - 4)
            value = float(bars.values[sample])
            unit = area.height / ((bars.high - bars.low) or 1.0)
            zero = area.y + bars.high * unit
            axis = round(zero) + 0.5
            yield Line(area.x, axis, area.right, axis, Stroke(theme.border))
            if value:
                top, bottom = sorted((zero, zero - value * unit))
                color = sign_color(value, theme)
                yield Rect(area.x + 2, top, area.width - 4, max(1.0, bottom - top), fill=color)
        height = size + (_BARS if bars is not None else 0)
        key = f"{SAMPLE_KEY}{sample}"
        yield Rect(left - 2, box.y, step, height, fill=theme.stage + "00", key=key)


def _words(view: View, box: Box, theme: Theme) -> Iterator[Mark]:
    room = _left(box.width) - 12
    name = elide(number_words(view, view.sample).capitalize(), styles.BODY_STRONG, room)
    yield Text(box.x, box.y + 12, name, styles.BODY_STRONG, theme.text)
    words = elide(target_words(view, view.sample), styles.ROW, room)
    if words:
        yield Text(box.x, box.y + 29, words, styles.ROW, theme.text_secondary)
    if _bars(view) is not None:
        text = "each one's loss" if view.shares is None or _is_of_loss(view) else "each one's share"
        size = _tile(view.tape.batch, box.width - _left(box.width))
        y = box.y + max(size, 30) + _BARS - 3
        yield Text(box.x, y, text, styles.LABEL, theme.text_tertiary)


def _is_of_loss(view: View) -> bool:
    focus = view.focus
    return focus is not None and focus.operation.layer == LOSS_NAME


@frozen(eq=False)
class _Bars:
    """A value a sample, 0 where there is none yet, on a scale that stays while they grow."""

    values: Array
    low: float
    high: float


def _bars(view: View) -> _Bars | None:
    """What the value in focus takes of each sample; at the loss, each one's loss."""
    if _is_of_loss(view) and SAMPLE_LOSS in view.tape:
        known = view.plane_status(SAMPLE_LOSS, (None,))
        return _scaled(np.where(known.computed, known.values, 0.0), view.tape[SAMPLE_LOSS])
    derivation, shares = view.explained.derivation, view.shares
    whole = None if derivation is None or shares is None else sample_shares(derivation)
    return None if shares is None or whole is None else _scaled(shares.values, whole.values)


def _scaled(values: Array, whole: Array) -> _Bars | None:
    """None where a value is no number to draw."""
    if not (np.isfinite(values).all() and np.isfinite(whole).all()):
        return None
    return _Bars(values, min(0.0, float(whole.min())), max(0.0, float(whole.max())))


def _left(width: float) -> float:
    return _LEFT if width >= _SAMPLE_STRIP_NARROW else _NARROW_LEFT


def _tile(count: int, room: float) -> int:
    """As large as lets all samples stand in a row; not too small to be told apart."""
    pitch = int(min(_LARGEST + _gap(_LARGEST), (room + 2) // count))
    return max(_SMALLEST, pitch - _gap(pitch - 4))


def _gap(size: int) -> int:
    return 4 if size >= _WIDE_GAP_FROM else 2


class _Look:
    """What the pictures depend on beside the pass; the view is only looked through."""

    __slots__ = ("size", "theme", "view")

    def __init__(self, view: View, size: int, theme: Theme) -> None:
        self.view, self.size, self.theme = view, size, theme

    def __hash__(self) -> int:
        return hash((self.size, self.theme.name))

    def __eq__(self, other: object) -> bool:
        mine = (self.size, self.theme)
        return isinstance(other, _Look) and mine == (other.size, other.theme)


@lru_cache(maxsize=4)
def _pictures(scales: Scales, look: _Look) -> tuple[tuple[Mark, ...], ...]:
    """Each sample's image as a small picture, kept for the pass that the scales stand for."""
    del scales
    view = look.view
    return tuple(_picture(view, image, look) for image in view.tape[IMAGE])


def _picture(view: View, image: Array, look: _Look) -> tuple[Mark, ...]:
    preprocessing = view.model.preprocessing
    is_large = image.ndim == 3 and min(image.shape[-2:]) >= PHOTO_SIDE
    if is_large and image.shape[0] == preprocessing.channels:
        return photograph(displayable(image, preprocessing), look.size, look.theme)
    scale = view.scales.of(IMAGE, look.theme)
    return thumbnail(image, look.size, look.theme, scale)
