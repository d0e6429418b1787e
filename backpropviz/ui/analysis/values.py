"""Which value a question is about."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.errors import UserError
from backpropviz.ui.mark_keys import address_of
from backpropviz.ui.opened import Opened
from backpropviz.ui.scene_view import SceneView


def value_in_question(opened: Opened, stage: SceneView) -> Address | None:
    """The focused, else the hovered, the last pinned, or the one that the step in focus makes."""
    keys = (stage.focused_key, stage.hovered_key)
    here = (*map(address_of, keys), *opened.state.pins[-1:], opened.focus_address)
    return next((a for a in here if a is not None and _is_value(opened, a)), None)


def _is_value(opened: Opened, address: Address) -> bool:
    """Whether it names one number of the pass, and no array."""
    try:
        return opened.view.tape[address].ndim == 0
    except UserError:
        return False


def without_part(address: Address) -> Address:
    """The value whose gradient, update or momentum is meant."""
    return Address(address.layer, address.quantity, "", address.indices)
