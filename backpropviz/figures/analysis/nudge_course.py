"""The loss along one value: what the nudge figure draws, by real forward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

from backpropviz.engine.address import Address
from backpropviz.engine.backprop import Forward
from backpropviz.engine.base_point import BasePoint, Role, place
from backpropviz.engine.kink import Crossing, Flip
from backpropviz.engine.kinks import kinks_between
from backpropviz.engine.network import Network
from backpropviz.engine.nudge import Nudge, nudged_pass
from backpropviz.frozen import frozen
from backpropviz.scene.numbers import with_sign

SAMPLES = 61


@frozen
class Kink:
    """A corner of the loss, and the δ at which it lies.

    The δ is between two passes: where a unit's input is 0 on the line through both, or the middle.
    """

    crossing: Crossing
    delta: float

    @property
    def address(self) -> Address:
        """The unit or the window."""
        return self.crossing.address


@frozen
class Course:
    """One value moved over a range: passes by ascending δ, and the kinks between them."""

    nudges: tuple[Nudge, ...]
    kinks: tuple[Kink, ...]
    is_parameter: bool

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest and the largest δ."""
        return self.nudges[0].delta, self.nudges[-1].delta


def course(
    point: BasePoint,
    address: Address,
    reach: float,
    samples: int = SAMPLES,
    stop: Callable[[], bool] = bool,
) -> Course:
    """Nudges from −reach to +reach, an odd number of them so that one is at 0.

    Once `stop` says so it ends early: nobody waits for the rest.

    Raises:
        UserError: the address names nothing that can be nudged.
    """
    half = max(1, samples // 2)
    nudges: list[Nudge] = []
    kinks: list[Kink] = []
    last: Forward | None = None
    # A pass is let go once its successor is held against it: those of a large network are large.
    for k in takewhile(lambda _: not stop(), range(-half, half + 1)):
        nudge, run = nudged_pass(point, address, reach * k / half)
        if last is not None:
            kinks.extend(_kinks(point.network, (nudges[-1], last), (nudge, run)))
        nudges.append(nudge)
        last = run
    is_parameter = place(point, address).role is Role.PARAMETER
    return Course(tuple(nudges), tuple(kinks), is_parameter)


def crossed(point: BasePoint, run: Forward) -> tuple[Crossing, ...]:
    """The corners between the base and a nudged pass."""
    return tuple(kinks_between(point.network, point.forward, point.forward, run))


def kink_words(crossing: Crossing) -> str:
    """What happens at a kink, its address left aside: `input 0.0134 → −0.002`."""
    if isinstance(crossing, Flip):
        return f"input {_short(crossing.before)} → {_short(crossing.after)}"
    return f"winner {crossing.before} → {crossing.after}"


def first_named(kinks: Iterable[Crossing], most: int) -> tuple[tuple[Crossing, ...], int]:
    """The first kinks, one an address, and how many others there are."""
    found = list({kink.address: kink for kink in kinks}.values())
    return tuple(found[:most]), max(0, len(found) - most)


def _kinks(
    network: Network, left: tuple[Nudge, Forward], right: tuple[Nudge, Forward]
) -> Iterator[Kink]:
    """Every corner between two neighboring passes, in forward order."""
    for crossing in kinks_between(network, left[1], left[1], right[1]):
        yield Kink(crossing, _place(crossing, left[0].delta, right[0].delta))


def _short(value: float) -> str:
    """Three digits, with a plain exponent: `−6.64e−6`."""
    mantissa, _, power = f"{value + 0.0:.3g}".partition("e")
    return with_sign(f"{mantissa}e{int(power)}" if power else mantissa, signed=False)


def _place(crossing: Crossing, left: float, right: float) -> float:
    if not isinstance(crossing, Flip) or crossing.before == crossing.after:
        return (left + right) / 2
    share = (crossing.before - crossing.corner) / (crossing.before - crossing.after)
    return left + min(1.0, max(0.0, share)) * (right - left)
