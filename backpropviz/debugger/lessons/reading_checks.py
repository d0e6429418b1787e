"""The `check` of a step, read from its table."""

from __future__ import annotations

from collections.abc import Mapping

from backpropviz.debugger.breakpoints import Breakpoint
from backpropviz.debugger.lessons.check import Check
from backpropviz.debugger.lessons.fields import address, expression, line_of
from backpropviz.debugger.state import StopReason
from backpropviz.debugger.steps import Depth, LoopOrder
from backpropviz.document import Value
from backpropviz.engine.address import Address
from backpropviz.engine.optimizer import optimizer_kinds
from backpropviz.engine.program import Phase
from backpropviz.errors import UserError

DEPTHS = tuple(depth.title for depth in Depth)
ORDERS = tuple(order.value for order in LoopOrder)
PHASES = tuple(phase.value for phase in Phase)
STOPS: Mapping[str, StopReason] = {
    "start": StopReason.START,
    "end": StopReason.END,
    "breakpoint": StopReason.BREAKPOINT,
}
PLACE_FIELDS = (
    "focus",
    "depth",
    "order",
    "phase",
    "layer",
    "reads",
    "computed",
    "pending",
    "stopped",
)
_MARK_FIELDS = ("watching", "pinned", "breakpoint", "target", "optimizer", "holds")


def read_check(field: Value) -> Check:
    """The conditions of a check.

    Raises:
        UserError: a field is unknown or cannot be read.
    """
    found = field.members((*PLACE_FIELDS, *_MARK_FIELDS), what="a check")
    if not found:
        raise field.error("this check asks for nothing: add a field, such as focus.")
    if "reads" in found and "focus" not in found:
        raise found["reads"].error("“reads” needs “focus” beside it: add the array or value.")
    return Check(
        focus=_address(found, "focus"),
        depth=read_depth(found["depth"]) if "depth" in found else None,
        order=LoopOrder(found["order"].choice(ORDERS)) if "order" in found else None,
        phase=Phase(found["phase"].choice(PHASES)) if "phase" in found else None,
        layer=found["layer"].words() if "layer" in found else None,
        reads=_address(found, "reads"),
        computed=_addresses(found, "computed"),
        pending=_addresses(found, "pending"),
        watching=_addresses(found, "watching"),
        pinned=_addresses(found, "pinned"),
        breakpoint=_breakpoint(found["breakpoint"]) if "breakpoint" in found else None,
        stopped=STOPS[found["stopped"].choice(tuple(STOPS))] if "stopped" in found else None,
        target=_numbers(found["target"]) if "target" in found else (),
        optimizer=_kind(found["optimizer"]) if "optimizer" in found else None,
        holds=expression(found["holds"]) if "holds" in found else None,
        line=line_of(field),
    )


def read_depth(field: Value) -> Depth:
    """A depth by its name."""
    return Depth(DEPTHS.index(field.choice(DEPTHS)))


def _address(found: Mapping[str, Value], name: str) -> Address | None:
    return address(found[name]) if name in found else None


def _addresses(found: Mapping[str, Value], name: str) -> tuple[Address, ...]:
    if name not in found:
        return ()
    return tuple(address(item) for item in found[name].one_or_more())


def _breakpoint(field: Value) -> Breakpoint:
    """An address, or a table with a phase, a layer, an address, a condition."""
    if isinstance(field.value, str):
        return Breakpoint(address=address(field))
    found = field.members(("phase", "layer", "address", "condition"), what="a breakpoint")
    try:
        return Breakpoint(
            Phase(found["phase"].choice(PHASES)) if "phase" in found else None,
            found["layer"].words() if "layer" in found else None,
            _address(found, "address"),
            found["condition"].words(lines=True) if "condition" in found else "",
        )
    except UserError as error:
        text = str(error)
        raise (
            error if text.startswith(field.place.begin.partition(",")[0]) else field.error(text)
        ) from None


def _numbers(field: Value) -> tuple[float, ...]:
    numbers = []
    for item in field.one_or_more():
        if isinstance(item.value, bool) or not isinstance(item.value, int | float):
            raise item.error("a target to check is a number or a list of numbers.")
        numbers.append(float(item.value))
    return tuple(numbers)


def _kind(field: Value) -> str:
    return field.choice(tuple(optimizer_kinds()))
