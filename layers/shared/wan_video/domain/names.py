"""The names of videos and tasks, and the keys of stored objects."""

from __future__ import annotations

import re
from typing import Final

from wan_video.domain.digests import id_digest

TASK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
"""What a task id may look like; Wan's are UUIDs. Anything else never gets into a path."""

VIDEO_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
"""What the id of a video or batch may look like. Anything else cannot exist, so it never gets into a key."""

BATCH_ID: Final = re.compile(r"batch_[0-9a-f]{32}", re.ASCII)
"""What the id of every batch of this stack looks like."""

MODEL_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
"""What the name of a model may look like, whether it is one that is known or not."""


def video_id(owner: str, idempotency_key: str) -> str:
    """The id that one owner and one Idempotency-Key always give."""
    # `prompt_file.row_id` hashes a batch and a number: an owner who is called like a batch gets a space of its own.
    space = "owner\0" if BATCH_ID.fullmatch(owner) else ""
    return f"video_{id_digest(f'{space}{owner}', idempotency_key)}"


def imported_id(owner: str, region: str, task_id: str) -> str:
    """The id of the video that one owner makes of a task that exists at Wan."""
    return video_id(owner, f"task\0{region}\0{task_id}")


def video_key(video_id: str) -> str:
    """Where the video is stored, in the videos bucket."""
    return f"videos/{video_id}/video.mp4"


def metadata_key(video_id: str) -> str:
    """Where the video's description is stored."""
    return f"videos/{video_id}/metadata.json"
