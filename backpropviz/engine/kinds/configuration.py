"""Numbers in a layer's configuration: checked once, in words."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from backpropviz.engine.kernels.convolution import Window
from backpropviz.engine.operands import Constant
from backpropviz.engine.value import Shape, shape_text
from backpropviz.errors import UserError
from backpropviz.frozen import Setting

Pair: TypeAlias = int | tuple[int, int]
"""One number for both directions, or (vertical, horizontal)."""


Padding: TypeAlias = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | str
"""A number, (vertical, horizontal), ((top, bottom), (left, right)) or "same"."""


KERNEL = Setting(
    "Window", "Its side in pixels; height, width where they differ: 3, 5.", 1, unit="pixels"
)
STRIDE = Setting(
    "Stride", "Pixels from window to window; height, width where they differ.", 1, unit="pixels"
)
PADDING = Setting(
    "Padding",
    "Pixels at each side; “same” keeps the size; top, bottom; left, right: 0, 1; 0, 1.",
    0,
    unit="pixels",
)
DILATION = Setting(
    "Dilation", "Distance between the pixels that a window reads; 1 is none.", 1, unit="pixels"
)
BIAS = Setting("Bias", "One number for each output that is added to the sum.")
MODE = Setting(
    "Mode",
    "As in use, or as in training; a training run sets it itself.",
    options={"eval": "use", "train": "training"},
)
EPS = Setting("Epsilon", "Added to the variance, so that nothing is divided by 0.", 0)
AFFINE = Setting("Scale and shift", "Learn a scale and a shift for each channel.")
REDUCTION = Setting("Batch", "The losses of a batch are averaged or summed.")


def is_whole(value: object, least: int) -> bool:
    """Whether it is an int (not a bool) of at least `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def positive(name: str, value: int) -> int:
    """The value, if it is a whole number of at least 1."""
    if not is_whole(value, 1):
        raise UserError(f"{name} = {value!r} must be a whole number of at least 1.")
    return value


def pair(name: str, value: Pair, least: int = 1) -> tuple[int, int]:
    """(vertical, horizontal) from one number or two."""
    numbers = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(numbers) != 2 or not all(is_whole(number, least) for number in numbers):
        raise UserError(f"{name} = {value!r} must be one or two whole numbers of at least {least}.")
    return numbers


def window(
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    *,
    ceil_mode: bool = False,
) -> Window:
    """The geometry of a sliding window; the stride is the kernel size unless given."""
    kernel = pair("kernel_size", kernel_size)
    steps = kernel if stride is None else pair("stride", stride)
    spread = pair("dilation", dilation)
    margins = _same(kernel, steps, spread) if padding == "same" else _margins(padding)
    return Window(kernel, steps, margins, spread, ceil_mode)


def image_shape(inputs: tuple[Shape, ...], what: str) -> tuple[int, int, int]:
    """The one input's channels, height and width; `what` begins the sentence if it has others."""
    (shape,) = single(inputs, what)
    if len(shape) != 3:
        raise UserError(
            f"{what} needs channels × height × width, but its input is {shape_text(shape)}."
        )
    return shape[0], shape[1], shape[2]


def single(inputs: tuple[Shape, ...], what: str) -> tuple[Shape]:
    """The inputs, if there is just one."""
    if len(inputs) != 1:
        raise UserError(
            f"{what} has one input, but {len(inputs)} are given: join them by add or concat."
        )
    return (inputs[0],)


def _same(
    kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    if stride != (1, 1):
        raise UserError(
            f'padding "same" needs stride 1, but the stride is {stride[0]}, {stride[1]}: '
            "give the padding as numbers."
        )
    down, across = ((k - 1) * d for k, d in zip(kernel, dilation, strict=True))
    return (down // 2, down - down // 2), (across // 2, across - across // 2)


def _margins(padding: Padding) -> tuple[tuple[int, int], tuple[int, int]]:
    if isinstance(padding, str):
        raise UserError(
            f"padding = {padding!r} must be a number, (vertical, horizontal), "
            '((top, bottom), (left, right)) or "same".'
        )
    if isinstance(padding, tuple | list) and len(padding) == 2:
        return pair("padding", padding[0], 0), pair("padding", padding[1], 0)
    return (pair("padding", padding, 0),) * 2


Reduction: TypeAlias = Literal["mean", "sum"]


def check_reduction(reduction: str) -> None:
    """Refuse anything but mean and sum."""
    if reduction not in {"mean", "sum"}:
        raise UserError(f"reduction = “{reduction}” must be “mean” or “sum”.")


def check_eps(eps: float) -> None:
    """Refuse what cannot be added to a variance."""
    if not (math.isfinite(eps) and eps >= 0):
        raise UserError(f"eps = {eps} must be 0 or a positive number.")


def per_sample(reduction: Reduction, count: int) -> float:
    """What each summand is multiplied with: 1/count for the mean."""
    return 1 / count if reduction == "mean" else 1.0


def reduction_factor(reduction: Reduction, count: int) -> tuple[Constant, ...]:
    """The same as an operand; nothing where it is 1."""
    if reduction == "sum" or count == 1:
        return ()
    return (Constant(f"1/{count}", 1 / count),)


def torch_filled(name: str, geometry: Window, value: str = "") -> str:
    """`F.pad(X, (left, right, top, bottom))`: padding that PyTorch's own calls do not take."""
    (top, bottom), (left, right) = geometry.padding
    filled = f", value={value}" if value else ""
    return f"F.pad({name}, ({left}, {right}, {top}, {bottom}){filled})"


def torch_padding(geometry: Window) -> str:
    """PyTorch's `padding=` option, of padding that is the same on both sides."""
    (top, _), (left, _) = geometry.padding
    return "" if top == left == 0 else f", padding={torch_pair((top, left))}"


def torch_pair(numbers: tuple[int, int]) -> str:
    """One number where both are the same."""
    return str(numbers[0]) if numbers[0] == numbers[1] else str(numbers)


def window_summary(geometry: Window, usual_stride: tuple[int, int]) -> list[str]:
    """`5×5`, `stride 2`, `pad 1`: the geometry, without what is as usual."""
    (top, bottom), (left, right) = geometry.padding
    parts = [f"{geometry.kernel[0]}×{geometry.kernel[1]}"]
    if geometry.stride != usual_stride:
        parts.append(f"stride {_by(geometry.stride)}")
    if geometry.padded:
        even = top == bottom and left == right
        parts.append(f"pad {_by((top, left))}" if even else f"pad {top} {bottom} {left} {right}")
    if geometry.dilation != (1, 1):
        parts.append(f"dilation {_by(geometry.dilation)}")
    return parts


def _by(numbers: tuple[int, int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]}×{numbers[1]}"
