"""What a command works on: a network, an image, a target, and the pass that they make."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from backpropviz.cli.train import seed_value, warn_of

if TYPE_CHECKING:
    from backpropviz.engine.model import Model
    from backpropviz.engine.tape import Tape


def input_arguments(parser: argparse.ArgumentParser, *, has_float: bool = True) -> None:
    """Network, image, target, and how they are computed."""
    parser.add_argument(
        "--network", required=True, metavar="N", help="a bundled network or a file (.json, .bpv)"
    )
    parser.add_argument("--image", metavar="I", help="a file, or mnist:17, digits:3, photo:chelsea")
    parser.add_argument(
        "--target", metavar="T", help="a class by number or name, or numbers separated by commas"
    )
    if has_float:
        parser.add_argument(
            "--float",
            choices=("32", "64"),
            default="32",
            dest="float_bits",
            help="bits of a number (default 32)",
        )
    parser.add_argument(
        "--reduction", choices=("mean", "sum"), help="of the batch's losses (default: the model's)"
    )
    mode_arguments(parser)


def mode_arguments(parser: argparse.ArgumentParser) -> None:
    """As in training, or as in use."""
    parser.add_argument(
        "--mode",
        choices=("train", "eval"),
        help="batch normalization and dropout as in training or as in use (default: the model's, "
        "which is train unless its file says otherwise)",
    )
    parser.add_argument(
        "--dropout-seed",
        type=seed_value,
        metavar="S",
        help="draws what dropout drops in the mode train (default: the model's, or 0)",
    )


def recorded(arguments: argparse.Namespace) -> tuple[Model, Tape]:
    """The model and the pass that the input arguments describe.

    A sample that carries its label (`mnist:17`) needs no target.
    """
    from backpropviz import api
    from backpropviz.files.fit import prepare
    from backpropviz.files.pictures import open_picture

    model = api.load_network(arguments.network)
    image, target = None, arguments.target
    if arguments.image is not None:
        picture = open_picture(arguments.image)
        if picture.remark:
            print(f"backpropviz: {picture.remark}", file=sys.stderr)
        image = prepare(picture, model.preprocessing).array
        target = picture.label if target is None and picture.label in model.class_names else target
    warn_of(model)
    bits = int(arguments.float_bits)
    tape = api.record(
        model,
        image,
        target,
        float_bits=bits,
        reduction=arguments.reduction,
        mode=arguments.mode,
        dropout_seed=arguments.dropout_seed,
    )
    return model, tape
