"""Changes to a draft: each returns a new one, or says in a sentence why it cannot be done."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from backpropviz.document import to_fields
from backpropviz.engine.architecture.draft import Draft, survey
from backpropviz.engine.kinds.protocol import Layer
from backpropviz.engine.kinds.registry import (
    entry_of,
    layer_from_fields,
    loss_from_fields,
    loss_kinds,
)
from backpropviz.engine.model import (
    LONGEST_CLASS_NAME,
    LONGEST_NAME,
    MOST_LAYERS,
    check_input_shape,
    check_settings,
)
from backpropviz.engine.network import IMAGE_NAME, Node, check_name
from backpropviz.engine.value import Shape
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


def add(draft: Draft, layer: Layer, after: str) -> Draft:
    """Put a layer behind another one or the image; the next that read it reads the new one."""
    if len(draft.nodes) >= MOST_LAYERS:
        raise UserError(f"a network has at most {MOST_LAYERS:,} layers: remove one first.")
    place = 0 if after == IMAGE_NAME else draft.place(after) + 1
    name = free_name(draft, layer.about.word, is_numbered=layer.about.is_numbered)
    node = Node(name, layer, _first_inputs(draft, layer, after))
    following = list(draft.nodes[place:])
    for number, reader in enumerate(following):
        if after in reader.inputs:
            following[number] = _reading(reader, after, name)
            break
    return replace(draft, nodes=(*draft.nodes[:place], node, *following))


def added_name(before: Draft, after: Draft) -> str:
    """What the layer is called that an addition brought."""
    return next(iter(set(after.names) - set(before.names)), "")


def free_name(draft: Draft, word: str, *, is_numbered: bool = True) -> str:
    """The word with the first number that no layer has: `conv3`; the first flatten needs none."""
    taken, number = set(draft.names), 1
    if not is_numbered and word not in taken:
        return word
    while f"{word}{number}" in taken:
        number += 1
    return f"{word}{number}"


def remove(draft: Draft, name: str) -> Draft:
    """Take a layer out; who read it reads what it read first."""
    place = draft.place(name)
    source = draft.nodes[place].inputs[0]
    kept = (_reading(node, name, source) for node in draft.nodes if node.name != name)
    origins = {own: origin for own, origin in draft.origins.items() if own != name}
    return replace(draft, nodes=tuple(kept), origins=MappingProxyType(origins))


def move(draft: Draft, name: str, place: int) -> Draft:
    """Put a layer at another place of the order, past one neighbor after the other.

    Raises:
        UserError: it is part of a branch, so that its place follows from its inputs.
    """
    if not 0 <= place < len(draft.nodes):
        raise UserError(f"{name}: there is no place {place + 1} among {len(draft.nodes)} layers.")
    while (now := draft.place(name)) != place:
        draft = _exchanged(draft, min(now, now + (1 if place > now else -1)))
    return draft


def rename(draft: Draft, name: str, new: str) -> Draft:
    """Call a layer something else; those that read it follow."""
    if new == name:
        return draft
    place = draft.place(name)
    check_name(new, {IMAGE_NAME, *draft.names})
    if len(new) > LONGEST_NAME:
        raise UserError(f"the name has {len(new)} characters: use at most {LONGEST_NAME}.")
    nodes = [_reading(node, name, new) for node in draft.nodes]
    nodes[place] = replace(nodes[place], name=new)
    origins = {new if own == name else own: origin for own, origin in draft.origins.items()}
    return replace(draft, nodes=tuple(nodes), origins=MappingProxyType(origins))


def change_setting(draft: Draft, name: str, field: str, value: object) -> Draft:
    """Give one field of a layer another value, as JSON would have it."""
    settings = {**to_fields(draft.node(name).layer), field: value}
    check_settings(name, settings)
    return replace_layer(draft, name, layer_from_fields(settings, name))


def change_kind(draft: Draft, name: str, kind: str) -> Draft:
    """Make a layer one of another kind; the settings that both have stay where they can."""
    settings = to_fields(draft.node(name).layer)
    if settings["kind"] == kind:
        return draft
    usual = to_fields(entry_of(kind).layer)
    kept = {field: value for field, value in settings.items() if field in usual}
    try:
        layer = layer_from_fields({**usual, **kept, "kind": kind}, name)
    except UserError:
        layer = entry_of(kind).layer
    return _with_suitable_inputs(replace_layer(draft, name, layer), name)


def replace_layer(draft: Draft, name: str, layer: Layer) -> Draft:
    """Another layer under the same name and with the same inputs."""
    place = draft.place(name)
    nodes = list(draft.nodes)
    nodes[place] = replace(nodes[place], layer=layer)
    return replace(draft, nodes=tuple(nodes))


def change_inputs(draft: Draft, name: str, inputs: tuple[str, ...]) -> Draft:
    """Let a layer read others; only what comes before it can be read."""
    place = draft.place(name)
    if not inputs:
        raise UserError(f"{name}: it has no input; name an earlier layer or “{IMAGE_NAME}”.")
    known = draft.sources(name)
    for source in inputs:
        if source not in known:
            raise UserError(
                f"{name}: its input “{source}” is no earlier layer; there are {', '.join(known)}."
            )
    nodes = list(draft.nodes)
    nodes[place] = replace(nodes[place], inputs=inputs)
    return replace(draft, nodes=tuple(nodes))


def _first_inputs(draft: Draft, layer: Layer, after: str) -> tuple[str, ...]:
    """What a new layer reads; a join also reads what its block may have begun with."""
    if not layer.about.is_join:
        return (after,)
    return (after, _partner(draft, after))


def _partner(draft: Draft, name: str) -> str:
    """The nearest earlier output of the same shape, else the nearest one, else itself."""
    earlier = () if name == IMAGE_NAME else draft.sources(name)
    shapes = survey(draft).shapes
    like = [source for source in earlier if shapes.get(source) == shapes.get(name)]
    return (like or [*earlier] or [name])[-1]


def _with_suitable_inputs(draft: Draft, name: str) -> Draft:
    """Two inputs at least for a join, one for any other kind."""
    node = draft.node(name)
    is_join, first = node.layer.about.is_join, node.inputs[0]
    if is_join == (len(node.inputs) > 1):
        return draft
    inputs = (first, _partner(draft, first)) if is_join else (first,)
    return change_inputs(draft, name, inputs)


def _reading(node: Node, old: str, new: str) -> Node:
    if old not in node.inputs:
        return node
    inputs = tuple(new if source == old else source for source in node.inputs)
    return replace(node, inputs=inputs)


def _exchanged(draft: Draft, place: int) -> Draft:
    """Two neighbors in the other order; in a chain the wires go along."""
    upper, lower = draft.nodes[place], draft.nodes[place + 1]
    before, after = draft.nodes[:place], draft.nodes[place + 2 :]
    if upper.name not in lower.inputs:
        return replace(draft, nodes=(*before, lower, upper, *after))
    _check_chain(draft, upper, lower)
    first = replace(lower, inputs=upper.inputs)
    second = replace(upper, inputs=(lower.name,))
    rest = (_reading(node, lower.name, upper.name) for node in after)
    return replace(draft, nodes=(*before, first, second, *rest))


def _check_chain(draft: Draft, upper: Node, lower: Node) -> None:
    for node in (upper, lower):
        if len(node.inputs) > 1:
            raise UserError(
                f"{upper.name} and {lower.name} cannot change places, since {node.name} joins "
                f"{', '.join(node.inputs)}: change its inputs instead."
            )
    others = [node.name for node in draft.readers(upper.name) if node is not lower]
    if others:
        raise UserError(
            f"{upper.name} and {lower.name} cannot change places, since {', '.join(others)} also "
            f"reads {upper.name}: change its inputs first."
        )


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


@frozen
class Edit:
    """What was done, and the draft on its other side."""

    label: str
    draft: Draft


@frozen
class DraftHistory:
    """The present draft; `past` holds the drafts before it, `future` those undone."""

    present: Draft
    past: tuple[Edit, ...] = ()
    future: tuple[Edit, ...] = ()

    def edited(self, label: str, draft: Draft) -> DraftHistory:
        """After another edit; one that changes nothing is none."""
        if draft == self.present:
            return self
        return DraftHistory(draft, (*self.past, Edit(label, self.present)))

    def undone(self) -> DraftHistory:
        """Before the last edit; itself where there is none."""
        if not self.past:
            return self
        *past, last = self.past
        future = (*self.future, Edit(last.label, self.present))
        return DraftHistory(last.draft, tuple(past), future)

    def redone(self) -> DraftHistory:
        """After the edit that was undone last; itself where there is none."""
        if not self.future:
            return self
        *future, last = self.future
        past = (*self.past, Edit(last.label, self.present))
        return DraftHistory(last.draft, past, tuple(future))

    @property
    def undo_label(self) -> str:
        """What undoing would take back, or nothing."""
        return self.past[-1].label if self.past else ""

    @property
    def redo_label(self) -> str:
        """What would be done again, or nothing."""
        return self.future[-1].label if self.future else ""
