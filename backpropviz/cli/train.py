"""What `train` takes and does."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from backpropviz.document import is_whole_number, real_number, whole_number
from backpropviz.errors import BackpropVizError, UsageError, UserError
from backpropviz.named_file import named_path

if TYPE_CHECKING:
    from backpropviz.cli.training import Ended
    from backpropviz.engine.model import Model
    from backpropviz.engine.training.run import Run
    from backpropviz.engine.training.samples import Dataset
    from backpropviz.files.run import SavedRun


MOST = 10**12
_MOST_SEED = 10**15


def path_value(text: str) -> Path:
    """A file or a folder."""
    try:
        return named_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error).removesuffix(".")) from None


def count_value(text: str) -> int:
    """A whole number of at least 1."""
    return _whole(text, 1, MOST)


def seed_value(text: str) -> int:
    """A whole number of at least 0."""
    return _whole(text, 0, _MOST_SEED)


def share_value(text: str) -> float:
    """A share of samples: from 0 to 0.9."""
    return _number(text, 0.0, 0.9, "share from 0 to 0.9, such as 0.2")


def amount_value(text: str) -> float:
    """A number of at least 0."""
    return _number(text, 0.0, math.inf, "number of at least 0")


def scale_value(text: str, most: float) -> float:
    """A number above 0, and not above the largest."""
    found = _number(text, 0.0, most, f"number above 0 and up to {most:g}")
    if found == 0:
        raise argparse.ArgumentTypeError(f"“{text}” is no number above 0 and up to {most:g}")
    return found


def _whole(text: str, least: int, limit: int) -> int:
    found = whole_number(text, least, limit - 1)
    if found is not None:
        return found
    if is_whole_number(text) and whole_number(text, 0, least - 1) is None:
        raise argparse.ArgumentTypeError(f"“{text:.40}” is too large: stay below {limit:,}")
    raise argparse.ArgumentTypeError(f"“{text:.40}” is no whole number of at least {least}")


def _number(text: str, least: float, most: float, words: str) -> float:
    found = real_number(text)
    if found is None or not least <= found <= most:
        raise argparse.ArgumentTypeError(f"“{text:.40}” is no {words}")
    return found


EXAMPLE = "example"
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
"""As the engine has them, which need not be loaded to read a command (a test compares them)."""
_ONLY_NEW = ("network", "data", "held_out", "seed", "from_weights", "float_bits")
_SUFFIX = ".bpv"
_MOST_SKIPPED = 20


def train_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `train`."""
    add = parser.add_argument
    add("--network", metavar="N", help="a bundled network or a file (.json, .bpv)")
    add("--data", metavar="D", help="mnist, digits, photos, example, a folder by class, …")
    add("--resume", metavar="run.bpv", type=path_value, help="go on with a saved run")
    add("--epochs", type=count_value, metavar="E", help="how often to see every sample")
    add("--updates", type=count_value, metavar="U", help="make so many updates at most")
    add("--held-out", type=share_value, metavar="P", help="share for validation (default 0.2)")
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
    add(
        "--save-every",
        type=amount_value,
        default=30.0,
        metavar="SECONDS",
        help="write the run on the way, too (default 30)",
    )
    add("-o", "--output", required=True, metavar="run.bpv", type=path_value)


def train(arguments: argparse.Namespace) -> int:
    """Say what was assumed of the data, train, and save what was learned, whatever ends it.

    Raises:
        Exception: what went wrong; a note tells where what was learned before it is.
    """
    _check_words(arguments)
    _check_folders(arguments)
    from backpropviz.cli.training import HURRIES, Keeper, signals_noted, train_run

    saved, updates, assumed = _prepared(arguments)
    _check_places(arguments, saved)
    _check_last_batch(saved, updates)
    keeper = Keeper(arguments.output, arguments.save_every)
    with signals_noted() as stopped_by:
        unsaid = _said(assumed)
        saved, ended = train_run(saved, updates, keeper.keep, stopped_by)
        keeper.finish(saved, is_hurried=ended.number in HURRIES)
        with _told_where(ended, arguments.output):
            if arguments.csv is not None:
                _write_csv(arguments.csv, saved)
            if error := ended.error or unsaid:
                raise error
            with suppress(BrokenPipeError):  # nobody reads it; the run is where it was wanted
                print(_told(ended, arguments.output), flush=True)
            sentence = ended.sentence()
    if sentence:
        raise BackpropVizError(
            f"{sentence.removesuffix('.')}; the run has stopped before this update, and what "
            f"was learned is in {arguments.output}: try a smaller --learning-rate."
        )
    return 128 + ended.number if ended.number in HURRIES else 0


@contextmanager
def _told_where(ended: Ended, path: Path) -> Iterator[None]:
    """Whatever goes wrong once a run is saved: what was learned is not lost, and is told."""
    try:
        yield
    except Exception as error:
        error.add_note(f"What was learned in {ended.iteration:,} updates is in {path}.")
        raise


def _said(lines: Iterable[str]) -> OSError | None:
    """Print lines; what nobody can read ends no training, and a full disk is told after it."""
    try:
        for line in lines:
            print(line, flush=True)
    except BrokenPipeError:
        return None
    except OSError as error:
        return error
    return None


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


def _check_folders(arguments: argparse.Namespace) -> None:
    from backpropviz.files.atomic import check_folder

    for path in (arguments.csv, arguments.output):
        if path is not None and path.is_dir():
            raise UserError(f"{path} is a folder; name a file in it.")
        if path is not None:
            check_folder(path)


def _check_places(arguments: argparse.Namespace, saved: SavedRun) -> None:
    """Hours of training must not end at a file that cannot be written."""
    from backpropviz.cli.training import check_room
    from backpropviz.files.atomic import check_writable

    check_room(arguments.output, saved)
    if arguments.csv is not None:
        check_writable(arguments.csv)


def _check_last_batch(saved: SavedRun, updates: int) -> None:
    from backpropviz.engine.training.trainer import check_last_batch

    try:
        check_last_batch(saved.run, saved.now, updates)
    except UserError as error:
        raise UserError(f"{str(error).removesuffix('.')}; choose another --batch.") from None


def _word(name: str) -> str:
    return "--float" if name == "float_bits" else f"--{name.replace('_', '-')}"


def _prepared(arguments: argparse.Namespace) -> tuple[SavedRun, int, tuple[str, ...]]:
    """The run, new or resumed, as asked for; how many updates to make; what was assumed."""
    from backpropviz.cli.training import begun, updates_wanted, with_settings
    from backpropviz.files.data.load import shipped_dataset
    from backpropviz.files.run import load_run

    assumed: tuple[str, ...] = ()
    if arguments.resume is None:
        new, assumed = _new_run(arguments)
        saved = begun(new)
    else:
        saved = load_run(arguments.resume, shipped_dataset)
    run = with_settings(saved.run, saved.now.iteration, arguments)
    return begun(run, saved), updates_wanted(run, saved.now.iteration, arguments), assumed


def _new_run(arguments: argparse.Namespace) -> tuple[Run, tuple[str, ...]]:
    """The run, and in lines what was assumed about its data."""
    from backpropviz import api
    from backpropviz.cli.training import DEFAULTS
    from backpropviz.engine.training.run import Initial, new_run
    from backpropviz.files.data.load import HELD_OUT, Choices, read_dataset

    model = api.load_network(arguments.network)
    warn_of(model)
    assumed: tuple[str, ...] = ()
    if arguments.data == EXAMPLE:
        dataset = _example_alone(model)
    else:
        share = HELD_OUT if arguments.held_out is None else arguments.held_out
        reading = read_dataset(
            arguments.data,
            model.network,
            model.preprocessing,
            Choices(share),
            class_names=model.class_names,
        )
        dataset = reading.dataset
        assumed = (*reading.lines(), *_skipped_lines(dataset))
    initial = Initial(
        arguments.seed or 0,
        from_weights=bool(arguments.from_weights),
        float_bits=int(arguments.float_bits or 32),
    )
    title = f"{model.network.name} on {dataset.source}"
    return new_run(model, dataset, DEFAULTS, initial, title=title), assumed


def _skipped_lines(dataset: Dataset) -> tuple[str, ...]:
    told = [f"skipped {one.name}: {one.reason}" for one in dataset.skipped[:_MOST_SKIPPED]]
    more = len(dataset.skipped) - len(told)
    return (*told, *((f"skipped {more:,} more",) if more else ()))


def warn_of(model: Model) -> None:
    """Say on stderr what a network is known to do wrong, though it can be used."""
    from backpropviz.engine.architecture.draft import doubled

    found = doubled(model.network.nodes, model.network.loss)
    if found is not None:
        print(f"backpropviz: {found.sentence}", file=sys.stderr)


def _example_alone(model: Model) -> Dataset:
    """The model’s own example as a data set: what can be learned by heart."""
    from backpropviz.files.data.load import one_image

    if model.example is None:
        raise UserError(f"{model.title} brings no example image: name a data set.")
    example = model.example
    return one_image(model, example.image, example.target, example.source)


def _write_csv(path: Path, saved: SavedRun) -> None:
    from backpropviz.files.atomic import write_text

    rows = (",".join(row) for row in saved.history.csv_rows())
    write_text(path, "\n".join(rows) + "\n")


def _told(ended: Ended, path: Path) -> str:
    """How it ended, in a line."""
    plural = "" if ended.iteration == 1 else "s"
    result = f"after {ended.iteration:,} update{plural} in {ended.epochs}: {ended.scores()}"
    if ended.missing:
        return (
            f"stopped {result} → {path}; --resume {path} makes the other {ended.missing:,} updates"
        )
    return f"{result} → {path}"
