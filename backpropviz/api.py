"""The public Python functions: load, record, explain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from backpropviz.engine.model import Model
from backpropviz.engine.optimizers import Optimizer
from backpropviz.engine.record import (
    Settings,
    SupportsArray,
    Target,
    given_image,
    given_optimizer,
    given_target,
    run,
)
from backpropviz.engine.tape import Tape
from backpropviz.engine.value import Address, Array, parse
from backpropviz.frozen import frozen

if TYPE_CHECKING:
    from backpropviz.engine.derivation import Derivation, Term
    from backpropviz.engine.model import Preprocessing

Image: TypeAlias = Array | Sequence[Any] | SupportsArray | str | Path | None
"""Numbers as a network takes them, or a picture's file or name."""


def load_network(name_or_path: str | Path) -> Model:
    """A bundled network by name (`lenet`), or one from a JSON or .bpv file.

    Raises:
        UserError: there is no such network, or the file cannot be used.
    """
    from backpropviz.files.networks import load_network as load

    return load(name_or_path, _prepared)


def load_image(path_or_name: str | Path, model: Model) -> Array:
    """A picture as the model's network takes it: (1, C, H, W) float32, read-only.

    `path_or_name` is a file or `mnist:17`, `digits:3`, `photo:chelsea`; the model's preprocessing
    says how it is cropped, resized, inverted and scaled.

    Raises:
        UserError: the picture cannot be read.
    """
    return _prepared(path_or_name, model.preprocessing)


def record(
    model: Model | str | Path,
    image: Image = None,
    target: Target = None,
    *,
    float_bits: int = 32,
    reduction: str | None = None,
    optimizer: Optimizer | str | None = None,
    mode: str | None = None,
    dropout_seed: int | None = None,
) -> Tape:
    """One training step: every tensor and every gradient, by address.

    `image` is numbers as the network takes them (an array, a list, a tensor; a batch of one may do
    without its axis), or a picture's file or name, which is prepared as `load_image` does. `target`
    is a class by number or name, or numbers. Both default to the example that the model brings.
    `optimizer` is one of `backpropviz.engine.optimizers` or its name (`"adam"`). `mode` is
    `"train"` or `"eval"`, as batch normalization and dropout know it; `dropout_seed` draws what is
    dropped. `tape["conv1.weight.grad"]` is a read-only array.

    Raises:
        UserError: image, target or settings do not fit the model.
    """
    own = model if isinstance(model, Model) else load_network(model)
    images = None
    if isinstance(image, str | Path):
        images = load_image(image, own)
    elif image is not None:
        images = given_image(image, own.network.input_shape, own.title)
    settings = Settings(
        given_target(target, own),
        float_bits,
        reduction,
        given_optimizer(optimizer),
        mode,
        dropout_seed,
    )
    return run(own, images, settings)


@frozen(eq=False)
class Explanation:
    """A derived value: text when printed, a picture in a notebook, numbers by `to_json`."""

    derivation: Derivation

    @property
    def address(self) -> Address:
        """The value's name, under which it was computed."""
        return self.derivation.address

    @property
    def value(self) -> float:
        """The value: initial + Σ terms + residue, or the largest term."""
        return self.derivation.value

    @property
    def terms(self) -> Sequence[Term]:
        """The summands, candidates or the function's value, each with its operands."""
        return self.derivation.terms

    def __str__(self) -> str:
        """The derivation as lines of text; long sums are folded."""
        from backpropviz.figures.explain.formula import derivation_text

        return derivation_text(self.derivation)

    def __repr__(self) -> str:
        """The same, so that an interactive session shows it."""
        return str(self)

    def _repr_svg_(self) -> str:
        from backpropviz.export.svg import svg
        from backpropviz.figures.explain.explanation import derivation_scene
        from backpropviz.scene.theme import LIGHT

        return svg(derivation_scene(self.derivation, LIGHT))

    def to_json(self) -> dict[str, Any]:
        """address, value, initial, rule, terms, residue, formula: every term, none folded."""
        from backpropviz.figures.explain.formula import derivation_json

        return derivation_json(self.derivation)

    def json(self) -> str:
        """`to_json` as text; NaN and infinities are written as words."""
        return json.dumps(self.to_json(), ensure_ascii=False, indent=2, allow_nan=False)


def explain(tape: Tape, address: str | Address) -> Explanation:
    """How one value came about, term by term.

    Raises:
        UserError: the address names no single value, or one that was given, not computed.
    """
    from backpropviz.engine.tape import explain_value

    return Explanation(explain_value(tape, parse(address) if isinstance(address, str) else address))


def _prepared(path_or_name: str | Path, preprocessing: Preprocessing) -> Array:
    from backpropviz.files.fit import prepare
    from backpropviz.files.pictures import open_picture

    return prepare(open_picture(path_or_name), preprocessing).array
