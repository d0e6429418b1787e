"""The command line: results on stdout, one sentence on stderr when something is wrong.

Exit codes: 0 done, 1 a check failed, 2 wrong usage, 3 a file or value that cannot be used, 4 this
machine lacks a display or a library. Only what a command needs is imported, once it runs.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

from backpropviz.assets import __version__
from backpropviz.cli.export import export, export_arguments
from backpropviz.cli.inputs import input_arguments, mode_arguments, recorded
from backpropviz.cli.train import (
    count_value,
    path_value,
    train,
    train_arguments,
)
from backpropviz.errors import BackpropVizError, MachineError, UsageError, UserError
from backpropviz.frozen import frozen
from backpropviz.named_file import deck_named, is_there, named_path

_PROGRESS_STEP = 20


@frozen
class CliCommand:
    """One word of the command line."""

    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    summary: str


def _open_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="an image, a network, a session, a lesson, or a slide: talk.pptx#12",
    )
    parser.add_argument("--network", metavar="N", help="a bundled network or a file")
    parser.add_argument("--lesson", metavar="L", help="a lesson by its name or file (.toml)")
    parser.add_argument("--theme", choices=("light", "dark", "system"), help="colors of the window")
    mode_arguments(parser)


def _open(arguments: argparse.Namespace) -> int:
    network, files = arguments.network, []
    for name in arguments.files:
        if not network and _is_bundled(name):
            network = name
        else:
            _check_openable(name)
            files.append(name)
    if arguments.lesson:
        from backpropviz.lessons.reading import lesson_text

        lesson_text(arguments.lesson)
    from backpropviz.ui.application import run_window

    return run_window(
        tuple(files),
        network,
        arguments.theme,
        arguments.lesson,
        arguments.mode or "",
        arguments.dropout_seed,
    )


def _is_bundled(name: str) -> bool:
    from backpropviz.assets import resource_names

    return not is_there(Path(name)) and name in {Path(n).stem for n in resource_names("networks")}


def _check_openable(name: str) -> None:
    """A mistyped command is told at once; what a data set has is looked up by the window."""
    is_address = name[:7].lower() == "file://"
    is_file = is_there(named_path(name)) if is_address or ":" not in name else True
    if not is_file and deck_named(name) is None:
        raise UsageError(
            f"“{name}” is neither a command nor a file: give {', '.join(COMMANDS)}, or a file."
        )


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="for example conv1.weight.grad[0,0,1,1]")
    input_arguments(parser)
    parser.add_argument("--json", action="store_true", help="every term, as JSON")


def _explain(arguments: argparse.Namespace) -> int:
    from backpropviz import api

    _, tape = recorded(arguments)
    explanation = api.explain(tape, arguments.address)
    print(explanation.json() if arguments.json else explanation)
    return 0


def _record_arguments(parser: argparse.ArgumentParser) -> None:
    input_arguments(parser)
    parser.add_argument("-o", "--output", required=True, metavar="tape.npz", type=path_value)


def _record(arguments: argparse.Namespace) -> int:
    from backpropviz.files.archive import save_tape
    from backpropviz.files.atomic import check_folder, check_writable

    path: Path = arguments.output
    if path.suffix.lower() != ".npz":
        raise UsageError(f"{path} cannot hold a tape: name a file that ends in .npz.")
    check_folder(path)
    check_writable(path)
    _, tape = recorded(arguments)
    save_tape(tape, path)
    print(f"{len(tape)} arrays, loss {tape.loss:.6g} → {path}")
    return 0


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    input_arguments(parser, has_float=False)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--per-array", type=count_value, metavar="N", help="check at most N values an array (200)"
    )
    amount.add_argument("--all", action="store_true", help="check every value")
    parser.add_argument("--pixels", action="store_true", help="check the image's pixels too")


def _check(arguments: argparse.Namespace) -> int:
    from backpropviz.engine.gradcheck import PER_ARRAY, check, check_text, plan, report
    from backpropviz.engine.nudge import base_point_of

    arguments.float_bits = "64"
    _, tape = recorded(arguments)
    point = base_point_of(tape)
    most = sys.maxsize if arguments.all else arguments.per_array or PER_ARRAY
    wanted = plan(point, most, pixels=arguments.pixels)
    found = report(point, wanted, _counted(check(point, wanted), wanted.count))
    print(check_text(found))
    return 0 if found.passed else 1


_Result = TypeVar("_Result")


def _counted(results: Iterable[_Result], count: int) -> Iterator[_Result]:
    """The results, while a terminal is told how many there are."""
    is_watched = sys.stderr is not None and sys.stderr.isatty()
    for done, result in enumerate(results, 1):
        if is_watched and (done % _PROGRESS_STEP == 0 or done == count):
            end = "\n" if done == count else ""
            print(f"\r{done:,} of {count:,} values", end=end, file=sys.stderr, flush=True)
        yield result


def _no_arguments(_: argparse.ArgumentParser) -> None:
    return None


def _doctor(_: argparse.Namespace) -> int:
    from backpropviz.cli.doctor import report

    lines, is_well = report()
    print("\n".join(lines))
    return 0 if is_well else 4


COMMANDS = {
    "open": CliCommand(_open_arguments, _open, "Open the window, with files if any are named."),
    "explain": CliCommand(_explain_arguments, _explain, "Derive one value, term by term."),
    "record": CliCommand(
        _record_arguments, _record, "Save every tensor of a pass under its address (.npz)."
    ),
    "export": CliCommand(
        export_arguments,
        export,
        "Write steps as slides or pictures: .pptx, .pdf, .gif, .html, .png, .svg and more.",
    ),
    "train": CliCommand(train_arguments, train, "Train a network on a data set, and save the run."),
    "check": CliCommand(
        _check_arguments, _check, "Hold every gradient against finite differences in float64."
    ),
    "doctor": CliCommand(
        _no_arguments, _doctor, "Tell what this machine has and lacks, and how to mend it."
    ),
}


INTERRUPTED = 130
# A second thread of the linear algebra slows training down where another program is busy, and
# weights are the same bit for bit only with one.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_DEBUG = "--debug"
_LONGEST_SENTENCE = 800
_NUMBERS = re.compile(r"-[\d.].*")


class BugError(BackpropVizError):
    """Something that nobody foresaw."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        # Escape what a terminal's encoding or a file's odd name cannot be written as.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        for name in _THREADS:
            os.environ.setdefault(name, "1")
        return _run([word for word in words if word != _DEBUG])
    except BrokenPipeError:
        _let_go_of_output()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  (whatever it is, the person gets a sentence)
        if _DEBUG in words:
            traceback.print_exc()
        told = _told(error)
        sentence = " ".join([str(told), *getattr(error, "__notes__", ())])
        with suppress(OSError):
            print(f"backpropviz: {_on_one_line(sentence)}", file=sys.stderr)
        _let_go_of_output()
        return told.exit_code


def _run(words: list[str]) -> int:
    try:
        arguments = _parser().parse_args(_with_command(_with_signs(words)))
    except SystemExit as done:
        # After --help and --version.
        return int(done.code or 0)
    with warnings.catch_warnings():
        # An overflow is seen in the values themselves.
        warnings.simplefilter("ignore", RuntimeWarning)
        code = int(arguments.run(arguments))
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _told(error: Exception) -> BackpropVizError:
    """An error as a sentence with an exit code."""
    match error:
        case BackpropVizError():
            return error
        case ImportError() if not (error.name or "").startswith("backpropviz"):
            return MachineError(
                f"a library cannot be loaded ({error}): “backpropviz doctor” says what to type."
            )
        case MemoryError():
            return UserError("this needs more memory than there is: take something smaller.")
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            if isinstance(error, FileNotFoundError):
                return UserError(f"{where}there is no such file or folder; check its name.")
            reason = (error.strerror or str(error)).lower()
            return UserError(f"{where}{reason}; choose another place or make room.")
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return BugError(
        f"this is a bug in BackpropViz ({what}): please report it with what the same command "
        f"prints with {_DEBUG}."
    )


def _on_one_line(sentence: str) -> str:
    """A sentence without control characters, that quotes a long name by its two ends."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in sentence)
    if len(plain) <= _LONGEST_SENTENCE:
        return plain
    half = _LONGEST_SENTENCE // 2
    return f"{plain[:half]} … {plain[-half:]}"


def _let_go_of_output() -> None:
    """Keep Python from failing again, at its end, at output that nobody reads or has room for."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, ValueError):
            sys.stdout = io.StringIO()
    except AttributeError:
        return


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage as one sentence with exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. “{self.prog} --help” shows what can be written.")


def _with_signs(words: list[str]) -> list[str]:
    """`--target -1,2` as `--target=-1,2`, which argparse would else take for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--target" and _NUMBERS.fullmatch(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _with_command(words: list[str]) -> list[str]:
    """`open` may be left out: `backpropviz seven.png` opens the window with that file."""
    if words and (words[0] in COMMANDS or words[0] in {"-h", "--help", "--version"}):
        return words
    return ["open", *words]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="backpropviz",
        description="Step through backpropagation in a convolutional network.",
        epilog="INPUT is --network N [--image I] [--target T] [--float 32|64] "
        "[--reduction mean|sum] [--mode train|eval] [--dropout-seed S]. "
        f"{_DEBUG} shows the traceback of an error.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"backpropviz {__version__}")
    commands = parser.add_subparsers(required=True, parser_class=_Parser, metavar="COMMAND")
    for name, command in COMMANDS.items():
        one = commands.add_parser(
            name, help=command.summary, description=command.summary, allow_abbrev=False
        )
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    return parser
