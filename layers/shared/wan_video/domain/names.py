"""The names of videos and tasks, and the keys of stored objects."""

from __future__ import annotations

import re
from typing import Final

from wan_video.domain.digests import id_digest

TASK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
"""The pattern of task ids; Wan's are UUIDs. Other text is never put into a path."""

VIDEO_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
"""The pattern of the ids of videos and batches. Other ids cannot exist, so they are never put into a key."""

BATCH_ID: Final = re.compile(r"batch_[0-9a-f]{32}", re.ASCII)
"""The pattern of the id of every batch of this stack."""

MODEL_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
"""The pattern of names of models, whether this stack knows the model or not."""


def video_id(owner: str, idempotency_key: str) -> str:
    """Return the id of the video that an owner creates with an Idempotency-Key."""
    # `prompt_file.row_id` hashes a batch and a number: owners whose name looks like a batch id get a separate space.
    space = "owner\0" if BATCH_ID.fullmatch(owner) else ""
    return f"video_{id_digest(f'{space}{owner}', idempotency_key)}"


def imported_id(owner: str, region: str, task_id: str) -> str:
    """Return the id of the video that an owner creates by importing a task from Wan."""
    return video_id(owner, f"task\0{region}\0{task_id}")


def video_key(video_id: str) -> str:
    """Return the key of the video file in the videos bucket."""
    return f"videos/{video_id}/video.mp4"


def content_input_id(owner: str, digest: str) -> str:
    """Return the id of the input in which the API stores an owner's image; `digest` is the SHA-256 of its bytes."""
    return f"input_{id_digest('content', owner, digest)}"


def input_key(owner: str, input_id: str) -> str:
    """Return the key of an owner's input in the inputs bucket; the same id of another owner has another key."""
    return f"inputs/{id_digest('inputs', owner)}/{input_id}"


def fetched_key(digest: str) -> str:
    """Return the key in the inputs bucket of an image that `submit` fetched; `digest` is the SHA-256 of its bytes."""
    return f"fetched/{digest}"


def metadata_key(video_id: str) -> str:
    """Return the key of the video's metadata in the videos bucket."""
    return f"videos/{video_id}/metadata.json"


def thumbnail_key(video_id: str) -> str:
    """Return the key of the video's thumbnail in the videos bucket."""
    return f"videos/{video_id}/thumbnail.jpg"


def object_keys(video_id: str) -> tuple[str, ...]:
    """Return the keys of all objects that a video may have in the videos bucket."""
    return video_key(video_id), metadata_key(video_id), thumbnail_key(video_id)
