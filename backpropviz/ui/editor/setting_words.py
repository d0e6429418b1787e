"""What each setting of a layer or a loss is called, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from PySide6.QtCore import QCoreApplication

_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "out_channels": ("Filters", "How many filters; each makes one map of the output."),
        "kernel_size": ("Window", "Its side in pixels; height, width where they differ: 3, 5."),
        "stride": ("Stride", "Pixels from window to window; height, width where they differ."),
        "padding": (
            "Padding",
            "Pixels at each side; “same” keeps the size; top, bottom; left, right: 0, 1; 0, 1.",
        ),
        "dilation": ("Dilation", "Distance between the pixels that a window reads; 1 is none."),
        "groups": ("Groups", "The channels are split into so many parts that do not mix."),
        "bias": ("Bias", "One number for each output that is added to the sum."),
        "flip": ("Turn kernels", "Turn the kernels by 180°: a convolution in the strict sense."),
        "out_features": ("Outputs", "How many numbers the layer gives."),
        "negative_slope": ("Slope below 0", "What a negative value is multiplied with."),
        "at_zero": ("Slope at 0", "0 as in PyTorch; ½ and 1 are possible, too."),
        "shared": ("One slope", "One slope for all channels, or one for each."),
        "approximate": ("Approximation", "Exact, or the usual approximation by tanh."),
        "ceil_mode": ("Partial windows", "Count a last window that reaches over the border."),
        "ties": ("At a tie", "Which of equal largest values takes the gradient."),
        "count_include_pad": ("Count padding", "Whether the mean counts padded pixels as 0."),
        "output_size": ("Windows", "How many, down and across; “–” keeps the input's: 4, –."),
        "shape": ("Shape", "Sizes without the batch; one may be −1 for what is left: 16, −1."),
        "value": ("Value", "What the frame is filled with."),
        "eps": ("Epsilon", "Added to the variance, so that nothing is divided by 0."),
        "momentum": ("Momentum", "How far the running statistics follow each batch."),
        "affine": ("Scale and shift", "Learn a scale and a shift for each channel."),
        "p": ("Probability", "Which part of the values becomes 0 in training."),
        "colors": ("Colors", "One channel for gray, three for red, green and blue."),
        "height": ("Height", "Rows of pixels."),
        "width": ("Width", "Columns of pixels."),
        "reduction": ("Batch", "The losses of a batch are averaged or summed."),
        "label_smoothing": ("Smoothing", "The share of the target given to all classes alike."),
        "class_weights": ("Class weights", "How much each class counts; empty: all the same."),
        "half": ("Half", "½ of the squared error, whose gradient is x − t."),
    }
)

_CHOICES: Final[Mapping[object, str]] = MappingProxyType({"none": "exact"})


def setting_title(field: str) -> str:
    """A short name for a person."""
    title = _WORDS[field][0] if field in _WORDS else field.replace("_", " ").capitalize()
    return QCoreApplication.translate("Settings", title)


def setting_help(field: str) -> str:
    """One sentence, or nothing."""
    return QCoreApplication.translate("Settings", _WORDS[field][1]) if field in _WORDS else ""


def choice_text(value: object) -> str:
    """What an option is called."""
    return QCoreApplication.translate("Settings", _CHOICES.get(value, str(value)))
