"""`pytest tests/benchmarks -s` runs every benchmark, each in a process of its own.

They print ratios of one run and judge them; what fails here is a benchmark that does not run.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITH_PYTORCH = ("kernels", "training")
ALONE = (
    "seek",
    "frame",
    "startup",
    "drag",
    "nudge",
    "ancestry",
    "export",
    "training_view",
    "resampling",
    "export",
)


@pytest.mark.benchmark
@pytest.mark.parametrize("name", [*WITH_PYTORCH, *ALONE])
def test_it_runs(name: str) -> None:
    if name in WITH_PYTORCH and find_spec("torch") is None:
        pytest.skip("it compares with PyTorch, which is not here")
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
