"""The nests of PReLU. Names: n sample, c channel, y x place, o the one slope of all channels."""

from __future__ import annotations

import numpy as np

from backpropviz.engine.arrays import Array
from backpropviz.engine.index import constant
from backpropviz.engine.kinds.protocol import LayerNests, Site
from backpropviz.engine.lettered import Lettering, sizes_of
from backpropviz.engine.nest import Computed, Coordinates, Factor, Nest, Region, Rule, Values
from backpropviz.engine.operands import Cell
from backpropviz.frozen import frozen


def prelu_nests(site: Site, *, shared: bool) -> LayerNests:
    """Output; ∂w, ∂X."""
    shape = site.output_shape
    letters = "ncyx" if len(shape) == 4 else "ni"
    return LayerNests(
        (_each(site, letters, shared=shared),),
        (_weight_gradient(site, letters, shared=shared), _each(site, letters, True, shared=shared)),
    )


def _each(site: Site, letters: str, is_gradient: bool = False, *, shared: bool) -> Nest:
    """The output, or the input's gradient: either value times 1 or the slope."""
    here = Lettering("element", _written(letters), sizes_of(site.output_shape, letters))
    slope = (
        Cell(site.quantity("weight"), (constant(0),))
        if shared
        else here.cell(site.quantity("weight"), letters[1])
    )
    value = here.cell(site.input(), letters)
    if not is_gradient:
        return Nest(
            site.output,
            site.output_shape,
            Rule.FUNCTION,
            (here.loops(letters, (value, slope)),),
            "{0} if {0} > 0 else {1} · {0}",
            lambda x, w: np.where(x > 0, x, w * x),
            "What is negative is scaled by a learned slope.",
        )
    return Nest(
        site.input().grad,
        site.inputs[0],
        Rule.FUNCTION,
        (here.loops(letters, (here.cell(site.output.grad, letters), value, slope)),),
        "{0} · (1 if {1} > 0 else {2})",
        lambda g, x, w: np.where(x > 0, g, w * g),
        "The slope of the function where it stands scales the upstream gradient.",
    )


def _weight_gradient(site: Site, letters: str, *, shared: bool) -> Nest:
    """By weight – | c | n y x (– | o | n c y x if shared), or by position n c | y x | –."""
    sizes = sizes_of(site.output_shape, letters, o=1)
    target = "o" if shared else letters[1]
    others = letters if shared else letters.replace(target, "")
    by_weight = Lettering("weight", f"|{target}|{others}", sizes)
    by_position = Lettering("position", _written(letters) + ("o" if shared else ""), sizes)
    orders = tuple(
        here.loops(
            target,
            (
                here.cell(site.output.grad, letters),
                here.cell(site.input(), letters),
                NotAbove(here.cell(site.input(), letters)),
            ),
            there.written,
        )
        for here, there in ((by_weight, by_position), (by_position, by_weight))
    )
    return Nest(
        site.quantity("weight").grad,
        site.parameters["weight"],
        Rule.SUM,
        orders,
        remark="The slope met every value that is not above 0, so it gathers from these.",
    )


def _written(letters: str) -> str:
    return "nc|yx|" if letters == "ncyx" else f"|{letters}|"


@frozen
class NotAbove(Computed):
    """1 where a value is not above 0, else 0."""

    cell: Cell

    @property
    def label(self) -> str:
        """The condition."""
        return "[x ≤ 0]"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """1 or 0, labelled with the question."""
        value = self.cell.at(values, coordinates).value
        return Factor(None, f"[{value:g} ≤ 0]", float(not value > 0))

    def block(self, values: Values, region: Region) -> Array:
        """1 where the value is not above 0."""
        return np.asarray(~(self.cell.block(values, region) > 0), dtype=np.float64)
