"""Progress: kept, scored, saved and found again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backpropviz.errors import UserError
from backpropviz.lessons.progress import (
    LessonProgress,
    Score,
    begin,
    current_step,
    from_json,
    is_finished,
    neighbor,
    scores,
    to_json,
)
from tests.debugger.lessons.passes import bundled

LESSON = bundled("derivative-of-max-pooling")
ONE, TWO, THREE = LESSON.steps[:3]


def under_way() -> LessonProgress:
    progress = begin(LESSON).answered(ONE, "conv1.output[0,0,1,0]", is_right=True).met(ONE)
    progress = progress.at(TWO).answered(TWO, "1", is_right=False)
    return progress.answered(TWO, "0", is_right=True).revealed(THREE).at(THREE)


def test_progress_comes_back_from_json() -> None:
    progress = under_way()
    assert from_json(json.loads(json.dumps(to_json(progress)))) == progress
    assert from_json(to_json(begin(LESSON))) == begin(LESSON)


def test_the_first_try_is_scored() -> None:
    found = scores(LESSON, under_way())
    assert found["winner"] == Score(1, 2, 3)
    assert found["losers"] == Score(0, 1, 3)
    assert found["shared filter"] == Score(0, 0, 2)


def test_what_is_settled_stays() -> None:
    progress = under_way()
    assert progress.answered(TWO, "5", is_right=False) == progress
    assert progress.answered(THREE, "2", is_right=True) == progress
    assert progress.revealed(ONE) == progress
    assert progress.by_step[TWO.title].tries == 2


def test_a_step_is_complete_with_answer_and_check() -> None:
    progress = under_way()
    assert progress.is_complete(ONE)
    assert not progress.is_complete(TWO)
    assert progress.met(TWO).is_complete(TWO)
    assert not begin(LESSON).met(ONE).is_complete(ONE)
    assert not is_finished(LESSON, progress)


def test_steps_are_walked_in_both_directions() -> None:
    progress = begin(LESSON)
    assert neighbor(LESSON, progress, -1) is None
    assert neighbor(LESSON, progress, 1) == TWO
    assert neighbor(LESSON, progress.at(LESSON.steps[-1]), 1) is None


def test_a_step_that_is_gone_leads_to_the_first_open_one() -> None:
    lost = LessonProgress(LESSON.id, "A step of an older lesson", under_way().done).answered(
        ONE, "x", is_right=True
    )
    assert current_step(LESSON, lost) == TWO
    assert current_step(LESSON, under_way()) == THREE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 9),
        ("lesson", 3),
        ("step", None),
        ("done", 7),
        ("done", [1]),
        ("answers", []),
        ("answers", {"a": {"given": "x"}}),
        ("answers", {"a": {"given": "x", "tries": -1, "right": True, "revealed": False}}),
    ],
)
def test_damaged_progress_is_refused(field: str, value: Any) -> None:
    with pytest.raises(UserError, match="begin the lesson anew"):
        from_json(to_json(under_way()) | {field: value})
    with pytest.raises(UserError):
        from_json([])
    with pytest.raises(UserError):
        from_json({})
