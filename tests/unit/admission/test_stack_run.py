"""When the figures of the stack count a single prompt as skipped: it waited for another owner's whole batch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admission.stack_run import _was_skipped

MODEL = "wan2.2-t2v-plus"
"""A model with three places."""


def video(created_at: int, started_at: int, model: str = MODEL) -> dict[str, Any]:
    return {"model": model, "created_at": created_at, "started_at": started_at}


@pytest.mark.parametrize(
    ("rows", "skipped"),
    [
        ([video(1, 11), video(1, 12), video(1, 13), video(1, 14)], True),
        ([video(1, 11), video(1, 12), video(1, 13), video(1, 30)], False),
        ([video(1, 11), video(1, 12), video(1, 13)], False),
        ([video(1, 4), video(1, 12), video(1, 13), video(1, 14)], False),
        ([video(1, at, "wan2.6-t2v") for at in range(11, 19)], False),
    ],
    ids=["after all waiting rows", "before one of them", "no more than places", "one had started", "another model"],
)
def test_a_single_prompt_is_skipped_if_all_waiting_rows_start_before_it(
    rows: list[dict[str, Any]], skipped: bool
) -> None:
    assert _was_skipped(video(5, 20), rows) is skipped
