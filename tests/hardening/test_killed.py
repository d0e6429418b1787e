"""Windows and trainings that are killed at random moments lose next to nothing.

`BACKPROPVIZ_KILLS=50` kills as many of each; the seed of the moments is printed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from backpropviz.importers.datasets.shipped import shipped_dataset
from backpropviz.storage.run_file import load_run
from backpropviz.ui import recent
from backpropviz.ui.kept_work import left_work

KILLS = int(os.environ.get("BACKPROPVIZ_KILLS", "3"))
MODES = ("step", "train", "edit")
MOST_S = 30.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def moments() -> random.Random:
    seed = int(os.environ.get("BACKPROPVIZ_SEED", str(random.SystemRandom().randrange(10**6))))
    print(f"BACKPROPVIZ_SEED={seed}")
    return random.Random(seed)


def killed(words: Sequence[str], after_s: float, is_busy: Path) -> None:
    """Run a command, and kill it so long after a file of its has appeared."""
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not (is_busy.exists() and is_busy.stat().st_size):
            with suppress(subprocess.TimeoutExpired):
                assert process.wait(0.02) is None
        with suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        process.kill()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_window_that_is_asked_to_end_keeps_all(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    monkeypatch.setattr(recent, "data_folder", lambda: data)
    words = ("tests.hardening.busy_window", str(data), "train", str(log))
    with subprocess.Popen([sys.executable, "-m", *words], stderr=subprocess.PIPE) as process:
        while not (log.exists() and any(line.amount for line in logged(log))):
            with suppress(subprocess.TimeoutExpired):
                assert process.wait(0.02) is None
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"Traceback" not in err
    (left,) = left_work()
    assert left.summary().is_closed
    run = left.load().runs[0].saved
    assert run.now.iteration == len(run.history) >= logged(log)[-1].amount
    left.remove()


class Line(NamedTuple):
    time_s: float
    amount: int
    what: str


def logged(path: Path) -> list[Line]:
    lines = [line.split() for line in path.read_text("ascii").splitlines()]
    whole = [words for words in lines if len(words) == 3]
    return [Line(float(time_s), int(count), what) for time_s, count, what in whole]


def resumed_count(mode: str) -> int:
    """How far the work was that is offered again; 0 where there is none."""
    left = left_work()
    assert len(left) <= 1
    if not left:
        return 0
    loaded = left[0].load()
    left[0].remove()
    if mode == "step":
        return 0 if loaded.opened is None else loaded.opened.state.k
    if mode == "train":
        return loaded.runs[0].saved.now.iteration if loaded.runs else 0
    return 0 if loaded.draft is None else int(loaded.draft.draft.title.split()[-1])


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_window_is_resumed(
    number: int, moments: random.Random, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode, log = MODES[number % len(MODES)], tmp_path / "log"
    data = tmp_path / "data"
    monkeypatch.setattr(recent, "data_folder", lambda: data)
    words = ("tests.hardening.busy_window", str(data), mode, str(log))
    killed(words, moments.uniform(0.0, 4.0), log)
    lines, found = logged(log), resumed_count(mode)
    first_kept = [k for k, line in enumerate(lines) if line.what == "kept"]
    if not first_kept:
        assert lines[-1].time_s - lines[0].time_s < MOST_S
        return
    before = [line.time_s for line in lines if line.amount <= found]
    missing_s = lines[-1].time_s - before[-1]
    print(f"{mode}: {missing_s:.2f} s of {lines[-1].time_s - lines[0].time_s:.2f} s are missing")
    assert found > 0
    assert missing_s < MOST_S


@pytest.mark.parametrize("number", range(min(KILLS, 30)))
def test_a_killed_training_has_a_last_state(
    number: int, moments: random.Random, tmp_path: Path
) -> None:
    path = tmp_path / "run.bpv"
    words = ("--network", "mlp", "--data", "mnist", "--updates", "100000", "--save-every", "0")
    killed(("backpropviz", "train", *words, "-o", str(path)), moments.uniform(0.0, 1.0), path)
    assert load_run(path, shipped_dataset).now.iteration > 0
    left = [found.name for found in tmp_path.iterdir() if found != path]
    assert all(".backpropviz-" in name for name in left)
    print(f"{number}: {len(left)} left")
