"""Winners and losers in any picture of the gradient that a max-pooling hands back."""

from __future__ import annotations

from collections.abc import Mapping

from backpropviz.engine.address import Address
from backpropviz.figures.pooling.pooled_plane import SWITCHES, Pixel, PooledPlane, pooled_plane
from backpropviz.figures.stage.panel import Mood
from backpropviz.figures.stage.planes import Plane
from backpropviz.figures.view import View
from backpropviz.scene.cells import CellState
from backpropviz.scene.numbers import shown_group

_MOST_CELLS = 64


def pool_moods(view: View, address: Address, plane: Plane) -> Mapping[Pixel, Mood]:
    """The moods of a plane that shows ∂L/∂(a max-pooling's input), under whatever name.

    A cell has one as soon as its gradient is computed; its note is the forward value that competed.
    """
    origin = view.tape.resolve(address.array)
    is_pooled = origin.is_gradient and origin.quantity == "input"
    if not is_pooled or Address(origin.layer, SWITCHES) not in view.tape:
        return {}
    if plane.wrapped or len(plane.selection) != 4 or plane.values.size > _MOST_CELLS:
        return {}
    sample, channel = plane.selection[:2]
    if sample is None or channel is None:
        return {}
    pooled = pooled_plane(view.tape, origin.layer, sample, channel)
    return _moods(pooled, plane, view.notation.letter(address.of("")).text)


def _moods(pooled: PooledPlane, plane: Plane, letter: str) -> dict[Pixel, Mood]:
    texts = shown_group(pooled.values.ravel().tolist())
    moods: dict[Pixel, Mood] = {}
    for row in range(plane.rows):
        for column in range(plane.columns):
            pixel = (row + plane.first_row, column + plane.first_column)
            if not plane.complete[row, column] or not pooled.is_reached(*pixel):
                continue
            won = pixel in pooled.won
            text = texts[pixel[0] * pooled.values.shape[1] + pixel[1]]
            moods[row, column] = Mood(
                CellState.WINNER if won else CellState.LOSER,
                "winner" if won else "loser",
                f"{letter} = {text}",
            )
    return moods
