"""Ids are derived in the same way in every version, because what was paid for is found by its id."""

from __future__ import annotations

import hashlib

from wan_video.domain.batch import requested_id, retry_id
from wan_video.domain.names import imported_id, video_id
from wan_video.domain.prompt_file import batch_id, row_id

BATCH = "batch_57545d00e95244657026077ce1a63f58"


def test_ids_are_the_same_as_in_commit_855997e() -> None:
    assert batch_id("prompts", "fox.txt", "0" * 64) == BATCH
    assert row_id(BATCH, 7) == "video_585622acac48a7597c3a7aee676e933d"
    assert video_id("me", "k") == "video_6aed28ee119524b5fc463dcbc0d7259b"
    assert imported_id("me", "singapore", "t1") == "video_6a6bd4fd370bbb78157db024ceee80a7"
    assert requested_id("me", "k") == "batch_f0206be936862859799ed808233adec5"
    assert retry_id(BATCH, 2) == f"batch_{hashlib.sha256(f'retry{chr(0)}{BATCH}{chr(0)}2'.encode()).hexdigest()[:32]}"


def test_an_owner_named_like_a_batch_cannot_create_the_video_of_its_row() -> None:
    assert video_id(BATCH, "7") != row_id(BATCH, 7)
    assert video_id("batch_7", "7") == f"video_{hashlib.sha256(f'batch_7{chr(0)}7'.encode()).hexdigest()[:32]}"


def test_the_next_batch_of_a_key_has_another_id() -> None:
    assert requested_id("me", "k", 1) == requested_id("me", "k") != requested_id("me", "k", 2)
