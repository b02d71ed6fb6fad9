"""The rows of videos: a protocol for each of those who use them, with what this one needs.

One adapter stands behind all of them. Reads are strongly consistent unless a method says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from wan_video.domain.batch import Batch
    from wan_video.domain.listing import Page, VideoQuery
    from wan_video.domain.video import Video


class Videos(Protocol):
    """What every worker needs: read rows, and save the transitions of one."""

    def get(self, video_id: str) -> Video:
        """Read one row; raises VideoNotFound, and VideoDeleted while a deleted one keeps its id taken."""
        ...

    def get_many(self, video_ids: Collection[str]) -> Mapping[str, Video]:
        """Read rows by their ids; those that are not there are left out."""
        ...

    def save(self, before: Video, after: Video) -> Video:
        """Save a transition; what it leaves (queue, place, reservation) and claims (a task) is part of the transaction.

        Returns the row as saved. Raises VideoChanged where the row is no longer `before`, and TaskClaimed where its
        new task belongs to another video.
        """
        ...


class DeletableVideos(Protocol):
    """What deleting a video needs."""

    def delete(self, video: Video, until: int) -> None:
        """Replace a row by a tombstone that keeps its id taken until then; raises VideoChanged."""
        ...


class DispatchVideos(Videos, Protocol):
    """What `dispatch` needs."""

    def start(self, before: Video, after: Video, *, places: int, budgets: Mapping[str, int | None]) -> Video:
        """Save a start: row, place, budgets and queue item, all or nothing.

        `budgets` maps an owner to the seconds its day may use, None for no limit.
        The first of these that applies is raised: VideoChanged; BatchNotInProgress where the video's batch was
        cancelled, or its record is gone; NoPlace; OverBudget with the owner whose budget has no room.
        """
        ...


class SubmitVideos(Videos, Protocol):
    """What `submit` needs: a task that turns out to be another video's becomes a row of its own."""

    def adopt(self, video: Video, most_unknown: int | None = None) -> None:
        """Write the new row of a task that exists, and the claim to it, all or nothing.

        With `most_unknown` it is also counted among its owner's tasks that Wan has not confirmed, up to this number.
        Raises VideoExists, TaskClaimed where the task belongs to another video, and TooManyUnknownTasks.
        """
        ...


class ApiVideos(SubmitVideos, DeletableVideos, Protocol):
    """What `api` needs: new rows, lists of them, and imported tasks."""

    def accept(self, video: Video) -> None:
        """Write a new row, its queue item and its pool's note of it, all or nothing; raises VideoExists."""
        ...

    def list(self, owner: str, query: VideoQuery) -> Page:
        """One page of an owner's videos by their creation, whatever batch they are of; eventually consistent."""
        ...

    def list_rows(self, batch: Batch, query: VideoQuery, after: int | None = None) -> Page:
        """One page of the rows of a batch that a filter asks for, by their numbers; eventually consistent.

        `after` is the number of a row. Rows whose models `batch.models` does not have are not found.
        """
        ...

    def unknown_tasks(self, owner: str) -> Collection[str]:
        """The ids of the owner's videos that are counted so."""
        ...

    def settle_unknown_tasks(self, owner: str, video_ids: Collection[str]) -> None:
        """Count these no longer."""
        ...


class BatchVideos(Videos, Protocol):
    """What `ingest` and `finish_batch` need: many rows of one batch at once."""

    def row_chunks(self, videos: Iterable[Video]) -> Iterator[Sequence[Video]]:
        """Split rows of one batch into chunks that `accept_rows` takes at once."""
        ...

    def accept_rows(self, batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        """Write the next rows of a batch, all or nothing and once; returns the batch as it is then.

        Raises BatchChanged where the batch is past `batch.last_row` already, or takes no more rows; VideoExists.
        """
        ...

    def cancel_rows(self, videos: Sequence[Video], now: int) -> int:
        """Cancel those rows of one batch that still wait; returns how many did."""
        ...


class SweepVideos(SubmitVideos, DeletableVideos, Protocol):
    """What the repairs of `sweep` need: to find rows that need attention."""

    def attention(self, kind: str, untouched_since: int) -> Iterable[str]:
        """Ids of the videos with this `attention` that were not written since then, oldest first.

        Eventually consistent.
        """
        ...
