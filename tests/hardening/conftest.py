"""No command may hang, whatever it is given."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

MOST_SECONDS = 120


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """Fail a test that takes longer than any honest refusal could."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def hung(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"still running after {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(MOST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
