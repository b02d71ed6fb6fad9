"""What the figures of the stack call passed over: a single prompt that waited for the whole batch of another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admission.stack_run import _was_passed_over

MODEL = "wan2.2-t2v-plus"
"""Three places."""


def video(created_at: int, started_at: int, model: str = MODEL) -> dict[str, Any]:
    return {"model": model, "created_at": created_at, "started_at": started_at}


@pytest.mark.parametrize(
    ("rows", "passed_over"),
    [
        ([video(1, 11), video(1, 12), video(1, 13), video(1, 14)], True),
        ([video(1, 11), video(1, 12), video(1, 13), video(1, 30)], False),
        ([video(1, 11), video(1, 12), video(1, 13)], False),
        ([video(1, 4), video(1, 12), video(1, 13), video(1, 14)], False),
        ([video(1, at, "wan2.6-t2v") for at in range(11, 19)], False),
    ],
    ids=["after all that waited", "before one of them", "no more than places", "one had begun", "another model"],
)
def test_a_single_prompt_is_passed_over_when_all_that_waited_went_before_it(
    rows: list[dict[str, Any]], passed_over: bool
) -> None:
    assert _was_passed_over(video(5, 20), rows) is passed_over
