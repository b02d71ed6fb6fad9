"""A prompt file: one object in the prompts bucket that asks for one video or for many."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wan_video.domain.request import VideoFields
from wan_video.errors import Problem

MAX_FILE_BYTES: Final = 5 * 1024 * 1024
MAX_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt file as it was read: its bytes, and the user metadata of the object."""

    bucket: str
    key: str
    etag: str
    body: bytes = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """What is in the file, as 64 hex digits: its content and the settings beside it."""
        settings = "\0".join(f"{name}={value}" for name, value in sorted(self.metadata.items()))
        return hashlib.sha256(hashlib.sha256(self.body).digest() + settings.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Row:
    """One request of a file: its fields, or what is wrong with them. `number` counts from 1."""

    number: int
    fields: VideoFields | None = None
    problems: Sequence[Problem] = ()


def batch_id(bucket: str, key: str, content: str) -> str:
    """The batch a file makes: the same file with the same content is always the same batch."""
    return f"batch_{_hash(bucket, key, content)}"


def row_id(batch: str, number: int) -> str:
    """The video a row makes."""
    return f"video_{_hash(batch, str(number))}"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
