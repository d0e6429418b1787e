"""A window that is killed while a person works in it, by true keys, is resumed as it was.

`BACKPROPVIZ_KILLS=50` kills as many; the seed of the moments is printed.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.real_window.driver import RealWindow

KILLS = int(os.environ.get("BACKPROPVIZ_KILLS", "1"))
MODES = ("train", "step", "edit")
MOST_S = 30.0
LONGEST_S = 45.0

OPENED = "window.workbench.controller.opened"
RUN = "window.workbench.training.room.controller.state.run"
EDITOR = "of_kind('NetworkEditor')[0]"
DONE = {
    "step": f"{OPENED}.state.k + 1 if {OPENED} else 0",
    "train": f"{RUN}.now.iteration if {RUN} else 0",
    "edit": f"len({EDITOR}.controller.draft.nodes)",
}
"""How much has been done, as a number that grows."""


@pytest.fixture(scope="module")
def moments() -> random.Random:
    seed = int(os.environ.get("BACKPROPVIZ_SEED", str(random.SystemRandom().randrange(10**6))))
    print(f"BACKPROPVIZ_SEED={seed}")
    return random.Random(seed)


def begin(real: RealWindow, mode: str) -> None:
    """Open what is worked on."""
    if mode == "step":
        real.keys("F11", "F11", "F11", "F11")  # down to the single terms
    elif mode == "train":
        real.ask("begin_run()")
        real.until("window.workbench.training.is_shown")
        real.keys("F5")
    elif mode == "edit":
        real.keys("ctrl+n")
        real.until("target() == 'LayerList'")


def work(real: RealWindow, mode: str) -> None:
    """Do a little more."""
    if mode == "step":
        real.keys("F10")
    elif mode == "edit":
        real.keys("Insert")
        real.until("target() == 'SearchLine'")
        real.type("relu")
        real.keys("Return")
        real.until("target() == 'LayerList'")


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_window_is_resumed(number: int, moments: random.Random, tmp_path: Path) -> None:
    mode, lasts_s = MODES[number % len(MODES)], moments.uniform(0.0, LONGEST_S)
    if KILLS == 1:
        lasts_s = 18.0  # after the first time that all is kept
    with RealWindow("--network", "lenet", home=tmp_path / "home") as real:
        real.close_all()
        begin(real, mode)
        began_at = time.monotonic()
        done: list[tuple[float, int]] = []
        while time.monotonic() - began_at < lasts_s:
            work(real, mode)
            done.append((time.monotonic(), real.ask(DONE[mode])))
        real.program.kill()
        killed_at = time.monotonic()
        real.program.wait()
        real.start()
        offers = real.ask("len(of_kind('ResumeOffer'))")
        if not offers:
            assert killed_at - began_at < MOST_S
            print(f"{mode}: nothing kept of {killed_at - began_at:.1f} s")
            return
        real.click("of_kind('ResumeOffer')[0].resume")
        found = real.until(DONE[mode])
    missing_s = killed_at - max([began_at, *(at for at, count in done if count <= found)])
    print(f"{mode}: {missing_s:.1f} s of {killed_at - began_at:.1f} s are missing")
    assert done[-1][1] > done[0][1], "nothing was done"
    assert found <= done[-1][1] + 1
    assert missing_s < MOST_S
