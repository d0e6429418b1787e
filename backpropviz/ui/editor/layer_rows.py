"""The rows of the editor's list: image, layers, loss, each with what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.architecture.survey import LayerFacts, Survey
from backpropviz.engine.arrays import shape_text
from backpropviz.engine.kinds.kind import Family
from backpropviz.engine.kinds.protocol import LOSS_NAME
from backpropviz.engine.network import IMAGE_NAME, Node
from backpropviz.figures.network.layer_summary import layer_summary, loss_summary
from backpropviz.frozen import frozen

ICONS: Final[Mapping[Family, str]] = MappingProxyType(
    {
        Family.LEARNED: "grid-3x3",
        Family.ACTIVATION: "activity",
        Family.POOLING: "crop",
        Family.SHAPE: "arrow-left-right",
        Family.NORMALIZATION: "gauge",
        Family.JOIN: "git-branch",
    }
)
UNKNOWN: Final = "not known yet"


@frozen
class LayerRow:
    """One row; `problem` is why it does not fit, or nothing."""

    name: str
    summary: str
    icon: str
    shape: str
    count: str
    problem: str
    is_movable: bool = True


def editor_rows(draft: Draft, found: Survey) -> tuple[LayerRow, ...]:
    """All rows, from the image to the loss."""
    pairs = zip(draft.nodes, found.layers, strict=True)
    layers = (_layer(node, facts, found) for node, facts in pairs)
    shape = shape_text(draft.input_shape)
    classes = f"{len(draft.class_names)} classes" if draft.class_names else ""
    loss = LayerRow(
        LOSS_NAME,
        loss_summary(draft.loss),
        "target",
        classes,
        "",
        found.problem_at(LOSS_NAME),
        is_movable=False,
    )
    return (LayerRow(IMAGE_NAME, "", "image", shape, "", "", is_movable=False), *layers, loss)


def _layer(node: Node, facts: LayerFacts, found: Survey) -> LayerRow:
    problem = found.problem_at(node.name)
    shape = shape_text(facts.output) if facts.output else "does not fit" if problem else UNKNOWN
    count = f"{facts.parameters:,}" if facts.parameters else ""
    about = node.layer.about
    return LayerRow(node.name, layer_words(node), ICONS[about.family], shape, count, problem)


def layer_words(node: Node) -> str:
    """The layer's settings, or its kind; nothing where the name says it all."""
    about, words = node.layer.about, layer_summary(node)
    if words and words != node.layer.kind.replace("_", " "):
        return words
    is_told = node.name.rstrip("0123456789") == about.title.lower()
    return "" if is_told else about.title
