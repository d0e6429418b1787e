"""Keys of terms: `term:<n>`, n counting the places of a value's terms in the loops by target.

Places that hold no term (no such source) count too, so that n + the value's first step is a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Final

import numpy as np

from backpropviz.engine.address import Address, parse
from backpropviz.engine.arrays import Array
from backpropviz.engine.derivation import Derivation
from backpropviz.engine.operands import Cell, Choice
from backpropviz.engine.tape import Tape
from backpropviz.errors import UserError
from backpropviz.figures.explanation.explained_step import ExplainedStep
from backpropviz.figures.view import View

TERM: Final = "term:"
ARRAY: Final = "array:"
TERM_PATTERN: Final = f"{TERM}{{index}}"
_MOST_TERMS, _MOST_CELLS = 16, 256


def term_key(derivation: Derivation, number: int) -> str:
    """The key of the `number`-th term."""
    return f"{TERM}{int(derivation.positions[number])}"


def array_key(address: Address) -> str:
    """The key of an array's symbol."""
    return f"{ARRAY}{address.array}"


def term_number(derivation: Derivation, key: str) -> int | None:
    """Which term a key names; None for another key, and for a place that holds none."""
    text = key.removeprefix(TERM)
    if text == key or not text.isdigit():
        return None
    number = int(np.searchsorted(derivation.positions, int(text)))
    found = number < derivation.positions.size and derivation.positions[number] == int(text)
    return number if found else None


def term_step(view: View, key: str) -> int | None:
    """The step of the pass, in the chosen loop order, that computes a term of the shown value."""
    derivation, focus = view.explained.derivation, view.focus
    number = None if derivation is None else term_number(derivation, key)
    if derivation is None or focus is None or number is None:
        return None
    coordinates = derivation.coordinates(number)
    if focus.is_by_source:
        found = [index.at(coordinates) for index in focus.loops.locate]
        coordinates = tuple(c for c in found if c is not None)
    step = 0
    for coordinate, size in zip(coordinates, focus.loops.sizes, strict=True):
        step = step * size + coordinate
    return view.timeline.starts[view.timeline.operation_at(view.state.k)] + step


def lit_keys(step: ExplainedStep, key: str) -> tuple[str, ...]:
    """All that lights up with a key: a term's cells, a cell's terms, further names of a value."""
    derivation = step.derivation
    if not key:
        return ()
    if derivation is not None and key.startswith(TERM):
        number = term_number(derivation, key)
        return (key, *_cells_of(derivation, number, step.tape)) if number is not None else (key,)
    if key.startswith(ARRAY):
        return (key, *_cells_in(step, key.removeprefix(ARRAY)))
    if ":" in key:
        return (key,)
    try:
        address = parse(key)
    except UserError:
        return (key,)
    terms = () if derivation is None else tuple(_terms_with(derivation, address, step.tape))
    return (*_names(address, step.tape), *terms)


def _cells_of(derivation: Derivation, number: int, tape: Tape) -> Iterator[str]:
    for factor in derivation.terms[number].operands:
        if factor.address is not None:
            yield from _names(factor.address, tape)


def _cells_in(step: ExplainedStep, name: str) -> tuple[str, ...]:
    """The cells of an array that the value is made of; at a term, only the term's."""
    derivation = step.derivation
    if derivation is None:
        return ()
    current = step.progress.current
    numbers = range(derivation.positions.size) if current is None else (current,)
    found: dict[str, None] = {}
    for number in list(numbers)[:_MOST_CELLS]:
        for factor in derivation.terms[number].operands:
            if factor.address is not None and str(factor.address.array) == name:
                found.update(dict.fromkeys(_names(factor.address, step.tape)))
    return tuple(found)


def _names(address: Address, tape: Tape) -> tuple[str, ...]:
    """A value under every name that it has."""
    origin = tape.resolve(address)
    others = (name for name, own in tape.canonical.items() if own == origin.array)
    return tuple(
        dict.fromkeys(str(a) for a in (address, origin, *(o.at(address.indices) for o in others)))
    )


def _terms_with(derivation: Derivation, address: Address, tape: Tape) -> Iterator[str]:
    """The first terms that read a value."""
    origin = tape.resolve(address)
    operands = derivation.nest.by_target.operands
    cells = [o for operand in operands for o in _readers(operand)]
    for cell in cells:
        if tape.resolve(cell.address) == origin.array and len(cell.index) == len(origin.indices):
            hit = _reads(cell, derivation, origin.indices)
            for number in np.flatnonzero(hit)[:_MOST_TERMS]:
                yield term_key(derivation, int(number))


def _readers(operand: object) -> Iterator[Cell]:
    if isinstance(operand, Cell):
        yield operand
    elif isinstance(operand, Choice):
        for option in operand.options:
            yield from _readers(option)


def _reads(cell: Cell, derivation: Derivation, indices: tuple[int, ...]) -> Array:
    """Which terms read the value at `indices`."""
    region = derivation.region
    sizes = tuple(len(r) for r in region)
    conditions = []
    for index, wanted in zip(cell.index, indices, strict=True):
        found, exact = index.over(region)
        conditions.append(found == wanted if exact is None else (found == wanted) & exact)
    everywhere = reduce(np.logical_and, conditions, np.array(True))
    hit: Array = np.broadcast_to(everywhere, sizes).reshape(-1)[derivation.positions]
    return hit
