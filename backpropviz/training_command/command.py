"""What `train` takes and does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from backpropviz.errors import BackpropVizError, UsageError, UserError
from backpropviz.training_command.option_values import (
    amount_value,
    count_value,
    path_value,
    seed_value,
)

if TYPE_CHECKING:
    from backpropviz.engine.model import Model
    from backpropviz.engine.training.run import Run
    from backpropviz.engine.training.samples import Dataset
    from backpropviz.storage.run_file import SavedRun
    from backpropviz.training_command.training import Ended

EXAMPLE = "example"
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
"""As the engine has them, which need not be loaded to read a command (a test compares them)."""
_ONLY_NEW = ("network", "data", "seed", "from_weights", "float_bits")
_SUFFIX = ".bpv"


def train_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `train`."""
    add = parser.add_argument
    add("--network", metavar="N", help="a bundled network or a file (.json, .bpv)")
    add("--data", metavar="D", help="mnist, digits, photos, example, a folder by class, …")
    add("--resume", metavar="run.bpv", type=path_value, help="go on with a saved run")
    add("--epochs", type=count_value, metavar="E", help="how often to see every sample")
    add("--updates", type=count_value, metavar="U", help="make so many updates at most")
    add("--seed", type=seed_value, metavar="S", help="of all that is drawn (default 0)")
    add(
        "--from-weights",
        action="store_true",
        default=None,
        help="begin with the network’s own weights instead of fresh ones",
    )
    add("--float", choices=("32", "64"), dest="float_bits", help="bits of a number (default 32)")
    add("--batch", type=count_value, metavar="B", help="samples of an update (default 32)")
    add("--optimizer", choices=OPTIMIZERS, help="default sgd")
    add("--learning-rate", type=amount_value, metavar="R", help="default 0.02 for sgd")
    add("--momentum", type=amount_value, metavar="M", help="default 0.9 for sgd")
    add(
        "--schedule",
        metavar="KIND[:NUMBERS]",
        help="constant, step:200:0.5, cosine (to the end), cosine:500, warm_up:100; joined by *",
    )
    add("--csv", metavar="m.csv", type=path_value, help="write a row an update")
    add("-o", "--output", required=True, metavar="run.bpv", type=path_value)


def train(arguments: argparse.Namespace) -> int:
    """Train, print a line an epoch, save; Ctrl+C keeps what was learned.

    Raises:
        BackpropVizError: a number was not finite; what was learned before it is saved.
    """
    _check_words(arguments)
    from backpropviz.importers.datasets.shipped import shipped_dataset
    from backpropviz.storage.run_file import save_run
    from backpropviz.training_command.training import train_run

    saved, updates = _prepared(arguments)
    _check_places(arguments)
    saved, ended = train_run(saved, updates)
    save_run(arguments.output, saved, shipped_dataset)
    if arguments.csv is not None:
        _write_csv(arguments.csv, saved)
    print(_told(ended, arguments.output))
    if ended.sentence:
        raise BackpropVizError(
            f"{ended.sentence.removesuffix('.')}; the run has stopped before this update, and what "
            f"was learned is in {arguments.output}: try a smaller --learning-rate."
        )
    return 0


def _check_words(arguments: argparse.Namespace) -> None:
    if arguments.epochs is None and arguments.updates is None:
        raise UsageError("nothing says how long to train: add --epochs 10, or --updates 500.")
    given = [name for name in _ONLY_NEW if getattr(arguments, name) is not None]
    if arguments.resume is not None and given:
        words = ", ".join(_word(name) for name in given)
        raise UsageError(f"a resumed run has its own beginning: leave out {words}.")
    for name in ("network", "data"):
        if arguments.resume is None and getattr(arguments, name) is None:
            raise UsageError(f"--{name} is missing: say what to train, or --resume a run.")
    if arguments.output.suffix.lower() != _SUFFIX:
        raise UsageError(f"{arguments.output} cannot hold a run: name a file that ends in .bpv.")
    _check_csv(arguments)


def _check_csv(arguments: argparse.Namespace) -> None:
    csv: Path | None = arguments.csv
    if csv is None:
        return
    for option in ("output", "resume"):
        other: Path | None = getattr(arguments, option)
        if other is not None and csv.resolve() == other.resolve():
            raise UsageError(
                f"--csv and --{option} name the same file, {csv}: give the table a name of its own."
            )


def _check_places(arguments: argparse.Namespace) -> None:
    """Hours of training must not end at a file that cannot be written."""
    from backpropviz.storage.atomic import check_writable

    for place in (arguments.output, arguments.csv):
        if place is not None:
            check_writable(place)


def _word(name: str) -> str:
    return "--float" if name == "float_bits" else f"--{name.replace('_', '-')}"


def _prepared(arguments: argparse.Namespace) -> tuple[SavedRun, int]:
    """The run, new or resumed, with the settings asked for; how many updates to make."""
    from backpropviz.importers.datasets.shipped import shipped_dataset
    from backpropviz.storage.run_file import load_run
    from backpropviz.training_command.settings import updates_wanted, with_settings
    from backpropviz.training_command.training import begun

    if arguments.resume is None:
        saved = begun(_new_run(arguments))
    else:
        saved = load_run(arguments.resume, shipped_dataset)
    run = with_settings(saved.run, saved.now.iteration, arguments)
    return begun(run, saved), updates_wanted(run, saved.now.iteration, arguments)


def _new_run(arguments: argparse.Namespace) -> Run:
    from backpropviz import api
    from backpropviz.engine.training.run import Initial, new_run
    from backpropviz.importers.datasets.load import load_dataset
    from backpropviz.training_command.settings import DEFAULTS

    model = api.load_network(arguments.network)
    if arguments.data == EXAMPLE:
        dataset = _example_alone(model)
    else:
        dataset = load_dataset(arguments.data, model.network, model.preprocessing)
    for one in dataset.skipped:
        print(f"skipped {one.name}: {one.reason}")
    initial = Initial(
        arguments.seed or 0,
        from_weights=bool(arguments.from_weights),
        float_bits=int(arguments.float_bits or 32),
    )
    return new_run(
        model, dataset, DEFAULTS, initial, title=f"{model.network.name} on {dataset.source}"
    )


def _example_alone(model: Model) -> Dataset:
    """The model’s own example as a data set: what can be learned by heart."""
    from backpropviz.importers.datasets.one_image import one_image

    if model.example is None:
        raise UserError(f"{model.title} brings no example image: name a data set.")
    example = model.example
    return one_image(model, example.image, example.target, example.source)


def _write_csv(path: Path, saved: SavedRun) -> None:
    from backpropviz.storage.atomic import write_text

    rows = (",".join(row) for row in saved.history.csv_rows())
    write_text(path, "\n".join(rows) + "\n")


def _told(ended: Ended, path: Path) -> str:
    """How it ended, in a line."""
    plural = "" if ended.iteration == 1 else "s"
    result = f"after {ended.iteration:,} update{plural} in {ended.epochs}: {ended.scores}"
    if ended.missing:
        return (
            f"stopped {result} → {path}; --resume {path} makes the other {ended.missing:,} updates"
        )
    return f"{result} → {path}"
