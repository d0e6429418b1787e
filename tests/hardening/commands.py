"""Commands run in this process, and what each of them owes a person whatever it was given."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from backpropviz.cli.commands import main


@dataclass(frozen=True, slots=True)
class Outcome:
    """An exit code, and what was said."""

    code: int
    out: str
    sentence: str


def outcome(capsys: pytest.CaptureFixture[str], *words: str) -> Outcome:
    """Run a command and hold it to the rules: a result, or one sentence; never a traceback."""
    capsys.readouterr()
    code = main(words)
    printed = capsys.readouterr()
    assert code in {0, 2, 3}, printed.err
    if code == 0:
        assert printed.err == ""
        return Outcome(code, printed.out, "")
    assert "Traceback" not in printed.err
    assert printed.err.startswith("backpropviz: "), printed.err
    assert printed.err.count("\n") == 1, printed.err
    assert printed.err.endswith((".\n", "…\n")), printed.err
    assert len(printed.err) < 3000
    return Outcome(code, printed.out, printed.err.removeprefix("backpropviz: ").strip())


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The sentence of a command that was given a file or value that cannot be used."""
    found = outcome(capsys, *words)
    assert found.code == 3, found
    assert found.out == ""
    return found.sentence
