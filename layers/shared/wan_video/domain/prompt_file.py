"""A prompt file: one object in the prompts bucket that asks for one video or for many."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wan_video.domain.digests import id_digest
from wan_video.domain.request import VideoFields
from wan_video.errors import Problem

MAX_FILE_BYTES: Final = 200_000_000
MAX_ROWS: Final = 50_000
"""The limits of a file that is read row by row (`.jsonl`, `.csv`)."""

MAX_WHOLE_BYTES: Final = 5 * 1024 * 1024
MAX_WHOLE_ROWS: Final = 1000
"""The limits of a file that is read as a whole (`.json`, `.txt`)."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt file at one version: its size in bytes, the user metadata of the object, and a way to read it.

    Each call of `chunks` reads the file from the first byte, in chunks of limited size.
    """

    bucket: str
    key: str
    etag: str
    size: int
    chunks: Callable[[], Iterable[bytes]] = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """Read the whole file; return the digest that `Content` computes."""
        content = Content(self.metadata)
        for _ in content.through(self.chunks()):
            pass
        return content.digest


class Content:
    """The digest of a file, computed from its chunks while they are read."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self._settings = "\0".join(f"{name}={value}" for name, value in sorted(metadata.items()))
        self._body = hashlib.sha256()

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the same chunks, and add them to the digest."""
        for chunk in chunks:
            self._body.update(chunk)
            yield chunk

    @property
    def digest(self) -> str:
        """The digest of the content and of its metadata, as 64 hex digits."""
        return hashlib.sha256(self._body.digest() + self._settings.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Row:
    """One request of a file: its fields, or what is wrong with them.

    `number` counts the requests, `line` the lines of the file, both from 1; a file that is read whole has no lines.
    """

    number: int
    fields: VideoFields | None = None
    problems: Sequence[Problem] = ()
    line: int | None = None


def batch_id(bucket: str, key: str, content: str) -> str:
    """Return the id of the batch of a file; it is always the same for the same key and content."""
    return f"batch_{id_digest(bucket, key, content)}"


def row_id(batch: str, number: int) -> str:
    """Return the id of the video of a row. It must never change, because rows of ended batches are found by it."""
    return f"video_{id_digest(batch, str(number))}"
