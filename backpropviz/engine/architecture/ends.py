"""Changes to what stands around the layers of a draft: title, input, loss, classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.architecture.limits import (
    LONGEST_CLASS_NAME,
    check_input_shape,
    check_settings,
)
from backpropviz.engine.arrays import Shape
from backpropviz.engine.fields import to_fields
from backpropviz.engine.kinds.registry import loss_from_fields, loss_kinds
from backpropviz.errors import UserError

LONGEST_TITLE: Final = 200
MOST_CLASSES: Final = 10_000


def change_title(draft: Draft, title: str) -> Draft:
    """Call the network something else."""
    wanted = title.strip()
    if not wanted or len(wanted) > LONGEST_TITLE or not wanted.isprintable():
        raise UserError(f"a title has 1 to {LONGEST_TITLE} characters in one line.")
    return replace(draft, title=wanted)


def change_input_shape(draft: Draft, shape: Shape) -> Draft:
    """Let the network take images of channels × height × width."""
    check_input_shape(shape)
    return replace(draft, input_shape=shape)


def change_loss(draft: Draft, kind: str) -> Draft:
    """Judge by another loss; the settings that both have stay."""
    kinds = loss_kinds()
    if kind not in kinds:
        raise UserError(f"“{kind}” is not a kind of loss; there are {', '.join(kinds)}.")
    usual = to_fields(kinds[kind]())
    kept = {field: value for field, value in to_fields(draft.loss).items() if field in usual}
    return replace(draft, loss=loss_from_fields({**usual, **kept, "kind": kind}))


def change_loss_setting(draft: Draft, field: str, value: object) -> Draft:
    """Give one field of the loss another value, as JSON would have it."""
    settings = {**to_fields(draft.loss), field: value}
    check_settings("loss", settings)
    return replace(draft, loss=loss_from_fields(settings))


def change_classes(draft: Draft, names: tuple[str, ...]) -> Draft:
    """Name the network's outputs; none for a regression."""
    if len(names) > MOST_CLASSES:
        raise UserError(f"{len(names):,} classes are too many: use at most {MOST_CLASSES:,}.")
    for name in names:
        if not name or len(name) > LONGEST_CLASS_NAME or not name.isprintable():
            raise UserError(
                f"“{name}” cannot name a class: use 1 to {LONGEST_CLASS_NAME} characters in one "
                "line."
            )
        if names.count(name) > 1:
            raise UserError(f"two classes are called “{name}”: give each its own name.")
    return replace(draft, class_names=names)
