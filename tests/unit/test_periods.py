"""Periods and counts that protect money, written out here because other tests use the constants themselves."""

from __future__ import annotations

import pytest

from wan_video.adapters.dynamodb import repeats
from wan_video.domain import batch, links, sender, submission, task, trouble
from wan_video.services import delete_video, lost_tasks
from wan_video.services.api import new_videos
from wan_video.services.repairs import batches, multiparts, unfinished

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.mark.parametrize(
    ("constant", "value"),
    [
        (task.TASK_LIFE_SECONDS, DAY),
        (task.CLAIM_SECONDS, 30 * DAY),
        (delete_video.TOMBSTONE_SECONDS, 90 * DAY),
        (links.LINK_LIFE_SECONDS, 7 * DAY),
        (batch.UPLOAD_SECONDS, HOUR),
        (new_videos.SDK_RETRY_SECONDS, 21 * MINUTE),
        (sender.SHORT_WINDOW_SECONDS, 10),
        (sender.LONG_WINDOW_SECONDS, 11 * MINUTE),
        (repeats.KEPT_SECONDS, HOUR),
        (submission.EMPTY_SCANS, 2),
        (submission.SCAN_GAP_SECONDS, 30),
        (submission.MAX_RESENDS, 5),
        (lost_tasks.MARGIN_SECONDS, 15 * MINUTE),
        (lost_tasks.ACCEPTED_WITHIN_SECONDS, HOUR),
        (lost_tasks.LONGEST_SPAN_SECONDS, 12 * HOUR),
        (trouble.TROUBLE_SECONDS, 5 * MINUTE),
        (multiparts.ABANDONED_SECONDS, HOUR),
        (unfinished.LONGEST_LIFE_SECONDS, 3 * DAY + HOUR),
        (unfinished.MAX_RESTARTS_WITHOUT_TASK, 3),
        (batches.MAX_RESTARTS, 10),
    ],
)
def test_a_period_has_the_length_that_was_decided(constant: float, value: float) -> None:
    assert constant == value


def test_what_protects_against_paying_twice_is_kept_longest() -> None:
    assert task.TASK_LIFE_SECONDS < task.CLAIM_SECONDS < delete_video.TOMBSTONE_SECONDS
    assert max(new_videos.SDK_RETRY_SECONDS, sender.LONG_WINDOW_SECONDS) < repeats.KEPT_SECONDS


def test_a_window_is_longer_than_an_sdk_keeps_retrying() -> None:
    """Both SDKs send three times, with two waits for an answer and two pauses in between."""
    longest_pause = 8
    dashscope_client, openai = 2 * (5 + 300 + longest_pause), 2 * (5 + 600 + longest_pause)
    assert dashscope_client < sender.LONG_WINDOW_SECONDS
    assert openai < new_videos.SDK_RETRY_SECONDS
