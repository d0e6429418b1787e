"""The stage: the picture of the current step, for the window and for every export.

A network's first step is mostly a convolution's, so the other stages are imported once they are
drawn, or by `import_all_stages` when nobody waits.
"""

from __future__ import annotations

from importlib import import_module

from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.program import Phase
from backpropviz.figures.pooling.pooled_plane import is_pooling
from backpropviz.figures.stage.focus import Focus
from backpropviz.figures.stage.headings import HEADER_HEIGHT, header, path_parts
from backpropviz.figures.stage.operation_stage import operation_stage
from backpropviz.figures.view import View
from backpropviz.scene.marks import Box, Mark, Scene
from backpropviz.scene.theme import Theme

_LATER = (
    "ledger.ledger",
    "overview.overview_stage",
    "pooling.pooling_stage",
    "stage.loss_stage",
    "stage.sample_strip",
    "stage.update_stage",
    "stage.wires",
)
_MARGIN = 32
_NARROW = 700
_STRIP_LIFT = 6


def stage(view: View, width: float, height: float, theme: Theme) -> Scene:
    """The step in focus as it will be when it has run."""
    margin = _MARGIN if width >= _NARROW else _MARGIN / 2
    body = Box(margin, HEADER_HEIGHT + 20, width - 2 * margin, height - HEADER_HEIGHT - 20 - 16)
    path = path_parts(view)
    above, body = _samples(view, body, theme)
    marks = (*header(view, path, width, theme), *above, *_body(view, body, theme))
    return Scene(width, height, theme.stage, marks, " › ".join(text for text, _ in path))


def _samples(view: View, body: Box, theme: Theme) -> tuple[tuple[Mark, ...], Box]:
    """The samples of a batch in a row, and what is left below."""
    if view.tape.batch == 1:
        return (), body
    from backpropviz.figures.stage.sample_strip import has_strip, sample_strip, strip_height

    if not has_strip(view):
        return (), body
    height = strip_height(view, body.width)
    strip = Box(body.x, body.y - _STRIP_LIFT, body.width, height)
    top = strip.bottom
    below = Box(body.x, top, body.width, body.bottom - top)
    return tuple(sample_strip(view, strip, theme)), below


def import_all_stages() -> None:
    """Import now what a later step would wait for."""
    for name in _LATER:
        import_module(f"backpropviz.figures.{name}")


def _body(view: View, body: Box, theme: Theme) -> tuple[Mark, ...]:
    focus = view.focus
    if focus is None:
        from backpropviz.figures.overview.overview_stage import overview_stage

        return overview_stage(view, body, theme)
    own = _own_stage(view, focus, body, theme)
    return operation_stage(view, focus, body, theme) if own is None else own


def _own_stage(view: View, focus: Focus, body: Box, theme: Theme) -> tuple[Mark, ...] | None:
    """The stage of a kind of operation that has one; None where it has nothing to say."""
    operation = focus.operation
    if operation.phase is Phase.UPDATE:
        from backpropviz.figures.stage.update_stage import update_stage

        return update_stage(view, focus, body, theme)
    if operation.layer == LOSS_NAME:
        from backpropviz.figures.stage.loss_stage import loss_stage

        return loss_stage(view, focus, body, theme)
    if is_pooling(view.tape, operation.layer):
        from backpropviz.figures.pooling.pooling_stage import pooling_stage

        return pooling_stage(view, focus, body, theme)
    return None
