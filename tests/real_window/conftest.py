"""The program on a screen of its own, once a file; where that cannot be, one sentence says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real_window.driver import RealWindow, missing_programs


@pytest.fixture(scope="session", autouse=True)
def _screens() -> None:
    """Skip where a real window cannot be."""
    if lack := missing_programs():
        pytest.skip(lack)


@pytest.fixture(scope="module")
def shared(_screens: None) -> Iterator[RealWindow]:
    """The window of a file, on the smallest example."""
    with RealWindow("--network", "tiny-max") as window:
        yield window


@pytest.fixture
def real(shared: RealWindow) -> RealWindow:
    """The window with the pass in sight, the stage in focus and nothing else open."""
    shared.close_all()
    shared.fired()
    return shared
