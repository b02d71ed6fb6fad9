"""The rows of videos: a protocol for each user of rows, with the methods that it needs.

One adapter implements all of them. Reads are strongly consistent unless a method says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from wan_video.domain.batch import Batch
    from wan_video.domain.listing import Page, VideoQuery
    from wan_video.domain.video import Video


class Videos(Protocol):
    """The methods that every worker needs: to read rows, and to save the transitions of one."""

    def get(self, video_id: str) -> Video:
        """Return one row. Raises VideoNotFound, and VideoDeleted while the id of a deleted video stays taken."""
        ...

    def get_many(self, video_ids: Sequence[str]) -> Mapping[str, Video]:
        """Return rows by their ids, without those that do not exist."""
        ...

    def save(self, before: Video, after: Video) -> Video:
        """Save a transition in one transaction with the queue item, place, reservation and claim that it changes.

        Returns the saved row. Raises VideoChanged if the row is no longer `before`, and TaskClaimed if its new task
        belongs to another video.
        """
        ...


class DeletableVideos(Protocol):
    """The methods that deleting a video needs."""

    def delete(self, video: Video, until: int) -> None:
        """Replace a row by a tombstone that keeps its id taken until then. Raises VideoChanged."""
        ...


class DispatchVideos(Videos, Protocol):
    """The methods that `dispatch` needs."""

    def start(self, before: Video, after: Video, *, places: int, budgets: Mapping[str, int | None]) -> Video:
        """Save a start: row, place, budgets and queue item, all or nothing.

        `budgets` maps an owner to the seconds that may be used in a day, or None if there is no limit. Raises the first
        of these that applies: VideoChanged; BatchNotInProgress if the video's batch was cancelled, or its record no
        longer exists; NoPlace; OverBudget with the owner whose budget has no room.
        """
        ...


class SubmitVideos(Videos, Protocol):
    """The methods that `submit` needs: a task that the row can no longer take gets a row of its own."""

    def adopt(self, video: Video, most_unknown: int | None = None) -> None:
        """Write the row of an existing task and the claim to it, all or nothing.

        If the row has a reservation, its seconds are reserved, whatever is left of the budgets.
        With `most_unknown`, the task is also counted among the owner's unconfirmed tasks, up to this number.
        Raises VideoExists, TaskClaimed if the task belongs to another video, and TooManyUnknownTasks.
        """
        ...


class ApiVideos(SubmitVideos, DeletableVideos, Protocol):
    """The methods that `api` needs: for new rows, lists of rows, and imported tasks."""

    def accept(self, video: Video) -> None:
        """Write a new row and its queue item, and count it in its line, all or nothing. Raises VideoExists."""
        ...

    def list(self, owner: str, query: VideoQuery) -> Page:
        """Return one page of an owner's videos by time of creation, from all batches; eventually consistent."""
        ...

    def list_rows(self, batch: Batch, query: VideoQuery, after: int | None = None) -> Page:
        """Return one page of the rows of a batch that match a filter, by their numbers; eventually consistent.

        `after` is the number of a row. Rows whose model is missing in `batch.models` are not found.
        """
        ...

    def unknown_tasks(self, owner: str) -> Collection[str]:
        """Return the ids of the owner's videos that are counted as unconfirmed."""
        ...

    def settle_unknown_tasks(self, owner: str, video_ids: Collection[str]) -> None:
        """Stop counting these videos as unconfirmed."""
        ...


class BatchVideos(Videos, Protocol):
    """The methods that `ingest` and `finish_batch` need: for many rows of one batch at a time."""

    def row_chunks(self, videos: Iterable[Video]) -> Iterator[Sequence[Video]]:
        """Split rows of one batch into chunks that `accept_rows` takes at once."""
        ...

    def accept_rows(self, batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        """Write the next rows of a batch, all or nothing and once; return the batch as it is then.

        Raises BatchChanged if the batch is past `batch.last_row` or accepts no more rows, and VideoExists.
        """
        ...

    def cancel_rows(self, videos: Sequence[Video], now: int) -> int:
        """Cancel those rows of one batch that still wait; return their number."""
        ...


class UnsettledVideos(Protocol):
    """The methods that find rows that need attention, and read them."""

    def get(self, video_id: str) -> Video:
        """Return one row. Raises VideoNotFound."""
        ...

    def attention(self, kind: str, untouched_since: int) -> Iterable[str]:
        """Yield the ids of the videos with this `attention` that were not written since then, oldest first.

        Eventually consistent.
        """
        ...


class SweepVideos(UnsettledVideos, SubmitVideos, DeletableVideos, Protocol):
    """The methods that the repairs of `sweep` need."""
