"""Data files with forged and damaged bytes: used or refused in a sentence, soon, in little memory.

`BACKPROPVIZ_MUTATIONS=3000 pytest -s tests/hardening/test_data_mutations.py` tries 3,000 of each.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("memory is limited by POSIX calls", allow_module_level=True)

from tests.hardening.data_mutations import HANG, KINDS, MEMORY, UNWORDED, USED, WORDED, tally

COUNT = int(os.environ.get("BACKPROPVIZ_MUTATIONS", "150"))


@pytest.fixture(autouse=True)
def _no_hang() -> None:
    """Each child has its own limit of time."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_mutation_is_used_or_refused_in_words(kind: str, tmp_path: Path) -> None:
    found = tally(kind, COUNT, tmp_path)
    print(f"\n{kind}: {dict(found.counts)}")
    assert found.unworded == []
    assert found.counts.total() == COUNT
    assert not found.counts.keys() & {UNWORDED, HANG, MEMORY}
    assert min(found.counts[USED], found.counts[WORDED]) > COUNT // 20
