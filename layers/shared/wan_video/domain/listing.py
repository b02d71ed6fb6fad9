"""Pages of lists: queries for an owner's videos or batches, and their results."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from wan_video.domain.video import Status, Video

ROWS_AT_ONCE: Final = 100
"""The number of rows that are read at a time, which is the maximum of one call to DynamoDB."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The position of a video, possibly a deleted one, in the list of its owner."""

    id: str
    created_at: int


@dataclass(frozen=True, slots=True)
class VideoQuery:
    """A query for an owner's videos: at most `limit` of them, in order, after the video `after`."""

    limit: int
    descending: bool = True
    after: Video | Mark | None = None
    statuses: Collection[Status] = ()
    model: str | None = None
    batch_id: str | None = None

    @property
    def filtered(self) -> bool:
        """Whether the query filters videos."""
        return bool(self.statuses) or self.model is not None

    def wants(self, video: Video) -> bool:
        """Return whether a video has the requested status and model."""
        return (not self.statuses or video.status in self.statuses) and self.model in (None, video.request.model)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, whether there is more, and the id after which the next page begins."""

    videos: Sequence[Video]
    has_more: bool = False
    last_id: str | None = None
