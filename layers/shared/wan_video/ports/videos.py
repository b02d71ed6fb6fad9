"""The rows of videos and of batches, and which Wan task belongs to whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wan_video.domain.batch import Batch
    from wan_video.domain.models import Region
    from wan_video.domain.video import Status, Video


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a video stands, or stood, among its owner's."""

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
    """A page of a list, whether there is more, and the id to go on after."""

    videos: Sequence[Video]
    has_more: bool = False
    last_id: str | None = None


class Videos(Protocol):
    """The rows of videos, and the transactions around them. Reads are strongly consistent unless said otherwise."""

    def get(self, video_id: str) -> Video:
        """Read one row; raises VideoNotFound, and VideoDeleted while a deleted one keeps its id taken."""
        ...

    def list(self, owner: str, query: VideoQuery) -> Page:
        """One page of an owner's videos by their creation, whatever batch they are of; eventually consistent."""
        ...

    def list_rows(self, batch: Batch, query: VideoQuery, after: int | None = None) -> Page:
        """One page of the rows of a batch that a filter asks for, by their numbers; eventually consistent.

        `after` is the number of a row. Rows whose models `batch.models` does not have are not found.
        """
        ...

    def delete(self, video: Video, until: int) -> None:
        """Replace a row by a tombstone that keeps its id taken until then; raises VideoChanged."""
        ...

    def get_many(self, video_ids: Collection[str]) -> Mapping[str, Video]:
        """Read rows by their ids; those that are not there are left out."""
        ...

    def accept(self, video: Video) -> None:
        """Write a new row, its queue item and its pool's note of it, all or nothing; raises VideoExists."""
        ...

    def adopt(self, video: Video, most_unknown: int | None = None) -> None:
        """Write the new row of a task that exists, and the claim to it, all or nothing.

        With `most_unknown` it is also counted among its owner's tasks that Wan has not confirmed, at most so many.
        Raises VideoExists, TaskClaimed where the task belongs to another video, and TooManyUnknownTasks.
        """
        ...

    def unknown_tasks(self, owner: str) -> Collection[str]:
        """The ids of the owner's videos that are counted so."""
        ...

    def settle_unknown_tasks(self, owner: str, video_ids: Collection[str]) -> None:
        """Count these no longer."""
        ...

    def portions(self, videos: Iterable[Video]) -> Iterator[Sequence[Video]]:
        """Rows of one batch, cut into as many as `accept_rows` takes at once."""
        ...

    def accept_rows(self, batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        """Write the next rows of a batch, all or nothing and once; returns the batch as it is then.

        Raises BatchChanged where the batch is past `batch.last_row` already, or takes no more rows; VideoExists.
        """
        ...

    def cancel_rows(self, videos: Sequence[Video], now: int) -> int:
        """Cancel those rows of one batch that still wait; returns how many did."""
        ...

    def start(self, before: Video, after: Video, *, places: int, budgets: Mapping[str, int | None]) -> Video:
        """Save a start: row, place, budgets and queue item, all or nothing.

        `budgets` maps an owner to the seconds its day may use, None for no limit.
        The first of these that applies is raised: VideoChanged; BatchNotInProgress where the video's batch was
        cancelled, or its record is gone; NoPlace; OverBudget with the owner whose budget has no room.
        """
        ...

    def save(self, before: Video, after: Video) -> Video:
        """Save a transition; what it leaves (queue, place, reservation) and claims (a task) is part of the transaction.

        Returns the row as saved. Raises VideoChanged where the row is no longer `before`, and TaskClaimed where its
        new task belongs to another video.
        """
        ...

    def attention(self, kind: str, untouched_since: int) -> Iterable[str]:
        """Ids of the videos with this `attention` that were not written since then, oldest first.

        Eventually consistent.
        """
        ...


class Claims(Protocol):
    """Which of Wan's tasks belong to a video of ours, read strongly. `Videos` writes them, with the row."""

    def claimed(self, region: Region, task_ids: Collection[str]) -> frozenset[str]:
        """Those of the tasks that belong to a video."""
        ...


class Batches(Protocol):
    """The records of batches; their counts are written with the rows they count (`Videos`).

    Reads are strong unless said otherwise.
    """

    def get(self, batch_id: str) -> Batch:
        """Read one batch; raises BatchNotFound."""
        ...

    def create(self, batch: Batch) -> None:
        """Write a new batch, which is listed and open from then on; raises BatchExists."""
        ...

    def save(self, before: Batch, after: Batch) -> Batch:
        """Save a transition and nothing but what it changed; returns the batch as saved. Raises BatchChanged."""
        ...

    def forgo(self, batch: Batch) -> None:
        """Count what was accepted and never written as cancelled, once; raises BatchChanged where rows were written."""
        ...

    def list(self, owner: str, limit: int, after: Mark | None = None) -> tuple[Sequence[Batch], bool]:
        """One page (at most 100) of an owner's batches, newest first, and whether there are more."""
        ...

    def open(self) -> Iterable[str]:
        """Ids of the batches that the stack still owes something; eventually consistent."""
        ...

    def kept(self, ended_by: int, limit: int) -> Sequence[str]:
        """Ids of the batches that it owes nothing and that had ended by then, oldest first, at most `limit`.

        Eventually consistent.
        """
        ...

    def let_go(self, batch: Batch, until: int) -> None:
        """Keep a batch no longer: its record goes at `until`, and `kept` does not list it any more.

        Raises BatchChanged where its record is gone already.
        """
        ...


class Repeats(Protocol):
    """Remembers for some minutes who asked for what, by real time (Unix seconds) and not by the stack's clock."""

    def first(
        self,
        owner: str,
        digest: str,
        key: str,
        *,
        now: int,
        since: int,
        session: str = "",
        instead_of: str | None = None,
        except_of: str | None = None,
    ) -> str:
        """The key under which the same was first asked for after `since`; `key`, remembered, where there is none.

        `session` is remembered with it. The key `instead_of` counts as none; the first request to replace it wins.
        So does any key of the session `except_of`.
        """
        ...

    def close(self, owner: str, digest: str, video_id: str, session: str) -> None:
        """Forget who asked for this, where it made that video in that session: the next request is a new one."""
        ...
