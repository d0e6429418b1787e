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
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from backpropviz.commands import COMMANDS
from backpropviz.errors import BackpropVizError, MachineError, UsageError, UserError
from backpropviz.version import __version__

INTERRUPTED = 130
# A second thread of the linear algebra slows training down where another program is busy, and
# weights are the same bit for bit only with one.
_THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_DEBUG = "--debug"
_LONGEST_SENTENCE = 800
_NUMBERS = re.compile(r"-[\d.].*")


class BugError(BackpropVizError):
    """Something that nobody foresaw."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _let_streams_write_anything()
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


def _let_streams_write_anything() -> None:
    """Escape what a terminal's encoding or a file's odd name cannot be written as."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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
