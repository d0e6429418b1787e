"""Files that something has happened to: used, or refused in a sentence; never a hang.

`BACKPROPVIZ_MUTATIONS=3000 pytest tests/hardening/test_mutations.py` makes so many of each kind.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

COUNT = int(os.environ.get("BACKPROPVIZ_MUTATIONS", "40"))
MOST_MB = 1024
_A_CHILD = 500
_MOST_SECONDS = 900

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children are bounded by POSIX")


@pytest.mark.parametrize("kind", ["image", "network", "model", "session", "run", "lesson"])
def test_a_damaged_file_is_used_or_refused_in_a_sentence(
    kind: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    counts: Counter[str] = Counter()
    bad: list[str] = []
    for first in range(0, COUNT, _A_CHILD):
        words = [kind, str(first), str(min(_A_CHILD, COUNT - first)), str(tmp_path)]
        child = subprocess.run(
            [sys.executable, "-m", "tests.hardening.mutation_child", *words],
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
        lines = [line.split("\t") for line in child.stdout.splitlines()]
        assert child.returncode == 0, f"{lines[-1:]} {child.stderr[-2000:]}"
        assert lines[-1][0] == "memory"
        assert int(lines[-1][1]) < MOST_MB
        counts.update(how for _, how, _ in lines[:-1])
        bad += ["\t".join(line) for line in lines[:-1] if line[1] not in {"fine", "worded"}]
        counts["memory_mb"] = max(counts["memory_mb"], int(lines[-1][1]))
    for how, count in counts.items():
        record_property(f"{kind}_{how}", count)
    print(kind, dict(counts))
    assert counts["fine"] + counts["worded"] == COUNT, "\n".join(bad[:20]).replace("\\n", "\n")
