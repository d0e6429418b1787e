"""Cross-entropy of a class, from logits: softmax and −log in one, so that nothing overflows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Final

import numpy as np

from backpropviz.engine.formula import Formula, log, operand, product, unequal, where
from backpropviz.engine.kernels import elementwise as kernel
from backpropviz.engine.kinds.configuration import (
    REDUCTION,
    Reduction,
    check_reduction,
    per_sample,
    reduction_factor,
)
from backpropviz.engine.kinds.protocol import (
    LOSS,
    TARGET,
    CodeNumber,
    LayerNests,
    LossKind,
    Quantity,
    Residuals,
    Site,
)
from backpropviz.engine.kinds.softmax import (
    STEPS,
    each_class,
    exponentials,
    largest,
    normalizer,
    over_classes,
    probabilities,
)
from backpropviz.engine.kinds.words import Sentences, Told, Words, opened
from backpropviz.engine.nest import (
    Axis,
    Computed,
    Coordinates,
    Factor,
    Index,
    Loops,
    Nest,
    NestRule,
    Operand,
    Present,
    Region,
    Values,
    variables,
)
from backpropviz.engine.operands import ArrayCell, Constant, function_nest
from backpropviz.engine.value import Address, Array, Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import Setting, frozen, setting


def _said(told: Told) -> Sentences:
    """A step from the logits to the loss."""
    value, quantity = told.said(told.value), told.address.quantity
    place = told.address.indices[-1] if told.address.indices else 0
    match quantity:
        case "max":
            bold = f"The largest logit is {value}."
        case "exp":
            bold = f"Class {place} weighs {value} among the classes."
        case "normalizer":
            bold = f"All classes together weigh {value}."
        case "probabilities":
            bold = f"Class {place} gets the probability {value}."
        case "sample":
            bold = f"This sample's loss is {value}."
        case "surprise":
            bold = f"If class {place} alone were wanted, its loss would be {value}."
        case "wanted":
            bold = f"Of class {place}, {value} is wanted."
        case "mass":
            bold = opened(told, f"The sample counts {value}.")
        case "weight_sum":
            bold = opened(told, f"The weights of the targets add up to {value}.")
        case _:
            bold = opened(told, f"The loss is {value}.")
    remark = told.derivation.nest.remark
    return Sentences(bold, (remark,) if remark else ())


def _pulled(told: Told) -> Sentences:
    """What a logit's gradient says of its class."""
    value, remark = told.said(abs(told.value)), told.derivation.nest.remark
    category = told.address.indices[-1]
    if told.layer.weighted is not None:
        what = "is pulled up" if told.value < 0 else "is pushed down"
        return Sentences(f"Class {category} {what}, at a rate of {value}.", (remark,))
    is_target = told.target_at(told.address.indices[0]) == category
    what = "is the target: raising its logit lowers"
    if not is_target:
        what = "is not the target: raising its logit raises"
    return Sentences(f"Class {category} {what} the loss, at a rate of {value}.", (remark,))


def _asked(loss: CrossEntropy, classes: int) -> Mapping[str, str]:
    reduced = "" if loss.reduction == "mean" else ', reduction="sum"'
    own = loss.class_weights
    weights = "" if own is None else f"torch.tensor({list(own)}, dtype=z.dtype)"
    options = f", weight={weights}" if weights else ""
    smoothing = loss.label_smoothing
    options += f", label_smoothing={smoothing!r}" if smoothing else ""
    shifted = "torch.exp(z - z.max(1, keepdim=True).values)"
    wanted = f"F.one_hot(t, {classes}).to(z.dtype)"
    wanted = f"(1 - {smoothing!r}) * {wanted} + {smoothing!r} / {classes}" if smoothing else wanted
    wanted = f"({wanted}) * {weights}" if weights else wanted
    return {
        "max": "z.max(1).values",
        "exp": shifted,
        "normalizer": f"{shifted}.sum(1)",
        "probabilities": "F.softmax(z, dim=1)",
        "sample": f'F.cross_entropy(z, t, reduction="none"{options})',
        "loss": f"F.cross_entropy(z, t{reduced}{options})",
        "surprise": f"torch.where(({wanted}) != 0, -F.log_softmax(z, dim=1), 0.0)",
        "wanted": wanted,
        "mass": f"({wanted}).sum(1)",
        "weight_sum": f"{weights}[t].sum()",
    }


def _code_numbers(loss: CrossEntropy, classes: int) -> Mapping[str, CodeNumber]:
    smoothing = loss.label_smoothing
    weights = {} if loss.class_weights is None else {"w": loss.class_weights}
    return {"eps": smoothing, "delta": smoothing / classes, **weights}


@frozen
class CrossEntropy:
    """L[n] = log Σ_k exp(z[n,k]) − z[n,t]; ∂L/∂z[n,k] = (p[n,k] − [k = t]) · 1/N.

    The target is a class index for each image. `label_smoothing` gives that share of what is wanted
    to all classes alike; `class_weights` count a class more or less, and the mean is then over the
    weights of the targets, as in PyTorch.
    """

    kind: ClassVar[str] = "cross_entropy"
    own_activation: ClassVar[str] = "softmax"
    also_called: ClassVar[tuple[str, ...]] = (
        "categorical_cross_entropy",
        "sparse_categorical_cross_entropy",
    )
    about: ClassVar[LossKind] = LossKind(
        "Cross-entropy",
        _asked,
        Words(_said, _pulled),
        quantities={
            **STEPS,
            "sample": Quantity("ℓ", is_spelled_out=False),
            "surprise": Quantity("u"),
            "wanted": Quantity("y"),
            "mass": Quantity("Y"),
            "weight_sum": Quantity("w"),
        },
        code_numbers=_code_numbers,
        is_of_classes=True,
        is_of_samples=lambda loss: not loss.class_weights,
        figure="classes",
    )
    reduction: Reduction = setting(REDUCTION, default="mean")
    label_smoothing: float = setting(
        Setting("Smoothing", "The share of the target given to all classes alike.", 0, most=1),
        default=0.0,
    )
    class_weights: tuple[float, ...] | None = setting(
        Setting("Class weights", "How much each class counts; empty: all the same."), default=None
    )

    def __post_init__(self) -> None:
        check_reduction(self.reduction)
        if not 0 <= self.label_smoothing <= 1:
            raise UserError(f"label_smoothing = {self.label_smoothing} must be from 0 to 1.")
        for weight in self.class_weights or ():
            if not math.isfinite(weight):
                raise UserError(f"class weight {weight} must be a finite number.")

    @property
    def weighted(self) -> WeightedCrossEntropy | None:
        """The smoothed or weighted form, if one is asked for."""
        if not self.label_smoothing and self.class_weights is None:
            return None
        return WeightedCrossEntropy(self.reduction, self.label_smoothing, self.class_weights)

    def target(self, value: object, prediction: Shape) -> Array:
        """One class index a sample, as an array (N)."""
        if len(prediction) != 2:
            raise UserError(
                "cross-entropy needs one number for each class, but the network's output is "
                f"{shape_text(prediction[1:])}: add a flatten or dense layer."
            )
        samples, classes = prediction
        if self.class_weights is not None and len(self.class_weights) != classes:
            raise UserError(
                f"{len(self.class_weights)} class weights do not fit {classes} classes: "
                "give one for each."
            )
        found = _listed(value)
        if len(found) != samples:
            raise UserError(
                f"{len(found)} targets do not fit {samples} images: give one class for each."
            )
        for index in found:
            if not 0 <= index < classes:
                raise UserError(
                    f"target {index} is out of range: the network has {classes} classes, "
                    f"0 to {classes - 1}."
                )
        return found.astype(np.int64)

    def forward(self, prediction: Array, target: Array) -> tuple[Array, Residuals]:
        """The loss; softmax's four steps and each sample's loss are kept."""
        largest = kernel.maximum(prediction)
        powers = kernel.exponentials(prediction, largest)
        normalizer = kernel.normalizer(powers)
        kept = {
            "max": largest,
            "exp": powers,
            "normalizer": normalizer,
            "probabilities": kernel.probabilities(powers, normalizer),
        }
        if (weighted := self.weighted) is not None:
            kept |= weighted.residuals(prediction, largest, normalizer, target)
            loss = np.add.reduce(kept["sample"]) * weighted.share(kept, len(target))
            return np.asarray(loss, dtype=prediction.dtype), kept
        chosen = prediction[np.arange(len(target)), target]
        sample = kept["sample"] = np.log(normalizer) - (chosen - largest)
        loss = np.add.reduce(sample) * per_sample(self.reduction, len(target))
        return np.asarray(loss, dtype=prediction.dtype), kept

    def vjp(self, upstream: Array, residuals: Residuals, target: Array) -> Array:
        """(p − [k = t]) · 1/N · ∂L/∂L."""
        if (weighted := self.weighted) is not None:
            return weighted.gradient(upstream, residuals)
        gradient = residuals["probabilities"].copy()
        gradient[np.arange(len(target)), target] -= 1
        gradient *= upstream * per_sample(self.reduction, len(target))
        return gradient

    def nests(self, site: Site) -> LayerNests:
        """max, exp, normalizer, probabilities, sample, loss; ∂X."""
        if (weighted := self.weighted) is not None:
            return weighted.nests(site)
        samples, shape = site.inputs[0][0], site.inputs[0]
        steps = (*softmax_steps(site), _sample(site, samples), _loss(site, samples, self.reduction))
        return LayerNests(steps, (_gradient(site, shape, self.reduction),))


def _listed(value: object) -> Array:
    """One class or several, as an array with one dimension."""
    try:
        found = np.atleast_1d(np.asarray(value))
    except ValueError:
        raise UserError("the targets are no list: give a whole number for each image.") from None
    if found.ndim > 1:
        raise UserError(
            f"targets of {shape_text(found.shape)} are no classes: give one number for each image."
        )
    for item in found:
        if isinstance(item, bool | np.bool_) or not isinstance(item, int | np.integer):
            raise UserError(f"target {item} is no class: give a whole number for each image.")
    return found


# Names: n sample, k class, t the target class.


def softmax_steps(site: Site) -> tuple[Nest, ...]:
    """max, exp, normalizer, probabilities."""
    shape, name = site.inputs[0], site.quantity
    return (
        largest(name("max"), shape, site.input()),
        exponentials(name("exp"), shape, site.input(), name("max")),
        normalizer(name("normalizer"), shape, name("exp")),
        probabilities(name("probabilities"), shape, name("exp"), name("normalizer")),
    )


def _sample(site: Site, samples: int) -> Nest:
    (n,) = variables(1)
    operands = (
        ArrayCell(site.quantity("normalizer"), (n,)),
        TargetCell(site.input(), n),
        ArrayCell(site.quantity("max"), (n,)),
    )
    return function_nest(
        site.quantity("sample"),
        (samples,),
        Loops("sample", (Axis("n", samples),), 0, 1, (n,), operands),
        lambda normalizer, z, largest: log(normalizer) - (z - largest),
        "This is −log of the target class's probability.",
    )


def _loss(site: Site, samples: int, reduction: Reduction) -> Nest:
    (n,) = variables(1)
    factor = reduction_factor(reduction, samples)
    operands: tuple[Operand, ...] = (ArrayCell(site.quantity("sample"), (n,)), *factor)
    loops = Loops("loss", (Axis("n", samples),), 0, 0, (), operands)
    return Nest(LOSS, (), NestRule.SUM, (loops,), remark=f"The {reduction} over the batch.")


def _gradient(site: Site, shape: Shape, reduction: Reduction) -> Nest:
    n, k = variables(2)
    factor = reduction_factor(reduction, shape[0])
    operands: tuple[Operand, ...] = (
        ArrayCell(site.quantity("probabilities"), (n, k)),
        IsTarget(n, k),
        *factor,
        ArrayCell(LOSS.grad, ()),
    )
    return function_nest(
        site.input().grad,
        shape,
        each_class(shape, operands),
        lambda p, hit, *factors: product((p - hit, *factors)),
        "The target class is raised, every other is lowered, in proportion to its probability.",
    )


@frozen
class TargetCell(Present):
    """An array's value at the sample's target class."""

    address: Address
    sample: Index

    @property
    def reads(self) -> tuple[Address, ...]:
        return (self.address.array, TARGET)

    @property
    def index(self) -> tuple[Index, ...]:
        """Empty: the class is not a map of the coordinates."""
        return ()

    @property
    def label(self) -> str:
        """A cell is called by its address."""
        return ""

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        n = coordinates[self.sample.axis]
        cell = (n, int(values[TARGET][n]))
        return Factor(self.address.at(cell), "", float(values[self.address][cell]))

    def block(self, values: Values, region: Region) -> Array:
        samples, _ = self.sample.over(region)
        return values[self.address][samples, values[TARGET][samples]]


@frozen
class IsTarget(Computed):
    """1 for the sample's target class, else 0."""

    sample: Index
    category: Index

    @property
    def reads(self) -> tuple[Address, ...]:
        return (TARGET,)

    @property
    def index(self) -> tuple[Index, ...]:
        """The target that is asked for."""
        return (self.sample,)

    @property
    def label(self) -> str:
        return "[k = t]"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        """1 or 0, labelled with the question."""
        category = coordinates[self.category.axis]
        target = int(values[TARGET][coordinates[self.sample.axis]])
        return Factor(None, f"[{category} = {target}]", float(category == target))

    def block(self, values: Values, region: Region) -> Array:
        """1 where the class is the target."""
        targets = values[TARGET][self.sample.over(region)[0]]
        return np.asarray(self.category.over(region)[0] == targets, dtype=np.float64)


@frozen
class WeightedCrossEntropy:
    """The arrays and nests of one smoothed or weighted cross-entropy.

    wanted[n,k] = w[k] · ((1 − ε) · [k = t] + ε/K);  L[n] = Σ_k wanted[n,k] · −log p[n,k], where a
    class that is not wanted at all adds nothing, whatever its probability.
    """

    reduction: Reduction
    smoothing: float
    weights: tuple[float, ...] | None = field(default=None)

    @property
    def divides_by_weights(self) -> bool:
        """Whether the mean is taken over the weights of the targets, not over the samples."""
        return self.weights is not None and self.reduction == "mean"

    def residuals(
        self, prediction: Array, largest: Array, normalizer: Array, target: Array
    ) -> Residuals:
        """wanted, surprise, mass and sample; weight_sum where the mean divides by it."""
        wanted = self._wanted(prediction.shape, target).astype(prediction.dtype)
        surprise = _SURPRISE(normalizer[:, None], prediction, largest[:, None], wanted)
        kept: dict[str, Array] = {
            "wanted": wanted,
            "surprise": surprise,
            "mass": np.add.reduce(wanted, axis=1),
            "sample": np.add.reduce(wanted * surprise, axis=1),
        }
        if self.divides_by_weights:
            weights = np.asarray(self.weights, dtype=prediction.dtype)
            kept["weight_sum"] = np.asarray(np.add.reduce(weights[target]))
        return kept

    def share(self, residuals: Residuals, count: int) -> Array:
        """What each sample's loss is multiplied with."""
        if not self.divides_by_weights:
            return np.asarray(per_sample(self.reduction, count))
        with np.errstate(divide="ignore"):  # all targets weigh nothing: the loss is no number
            return np.asarray(1 / residuals["weight_sum"])

    def gradient(self, upstream: Array, residuals: Residuals) -> Array:
        """(p · mass − wanted) · share · ∂L/∂L."""
        gradient = residuals["probabilities"] * residuals["mass"][:, None]
        gradient -= residuals["wanted"]
        gradient *= upstream * self.share(residuals, len(gradient))
        return np.asarray(gradient)

    def _wanted(self, shape: Shape, target: Array) -> Array:
        samples, classes = shape
        wanted = np.full(shape, self.smoothing / classes)
        wanted[np.arange(samples), target] += 1 - self.smoothing
        return wanted if self.weights is None else wanted * np.asarray(self.weights)

    def nests(self, site: Site) -> LayerNests:
        """The steps of softmax, wanted, surprise, mass, sample, weight_sum, loss; ∂X."""
        return LayerNests(tuple(self._forward(site)), (self._gradient_nest(site),))

    def _forward(self, site: Site) -> Iterator[Nest]:
        shape, name = site.inputs[0], site.quantity
        yield from softmax_steps(site)
        yield self._wanted_nest(site, shape)
        yield _surprise(site, shape)
        remark = "How much the sample counts: all that is wanted of its classes."
        yield over_classes(name("mass"), shape, NestRule.SUM, (name("wanted"),), remark)
        factors = (name("wanted"), name("surprise"))
        remark = "The surprises, each as far as its class is wanted."
        yield over_classes(name("sample"), shape, NestRule.SUM, factors, remark)
        if self.divides_by_weights:
            yield self._weight_sum(site, shape[0])
        yield self._loss(site, shape[0])

    def _wanted_nest(self, site: Site, shape: Shape) -> Nest:
        n, k = variables(2)
        hit: tuple[Operand, ...] = (IsTarget(n, k),)
        if self.smoothing:
            rest = Constant("δ", self.smoothing / shape[1])
            hit = (Constant("1 − ε", 1 - self.smoothing), *hit, rest)
        if self.weights is not None:
            hit = (*hit, ClassWeight(self.weights, k))
        return function_nest(
            site.quantity("wanted"),
            shape,
            each_class(shape, hit),
            self._wanted_formula,
            self._wanted_remark(),
        )

    def _wanted_remark(self) -> str:
        if not self.smoothing:
            return "What the target asks of each class, as far as the class counts."
        return "What the target asks of each class: smoothing takes ε from it, δ = ε/K for each."

    def _wanted_formula(self, *given: Formula) -> Formula:
        hit, *further = given[1:] if self.smoothing else given
        value = given[0] * hit + further.pop(0) if self.smoothing else hit
        return value * further[0] if further else value

    def _weight_sum(self, site: Site, samples: int) -> Nest:
        (n,) = variables(1)
        weight = TargetWeight(self.weights or (), n)
        loops = Loops("loss", (Axis("n", samples),), 0, 0, (), (weight,))
        remark = "The weights of the targets, over which the mean is taken."
        return Nest(site.quantity("weight_sum"), (), NestRule.SUM, (loops,), remark=remark)

    def _loss(self, site: Site, samples: int) -> Nest:
        (n,) = variables(1)
        operands = (ArrayCell(site.quantity("sample"), (n,)), *self._share_operand(site, samples))
        loops = Loops("loss", (Axis("n", samples),), 0, 0, (), operands)
        remark = f"The {self.reduction} over the batch."
        if self.divides_by_weights:
            remark = "The mean over the targets' weights: share is one over their sum."
        return Nest(LOSS, (), NestRule.SUM, (loops,), remark=remark)

    def _share_operand(self, site: Site, samples: int) -> tuple[Operand, ...]:
        if self.divides_by_weights:
            return (OneOver(site.quantity("weight_sum"), "share"),)
        return reduction_factor(self.reduction, samples)

    def _gradient_nest(self, site: Site) -> Nest:
        n, k = variables(2)
        shape, name = site.inputs[0], site.quantity
        factor = self._share_operand(site, shape[0])
        operands: tuple[Operand, ...] = (
            ArrayCell(name("probabilities"), (n, k)),
            ArrayCell(name("mass"), (n,)),
            ArrayCell(name("wanted"), (n, k)),
            *factor,
            ArrayCell(LOSS.grad, ()),
        )
        return function_nest(
            site.input().grad,
            shape,
            each_class(shape, operands),
            lambda p, mass, wanted, *factors: product((p * mass - wanted, *factors)),
            "A class is raised as far as it is wanted and lowered as far as it is believed.",
        )


def _surprise(site: Site, shape: Shape) -> Nest:
    n, k = variables(2)
    name = site.quantity
    operands = (
        ArrayCell(name("normalizer"), (n,)),
        ArrayCell(site.input(), (n, k)),
        ArrayCell(name("max"), (n,)),
        ArrayCell(name("wanted"), (n, k)),
    )
    return function_nest(
        name("surprise"),
        shape,
        each_class(shape, operands),
        _surprised,
        "This is −log of the class's probability, or 0 where the class is not wanted at all.",
    )


def _surprised(normalizer: Formula, z: Formula, largest: Formula, wanted: Formula) -> Formula:
    """−log p where a class is wanted: elsewhere 0 · ∞ would be no number."""
    return where(unequal(wanted, 0), log(normalizer) - (z - largest), 0)


_SURPRISE: Final = _surprised(*map(operand, range(4)))


@frozen
class ClassWeight(Computed):
    """w[k]."""

    weights: tuple[float, ...]
    category: Index

    @property
    def label(self) -> str:
        return "w"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        category = coordinates[self.category.axis]
        return Factor(None, f"w[{category}]", self.weights[category])

    def block(self, values: Values, region: Region) -> Array:
        return np.asarray(self.weights)[self.category.over(region)[0]]


@frozen
class TargetWeight(Computed):
    """w[t], the weight of the sample's target class."""

    weights: tuple[float, ...]
    sample: Index

    @property
    def reads(self) -> tuple[Address, ...]:
        return (TARGET,)

    @property
    def label(self) -> str:
        return "w"

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        category = int(values[TARGET][coordinates[self.sample.axis]])
        return Factor(None, f"w[{category}]", self.weights[category])

    def block(self, values: Values, region: Region) -> Array:
        return np.asarray(self.weights)[values[TARGET][self.sample.over(region)[0]]]


@frozen
class OneOver(Computed):
    """1 / a number of the pass."""

    source: Address
    label: str

    @property
    def reads(self) -> tuple[Address, ...]:
        return (self.source,)

    def at(self, values: Values, coordinates: Coordinates) -> Factor:
        return Factor(None, self.label, float(self._value(values)))

    def block(self, values: Values, region: Region) -> Array:
        return np.full((1,) * len(region), self._value(values))

    def _value(self, values: Values) -> np.float64:
        with np.errstate(divide="ignore"):
            return np.float64(1) / np.float64(values[self.source])


LOSSES = (CrossEntropy,)
