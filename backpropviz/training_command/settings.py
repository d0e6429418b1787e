"""The settings of a run from the words of `train`."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from typing import Any

from backpropviz.engine.fields import KIND_FIELD
from backpropviz.engine.optimizer import Optimizer, Sgd, optimizer_kinds
from backpropviz.engine.schedule import (
    Constant,
    Cosine,
    Curve,
    Product,
    Then,
    curve_from_fields,
    curve_kinds,
)
from backpropviz.engine.training.course import UNCHANGED, Hyperparameters
from backpropviz.engine.training.run import Run
from backpropviz.errors import UsageError, UserError
from backpropviz.number_text import LARGEST_WHOLE, real_number, whole_number

DEFAULTS = Hyperparameters(Sgd(0.02, 0.9), batch_size=32)
_SIMPLE = tuple(kind for kind in curve_kinds() if kind not in {Then.kind, Product.kind})


def with_settings(run: Run, done: int, arguments: argparse.Namespace) -> Run:
    """The run with what is asked for from the next update on; the rest stays."""
    old = run.course.at(done + 1)
    new = replace(
        old,
        optimizer=_optimizer(old.optimizer, arguments),
        batch_size=arguments.batch or old.batch_size,
    )
    run = run.with_course(run.course.changed(done + 1, new))
    if arguments.schedule is None:
        return run
    curve = read_schedule(arguments.schedule, updates_wanted(run, done, arguments))
    if done and curve != UNCHANGED:  # it begins now, not with the run
        curve = Then(UNCHANGED, done, curve)
    return run.with_course(run.course.changed(done + 1, replace(new, curve=curve)))


def updates_wanted(run: Run, done: int, arguments: argparse.Namespace) -> int:
    """How many updates to make: to the end of so many epochs, begun ones included, or fewer."""
    course = run.course
    place, size = course.place(done + 1), course.at(done + 1).batch_size
    rest = -(-(course.samples - place.first) // size)
    counts = [] if arguments.updates is None else [arguments.updates]
    if arguments.epochs is not None:
        counts.append(rest + (arguments.epochs - 1) * -(-course.samples // size))
    return int(min(counts))


def _optimizer(old: Optimizer, arguments: argparse.Namespace) -> Optimizer:
    kind = arguments.optimizer or old.kind
    optimizer: Any = old if kind == old.kind else optimizer_kinds()[kind]()
    if kind == Sgd.kind != old.kind:
        optimizer = DEFAULTS.optimizer
    wanted = {"learning_rate": arguments.learning_rate, "momentum": arguments.momentum}
    known = {field.name for field in fields(optimizer)}
    if wanted["momentum"] is not None and "momentum" not in known:
        raise UsageError(f"{kind} has no momentum to set: leave out --momentum.")
    given = {name: value for name, value in wanted.items() if value is not None}
    changed: Optimizer = replace(optimizer, **given)
    return changed


def read_schedule(text: str, updates: int) -> Curve:
    """`cosine`, `step:200:0.5`, `warm_up:50*cosine:500`: kinds with the numbers that they have.

    A cosine without numbers falls to 0 over so many updates.

    Raises:
        UsageError: it is not understood.
    """
    curves = [_curve(part.strip(), updates) for part in text.split("*")]
    found = curves[0]
    for curve in curves[1:]:
        found = Product(found, curve)
    return found


def _curve(text: str, updates: int) -> Curve:
    kind, *numbers = text.split(":")
    if kind not in _SIMPLE:
        raise UsageError(f"“{text}” is no schedule: use {', '.join(_SIMPLE)}, such as step:200.")
    if kind == Cosine.kind and not numbers:
        return Cosine(updates)
    if kind == Constant.kind and not numbers:
        return UNCHANGED
    names = [field.name for field in fields(curve_kinds()[kind])]  # type: ignore[arg-type]
    if len(numbers) > len(names):
        raise UsageError(f"“{text}”: {kind} has {len(names)} numbers at most.")
    given = dict(zip(names, map(_number, numbers), strict=False))
    try:
        return curve_from_fields({KIND_FIELD: kind, **given}, f"“{text}”")
    except UserError as error:
        raise UsageError(str(error)) from None


def _number(text: str) -> object:
    whole = whole_number(text, -LARGEST_WHOLE)
    return whole if whole is not None else text if (n := real_number(text)) is None else n
