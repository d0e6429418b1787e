"""What a stop of an ancestry is, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backpropviz.debugger.ancestry import Contribution, Origin, Parentage, Path, Stop
from backpropviz.engine.address import Address
from backpropviz.engine.nest import Presence, Rule
from backpropviz.engine.network import IMAGE_NAME
from backpropviz.engine.program import Phase
from backpropviz.figures.number_groups import counted, said
from backpropviz.scene.marks import Color
from backpropviz.scene.theme import Theme

WINNER: Final = "winner"
LOSER: Final = "loser"
_ORIGINS: Final[Mapping[Origin, str]] = MappingProxyType(
    {
        Origin.START: "where the way back starts",
        Origin.IMAGE: "a pixel of the image, as it was given",
        Origin.PARAMETER: "a parameter, as training has left it",
        Origin.TARGET: "the target, as it was given",
        Origin.BEFORE: "the optimizer's state from earlier updates",
        Origin.KEPT: "kept by the layer on the way forward",
    }
)


def place_name(address: Address) -> str:
    """The layer that a value belongs to: `conv1`, `image`, `loss`."""
    return address.layer or address.quantity


def stop_words(found: Parentage) -> str:
    """How a value was made: `sum of 26 terms, the largest first, …`."""
    stop = found.stop
    if stop.is_end:
        return _ORIGINS[stop.origin]
    count = found.count
    if stop.rule is Rule.MAX:
        return f"the largest of {counted(count, 'value')}"
    if stop.rule is Rule.SUM and count > 1:
        return f"sum of {count:,} terms, the largest first, with their shares of all |terms|"
    return "a single term" if stop.rule is Rule.SUM else "computed from"


def phase_words(stop: Stop) -> str:
    """`backward`, or nothing for what was given."""
    return "" if stop.phase is None else stop.phase.value


def stop_color(stop: Stop, theme: Theme) -> Color:
    """The color of the phase that made it, of what was given that of its kind."""
    if stop.phase is not None:
        return phase_color(stop.phase, theme)
    if stop.address.is_gradient:
        return theme.backward
    return {
        Origin.IMAGE: theme.forward,
        Origin.PARAMETER: theme.update,
        Origin.BEFORE: theme.update,
        Origin.TARGET: theme.loss,
    }.get(stop.origin, theme.forward)


def phase_color(phase: Phase, theme: Theme) -> Color:
    """The color of a phase."""
    return {
        Phase.FORWARD: theme.forward,
        Phase.LOSS: theme.loss,
        Phase.BACKWARD: theme.backward,
        Phase.UPDATE: theme.update,
    }[phase]


def share_text(part: Contribution, found: Parentage) -> str:
    """A term's part of all: a percentage, of a maximum who won."""
    if found.stop.rule is Rule.MAX:
        return WINNER if part.share else LOSER
    if part.presence is Presence.PADDING:
        return "padding"
    if found.count == 1 and found.stop.rule is not Rule.SUM:
        return ""
    return percent(part.share)


def percent(share: float) -> str:
    """`8 %`; what is there, but less than 1 %, never as 0."""
    number = 100 * share
    return f"{number:.0f} %" if number >= 1 or not number else "<1 %"


def path_title(path: Path) -> str:
    """Where a path leads from a value."""
    root, last = path.stops[0], path.stops[-1]
    start = f"{root.named} = {said(root.value)}"
    if not path.steps:
        return f"{start}."
    goal = "∂L/∂L = 1" if last.origin is Origin.START else f"{last.address} = {said(last.value)}"
    return f"{start} leads back to {goal} in {counted(len(path.steps), 'step')}."


def ending(path: Path) -> str:
    """Why a path goes no farther."""
    last = path.stops[-1]
    if not last.is_end:
        return f"Nothing came through to {last.address}: all that it is made of is 0."
    if last.origin is Origin.START:
        return "Back at ∂L/∂L = 1, where every gradient starts."
    if last.address.quantity == IMAGE_NAME:
        return "Down to a pixel: nothing lies behind it."
    return f"Down to {last.address}: nothing lies behind it."
