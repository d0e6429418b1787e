"""What follows from a draft: shapes, counts and costs of each layer, and what does not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from backpropviz.engine.architecture.doubled import doubled
from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.architecture.limits import refuse_size
from backpropviz.engine.arrays import Shape, shape_text
from backpropviz.engine.kinds.protocol import LOSS_NAME, Buffered, Loss
from backpropviz.engine.network import IMAGE_NAME, Node
from backpropviz.errors import UserError
from backpropviz.frozen import frozen

BYTES_A_VALUE: Final = 4
"""float32."""


@frozen
class LayerFacts:
    """What is known of a layer; None where it follows from something that does not fit yet."""

    name: str
    inputs: tuple[Shape | None, ...]
    output: Shape | None = None
    parameter_shapes: Mapping[str, Shape] | None = None
    buffer_shapes: Mapping[str, Shape] | None = None
    problem: str = ""

    @property
    def kept_shapes(self) -> Mapping[str, Shape]:
        """All that is saved with the layer: parameters, then buffers; none while not known."""
        return {**(self.parameter_shapes or {}), **(self.buffer_shapes or {})}

    @property
    def parameters(self) -> int | None:
        """Number of trained values."""
        if self.parameter_shapes is None:
            return None
        return sum(math.prod(shape) for shape in self.parameter_shapes.values())

    @property
    def multiply_adds(self) -> int | None:
        """Multiplications with a weight, forward, for one image: weights × positions they serve."""
        if self.parameter_shapes is None or self.output is None:
            return None
        positions = math.prod(self.output[1:])
        shapes = self.parameter_shapes.values()
        return positions * sum(math.prod(shape) for shape in shapes if len(shape) > 1)

    @property
    def activation_bytes(self) -> int | None:
        """Memory of the output for one image, in float32."""
        return None if self.output is None else BYTES_A_VALUE * math.prod(self.output)


@frozen
class Problem:
    """What does not fit: at which layer (`loss` for the end, empty for the whole), in words."""

    layer: str
    sentence: str

    def __str__(self) -> str:
        """The sentence with its place."""
        return f"{self.layer}: {self.sentence}" if self.layer else self.sentence


@frozen
class Survey:
    """The layers' facts in order, and the problems, the first one first."""

    layers: tuple[LayerFacts, ...]
    shapes: Mapping[str, Shape]
    problems: tuple[Problem, ...]
    remark: str = ""
    """What fits and is a mistake all the same."""

    @property
    def problem(self) -> Problem | None:
        """The first one; None where the draft is a whole network."""
        return self.problems[0] if self.problems else None

    def facts(self, name: str) -> LayerFacts:
        """Those of a layer."""
        return next(facts for facts in self.layers if facts.name == name)

    def problem_at(self, name: str) -> str:
        """What does not fit at a layer, or nothing."""
        return next((found.sentence for found in self.problems if found.layer == name), "")

    @property
    def parameters(self) -> int | None:
        """Of all layers; None where one is not known yet."""
        return _total(tuple(facts.parameters for facts in self.layers))

    @property
    def multiply_adds(self) -> int | None:
        """Of all layers, for one image; None where one is not known yet."""
        return _total(tuple(facts.multiply_adds for facts in self.layers))

    @property
    def activation_bytes(self) -> int | None:
        """Of all outputs, for one image; None where one is not known yet."""
        return _total(tuple(facts.activation_bytes for facts in self.layers))


def survey(draft: Draft) -> Survey:
    """Shapes and counts as far as they are known, and every layer that does not fit."""
    shapes: dict[str, Shape] = {IMAGE_NAME: draft.input_shape}
    found: list[LayerFacts] = []
    for node in draft.nodes:
        facts = _facts(node, shapes)
        if facts.output is not None:
            shapes[node.name] = facts.output
        found.append(facts)
    problems = [Problem(facts.name, facts.problem) for facts in found if facts.problem]
    if not draft.nodes:
        problems.append(Problem("", "the network has no layers: add one."))
    problems += _unread(draft)
    if not problems:
        problems += _too_large(found) or _at_the_end(draft, shapes[draft.output])
    twice = doubled(draft.nodes, draft.loss)
    remark = "" if twice is None else twice.sentence
    return Survey(tuple(found), shapes, tuple(problems), remark)


def _facts(node: Node, shapes: Mapping[str, Shape]) -> LayerFacts:
    inputs = tuple(shapes.get(source) for source in node.inputs)
    known = tuple(shape for shape in inputs if shape is not None)
    if len(known) < len(inputs):
        return LayerFacts(node.name, inputs)
    try:
        output = node.layer.output_shape(known)
        parameters = node.layer.parameter_shapes(known)
        buffers = node.layer.buffer_shapes(known) if isinstance(node.layer, Buffered) else {}
        return LayerFacts(node.name, inputs, output, parameters, buffers)
    except UserError as error:
        return LayerFacts(node.name, inputs, problem=_lowered(str(error)))


def _unread(draft: Draft) -> list[Problem]:
    read = {source for node in draft.nodes for source in node.inputs} | {draft.output}
    sentence = "nothing uses its output: let a later layer read it, or remove it."
    return [Problem(name, sentence) for name in draft.names if name not in read]


def _too_large(layers: list[LayerFacts]) -> list[Problem]:
    parameters = outputs = 0
    for facts in layers:
        shape = facts.output or ()
        parameters += facts.parameters or 0
        outputs += math.prod(shape)
        try:
            refuse_size(facts.name, shape, parameters, outputs)
        except UserError as error:
            return [Problem(facts.name, str(error).removeprefix(f"{facts.name}: "))]
    return []


def _at_the_end(draft: Draft, output: Shape) -> list[Problem]:
    """Whether the loss can judge the output, and the classes name it."""
    if draft.class_names and output != (len(draft.class_names),):
        return [
            Problem(
                LOSS_NAME,
                f"{draft.output} gives {shape_text(output)}, but there are "
                f"{len(draft.class_names)} classes: give the last layer as many outputs, "
                "or change the classes.",
            )
        ]
    try:
        draft.loss.target(_some_target(draft.loss, output), (1, *output))
    except UserError as error:
        return [Problem(LOSS_NAME, _lowered(str(error)))]
    return []


def _some_target(loss: Loss, output: Shape) -> object:
    """A target that is right wherever the output is."""
    return 0 if loss.about.is_of_classes else [0.0] * math.prod(output)


def _lowered(sentence: str) -> str:
    """For the middle of a sentence: the engine's own begin with a small letter or “The”."""
    return sentence[:1].lower() + sentence[1:] if sentence.startswith("The ") else sentence


def _total(parts: tuple[int | None, ...]) -> int | None:
    return None if None in parts else sum(part or 0 for part in parts)
