"""A draft that fits together → a network and a model, with fresh weights or those it had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.architecture.survey import Survey, survey
from backpropviz.engine.arrays import Array, Shape, freeze
from backpropviz.engine.initialize import DEFAULT_SCHEME, initialize
from backpropviz.engine.mode import TRAIN
from backpropviz.engine.model import Example, Model
from backpropviz.engine.network import Network, Node
from backpropviz.engine.optimizer import Sgd
from backpropviz.engine.preprocessing import Preprocessing
from backpropviz.errors import UserError
from backpropviz.frozen import frozen


@frozen
class Start:
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


def build_model(draft: Draft, base: Model | None = None, start: Start | None = None) -> Model:
    """A model to open or to train; `base` is the one that the draft began with.

    Raises:
        UserError: the draft does not fit together, or there is no such initialization.
    """
    chosen = start or Start()
    network = build_network(draft)
    drawn = initialize(network, chosen.scheme, seed=chosen.seed)
    plan = weight_plan(draft, base if chosen.keeps_weights else None)
    for name in plan.kept:
        if base is not None:
            drawn[name] = dict(base.parameters[draft.origins[name]])
    return Model(
        draft.title,
        network,
        {layer: _frozen(own) for layer, own in drawn.items()},
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


def _frozen(own: dict[str, Array]) -> dict[str, Array]:
    return {name: freeze(array) for name, array in own.items()}


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


def _remark(plan: WeightPlan, start: Start) -> str:
    drawn = f"drawn by {start.scheme.replace('_', ' ')} with seed {start.seed}"
    if not plan.kept:
        return f"Untrained: its weights are {drawn}."
    new = f"; new, {drawn}: {', '.join(plan.fresh)}" if plan.fresh else ""
    return f"Weights kept: {', '.join(plan.kept)}{new}."
