"""Pages of lists: which of an owner's videos or batches are asked for, and which were found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from wan_video.domain.video import Status, Video

ROWS_AT_ONCE: Final = 100
"""Rows that are read together where many follow one another: DynamoDB returns as many in one call."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The position of a video, possibly a deleted one, in the list of its owner."""

    id: str
    created_at: int


@dataclass(frozen=True, slots=True)
class VideoQuery:
    """Which of an owner's videos, and in which order: those after the video `after`, at most `limit`."""

    limit: int
    descending: bool = True
    after: Video | Mark | None = None
    statuses: Collection[Status] = ()
    model: str | None = None
    batch_id: str | None = None

    @property
    def filtered(self) -> bool:
        """Whether some of them may be left out."""
        return bool(self.statuses) or self.model is not None

    def wants(self, video: Video) -> bool:
        """Whether a video has the status and the model that are asked for."""
        return (not self.statuses or video.status in self.statuses) and self.model in (None, video.request.model)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, whether there is more, and the id after which the next page begins."""

    videos: Sequence[Video]
    has_more: bool = False
    last_id: str | None = None
