"""A network that need not be whole yet: its layers, whatever their shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import Final

from backpropviz.engine.initialize import DEFAULT_SCHEME, initialize
from backpropviz.engine.kinds.protocol import LOSS_NAME, Buffered, Loss
from backpropviz.engine.kinds.shape import Reshaping
from backpropviz.engine.model import TRAIN, Example, Model, Preprocessing, refuse_size
from backpropviz.engine.network import IMAGE_NAME, Network, Node
from backpropviz.engine.optimizers import Sgd
from backpropviz.engine.value import Shape, frozen_arrays, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Draft:
    """Layers in order, each reading earlier ones; every layer's own settings are sound.

    What may be wrong is how they fit together: see `survey`. `origins` name, for a layer that was
    there at the beginning, the layer of that network whose weights it can take.
    """

    title: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    loss: Loss
    class_names: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The layers' names, in order."""
        return tuple(node.name for node in self.nodes)

    @property
    def output(self) -> str:
        """The name of what the loss judges: the last layer, or the image where there is none."""
        return self.nodes[-1].name if self.nodes else IMAGE_NAME

    def place(self, name: str) -> int:
        """The number of a layer.

        Raises:
            UserError: there is none of that name.
        """
        for number, node in enumerate(self.nodes):
            if node.name == name:
                return number
        raise UserError(f"there is no layer “{name}”; there are {', '.join(self.names)}.")

    def node(self, name: str) -> Node:
        """A layer by its name; errors as for `place`."""
        return self.nodes[self.place(name)]

    def sources(self, name: str) -> tuple[str, ...]:
        """What a layer may read: the image and all earlier layers."""
        return (IMAGE_NAME, *self.names[: self.place(name)])

    def readers(self, name: str) -> tuple[Node, ...]:
        """The layers that read a layer's output, or the image."""
        return tuple(node for node in self.nodes if name in node.inputs)


def draft_of(network: Network, title: str = "", class_names: tuple[str, ...] = ()) -> Draft:
    """A network as a draft to go on with, all of whose weights are new."""
    return Draft(
        title or network.name, network.input_shape, network.nodes, network.loss, class_names
    )


def draft_of_model(model: Model) -> Draft:
    """A model's network with its title and classes; its layers know their weights again."""
    origins = MappingProxyType({node.name: node.name for node in model.network.nodes})
    draft = draft_of(model.network, model.title, model.class_names)
    return replace(draft, origins=origins)


@frozen
class Doubled:
    """An activation that is applied twice: by a layer, and by the loss."""

    layer: str
    activation: str
    loss: str

    @property
    def sentence(self) -> str:
        """What is wrong and what to do."""
        return (
            f"{self.layer} ({self.activation}) stands before {self.loss}, which applies a "
            f"{self.activation} itself: applied twice, it keeps the loss up and the gradients "
            f"small. Remove {self.layer}."
        )

    def least_loss(self, outputs: int) -> str:
        """How low the loss of a sample can come, in words: its inputs lie between 0 and 1."""
        if self.activation == "sigmoid":
            one, zero = math.log1p(math.exp(-1)), math.log(2)
            return f"{one:.3f} for an output that is to be 1, {zero:.3f} for one that is to be 0"
        return f"{math.log1p((outputs - 1) / math.e):.3f} with {outputs} classes"


def doubled(nodes: Sequence[Node], loss: Loss) -> Doubled | None:
    """The layer that applies what the loss applies, before it but for changes of shape."""
    by_name = {node.name: node for node in nodes}
    node = nodes[-1] if nodes else None
    while node is not None and isinstance(node.layer, Reshaping):
        node = by_name.get(node.inputs[0])
    if node is None or not loss.own_activation or node.layer.kind != loss.own_activation:
        return None
    return Doubled(node.name, node.layer.kind, loss.kind.replace("_", "-"))


BYTES_A_VALUE: Final = 4
"""float32."""


@frozen
class LayerSurvey:
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
class DraftProblem:
    """What does not fit: at which layer (`loss` for the end, empty for the whole), in words."""

    layer: str
    sentence: str

    def __str__(self) -> str:
        """The sentence with its place."""
        return f"{self.layer}: {self.sentence}" if self.layer else self.sentence


@frozen
class Survey:
    """The layers' facts in order, and the problems, the first one first."""

    layers: tuple[LayerSurvey, ...]
    shapes: Mapping[str, Shape]
    problems: tuple[DraftProblem, ...]
    remark: str = ""
    """What fits and is a mistake all the same."""

    @property
    def problem(self) -> DraftProblem | None:
        """The first one; None where the draft is a whole network."""
        return self.problems[0] if self.problems else None

    def facts(self, name: str) -> LayerSurvey:
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
    found: list[LayerSurvey] = []
    for node in draft.nodes:
        facts = _facts(node, shapes)
        if facts.output is not None:
            shapes[node.name] = facts.output
        found.append(facts)
    problems = [DraftProblem(facts.name, facts.problem) for facts in found if facts.problem]
    if not draft.nodes:
        problems.append(DraftProblem("", "the network has no layers: add one."))
    problems += _unread(draft)
    if not problems:
        problems += _too_large(found) or _at_the_end(draft, shapes[draft.output])
    twice = doubled(draft.nodes, draft.loss)
    remark = "" if twice is None else twice.sentence
    return Survey(tuple(found), shapes, tuple(problems), remark)


def _facts(node: Node, shapes: Mapping[str, Shape]) -> LayerSurvey:
    inputs = tuple(shapes.get(source) for source in node.inputs)
    known = tuple(shape for shape in inputs if shape is not None)
    if len(known) < len(inputs):
        return LayerSurvey(node.name, inputs)
    try:
        output = node.layer.output_shape(known)
        parameters = node.layer.parameter_shapes(known)
        buffers = node.layer.buffer_shapes(known) if isinstance(node.layer, Buffered) else {}
        return LayerSurvey(node.name, inputs, output, parameters, buffers)
    except UserError as error:
        return LayerSurvey(node.name, inputs, problem=_lowered(str(error)))


def _unread(draft: Draft) -> list[DraftProblem]:
    read = {source for node in draft.nodes for source in node.inputs} | {draft.output}
    sentence = "nothing uses its output: let a later layer read it, or remove it."
    return [DraftProblem(name, sentence) for name in draft.names if name not in read]


def _too_large(layers: list[LayerSurvey]) -> list[DraftProblem]:
    parameters = outputs = 0
    for facts in layers:
        shape = facts.output or ()
        parameters += facts.parameters or 0
        outputs += math.prod(shape)
        try:
            refuse_size(facts.name, shape, parameters, outputs)
        except UserError as error:
            return [DraftProblem(facts.name, str(error).removeprefix(f"{facts.name}: "))]
    return []


def _at_the_end(draft: Draft, output: Shape) -> list[DraftProblem]:
    """Whether the loss can judge the output, and the classes name it."""
    if draft.class_names and output != (len(draft.class_names),):
        return [
            DraftProblem(
                LOSS_NAME,
                f"{draft.output} gives {shape_text(output)}, but there are "
                f"{len(draft.class_names)} classes: give the last layer as many outputs, "
                "or change the classes.",
            )
        ]
    try:
        # A target that is right wherever the output is.
        target = 0 if draft.loss.about.is_of_classes else [0.0] * math.prod(output)
        draft.loss.target(target, (1, *output))
    except UserError as error:
        return [DraftProblem(LOSS_NAME, _lowered(str(error)))]
    return []


def _lowered(sentence: str) -> str:
    """For the middle of a sentence: the engine's own begin with a small letter or “The”."""
    return sentence[:1].lower() + sentence[1:] if sentence.startswith("The ") else sentence


def _total(parts: tuple[int | None, ...]) -> int | None:
    return None if None in parts else sum(part or 0 for part in parts)


@frozen
class WeightStart:
    """Where a model's weights come from: drawn with a seed, kept where the shapes still fit."""

    seed: int = 0
    scheme: str = DEFAULT_SCHEME
    keeps_weights: bool = False


@frozen
class WeightPlan:
    """Which layers with weights can keep those they had, and which begin anew."""

    kept: tuple[str, ...]
    fresh: tuple[str, ...]


def build_network(draft: Draft) -> Network:
    """The network of a whole draft.

    Raises:
        UserError: the first thing that does not fit, with its layer.
    """
    problem = survey(draft).problem
    if problem is not None:
        raise UserError(str(problem))
    return Network(draft.title, draft.input_shape, draft.nodes, draft.loss)


def weight_plan(draft: Draft, base: Model | None, found: Survey | None = None) -> WeightPlan:
    """What of a model's weights a draft could keep; `found` is its survey, where that is known."""
    kept: list[str] = []
    fresh: list[str] = []
    for node, facts in zip(draft.nodes, (found or survey(draft)).layers, strict=True):
        if facts.kept_shapes:
            fits = base is not None and _fits(base, draft, node, facts.kept_shapes)
            (kept if fits else fresh).append(node.name)
    return WeightPlan(tuple(kept), tuple(fresh))


def build_model(draft: Draft, base: Model | None = None, start: WeightStart | None = None) -> Model:
    """A model to open or to train; `base` is the one that the draft began with.

    Raises:
        UserError: the draft does not fit together, or there is no such initialization.
    """
    chosen = start or WeightStart()
    network = build_network(draft)
    drawn = initialize(network, chosen.scheme, seed=chosen.seed)
    plan = weight_plan(draft, base if chosen.keeps_weights else None)
    for name in plan.kept:
        if base is not None:
            drawn[name] = dict(base.parameters[draft.origins[name]])
    return Model(
        draft.title,
        network,
        frozen_arrays(drawn),
        _preprocessing(draft, base),
        draft.class_names,
        base.optimizer if base is not None else Sgd(),
        _example(draft, network, base),
        _remark(plan, chosen),
        base.mode if base is not None else TRAIN,
    )


def _fits(base: Model, draft: Draft, node: Node, shapes: Mapping[str, Shape]) -> bool:
    old = base.network.by_name.get(draft.origins.get(node.name, ""))
    if old is None or old.layer.kind != node.layer.kind:
        return False
    return dict(base.network.kept_shapes(old)) == dict(shapes)


def _preprocessing(draft: Draft, base: Model | None) -> Preprocessing:
    channels, height, width = draft.input_shape
    if base is not None and base.preprocessing.channels == channels:
        return replace(base.preprocessing, height=height, width=width)
    return Preprocessing(channels, height, width)


def _example(draft: Draft, network: Network, base: Model | None) -> Example | None:
    """The base's example, if image and target still fit."""
    example = base.example if base is not None else None
    if example is None or example.image.shape[1:] != draft.input_shape:
        return None
    try:
        network.loss.target(example.target, (1, *network.shapes[network.output]))
    except UserError:
        return None
    return example


def _remark(plan: WeightPlan, start: WeightStart) -> str:
    drawn = f"drawn by {start.scheme.replace('_', ' ')} with seed {start.seed}"
    if not plan.kept:
        return f"Untrained: its weights are {drawn}."
    new = f"; new, {drawn}: {', '.join(plan.fresh)}" if plan.fresh else ""
    return f"Weights kept: {', '.join(plan.kept)}{new}."
