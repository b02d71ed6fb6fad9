"""Rows, places, queues, budgets and quotas in memory: the ports `Videos`, `Pools`, `Claims` and `Quotas`.

One suite of tests runs over this and over the adapters of DynamoDB, so that both behave alike.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from tests.fakes.batches import MemoryBatches
from wan_video.domain.batch import Batch, BatchStatus
from wan_video.domain.batch_status import counted
from wan_video.domain.budget import STACK, DayUsage
from wan_video.domain.listing import Mark, Page, VideoQuery
from wan_video.domain.models import Region
from wan_video.domain.pool import Line, Place, Pool
from wan_video.domain.queue import POSITION_LIMIT, QueueItem, queued_at, waits_since
from wan_video.domain.quota import NOTHING_STATED, Quota, Stated
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    BatchNotFound,
    BatchNotInProgress,
    NoPlace,
    OverBudget,
    TaskClaimed,
    TooManyUnknownTasks,
    VideoChanged,
    VideoDeleted,
    VideoExists,
    VideoNotFound,
)

CHUNK_ROWS: Final = 49
"""Rows that one transaction can write, with their queue items and lines."""

Write = Callable[[Video], None]


def _nothing(_: Video) -> None:
    """Do nothing before or after a write; a test may replace this."""


@dataclass
class _Pool:
    places: dict[str, Place] = field(default_factory=dict)
    taken: int = 0
    changes: int = 0
    lines: dict[str, Line] = field(default_factory=dict)
    stated: Stated = NOTHING_STATED

    def take(self, place: Place) -> None:
        if place.video_id not in self.places:
            self.taken += 1
        self.places[place.video_id] = place
        self.changes += 1

    def give_back(self, video_id: str) -> None:
        if self.places.pop(video_id, None) is not None:
            self.taken -= 1
            self.changes += 1


@dataclass
class _Lease:
    holder: str
    until: int
    asked: bool = False


class MemoryStore:
    """The ports over one set of dictionaries; every method is atomic.

    A test may set `before_write` to be killed just before a row is written, or `after_write` to lose the answer.
    """

    def __init__(self, *videos: Video) -> None:
        self.before_write: Write = _nothing
        self.after_write: Write = _nothing
        self._lock = threading.RLock()
        self._births = itertools.count(1000, 1000)
        self.batches = MemoryBatches()
        self._rows: dict[str, Video] = {}
        self._pools: dict[str, _Pool] = {}
        self._leases: dict[str, _Lease] = {}
        self._queues: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        self._claims: dict[tuple[str, str], str] = {}
        self._deleted: dict[str, Video] = {}
        self._unknown: dict[str, set[str]] = defaultdict(set)
        self._spent: dict[tuple[str, str], int] = defaultdict(int)
        self._price: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._beyond: dict[tuple[str, str], int] = defaultdict(int)
        self._unpriced: dict[tuple[str, str], int] = defaultdict(int)
        self._used: dict[tuple[str, str], int] = defaultdict(int)
        for video in videos:
            self.add(video)

    # --- Videos ------------------------------------------------------------------------------------------------------

    def get(self, video_id: str) -> Video:
        with self._lock:
            if video_id in self._deleted:
                raise VideoDeleted(video_id, self._deleted[video_id].owner, self._deleted[video_id].created_at)
            if video_id not in self._rows:
                raise VideoNotFound(video_id)
            return self._rows[video_id]

    def get_many(self, video_ids: Sequence[str]) -> Mapping[str, Video]:
        with self._lock:
            return {video_id: self._rows[video_id] for video_id in video_ids if video_id in self._rows}

    def accept(self, video: Video) -> None:
        with self._lock:
            if video.id in self._rows or video.id in self._deleted:
                raise VideoExists(video.id)
            self.before_write(video)
            self._queue(video)

    def row_chunks(self, videos: Iterable[Video]) -> Iterator[Sequence[Video]]:
        left = iter(videos)
        while chunk := list(itertools.islice(left, CHUNK_ROWS)):
            yield chunk

    def accept_rows(self, batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        with self._lock:
            after = self.batches.advance(batch, videos, now)
            for video in videos:
                if video.id in self._rows or video.id in self._deleted:
                    raise VideoExists(video.id)
            for video in videos:
                self.before_write(video)
            for video in videos:
                self._queue(video)
            self.batches.put(after)
            return after

    def cancel_rows(self, videos: Sequence[Video], now: int) -> int:
        cancelled = 0
        for video in videos:
            if video.status is Status.QUEUED:
                with contextlib.suppress(VideoChanged):
                    self.save(video, video.cancelled(now))
                    cancelled += 1
        return cancelled

    def adopt(self, video: Video, most_unknown: int | None = None) -> None:
        with self._lock:
            if video.id in self._rows or video.id in self._deleted:
                raise VideoExists(video.id)
            counted = self._unknown[video.owner]
            if most_unknown is not None and len(counted) >= most_unknown:
                raise TooManyUnknownTasks(most_unknown)
            self._claim(video)
            if video.reservation is not None:
                for owner in (video.owner, STACK):
                    self._used[owner, video.reservation.day] += video.reservation.seconds
            if most_unknown is not None:
                counted.add(video.id)

    def unknown_tasks(self, owner: str) -> Collection[str]:
        with self._lock:
            return frozenset(self._unknown[owner])

    def settle_unknown_tasks(self, owner: str, video_ids: Collection[str]) -> None:
        with self._lock:
            self._unknown[owner] -= set(video_ids)

    def list(self, owner: str, query: VideoQuery) -> Page:
        def place(row: Video | Mark) -> tuple[int, str]:
            return row.created_at, row.id

        with self._lock:
            rows = sorted(self._rows.values(), key=place, reverse=query.descending)
        if query.after is not None:
            mark = place(query.after)
            rows = [row for row in rows if (place(row) < mark if query.descending else place(row) > mark)]
        found = [row for row in rows if row.owner == owner and query.wants(row)]
        shown = found[: query.limit]
        return Page(shown, len(found) > query.limit, shown[-1].id if shown else None)

    def list_rows(self, batch: Batch, query: VideoQuery, after: int | None = None) -> Page:
        with self._lock:
            rows = sorted(self._rows.values(), key=lambda row: row.row, reverse=query.descending)
        if after is not None:
            rows = [row for row in rows if (row.row < after if query.descending else row.row > after)]
        mine = [row for row in rows if row.batch_id == batch.id and row.request.model in batch.models]
        found = [row for row in mine if query.wants(row)]
        shown = found[: query.limit]
        return Page(shown, len(found) > query.limit, shown[-1].id if shown else None)

    def delete(self, video: Video, until: int) -> None:
        with self._lock:
            self._expect(video)
            del self._rows[video.id]
            self._deleted[video.id] = video

    def start(self, before: Video, after: Video, *, places: int, budgets: Mapping[str, int | None]) -> Video:
        assert after.reservation is not None
        day, seconds = after.reservation.day, after.reservation.seconds
        with self._lock:
            self._expect(before)
            self._expect_batch_in_progress(before)
            pool = self._pool(before.pool)
            if pool.taken >= places:
                raise NoPlace(before.pool)
            for owner, limit in budgets.items():
                if limit is not None and self._used[owner, day] + seconds > limit:
                    raise OverBudget(owner)
            saved = self._write(replace(after, version=before.version + 1))
            pool.take(Place(before.id, before.owner))
            self._queues[before.pool, before.owner].pop(before.queue_key, None)
            assert after.started_at is not None
            self._recount(before.pool, before.owner, before.queue_key, -1, waits_since(after.started_at))
            for owner in budgets:
                self._used[owner, day] += seconds
            self.batches.add(before.batch_id, counted(before, after))
            return saved

    def save(self, before: Video, after: Video) -> Video:
        with self._lock:
            self._expect(before)
            claims = before.task is None and after.task is not None
            saved = (self._claim if claims else self._write)(replace(after, version=before.version + 1))
            if before.status is Status.QUEUED and after.status is not Status.QUEUED:
                self._queues[before.pool, before.owner].pop(before.queue_key, None)
                self._recount(before.pool, before.owner, before.queue_key, -1)
            if before.place is not None and after.place is None:
                self._pool(before.place).give_back(before.id)
            if before.reservation is not None and after.reservation is None:
                for owner in (before.owner, STACK):
                    difference = after.spent_seconds - before.reservation.seconds
                    self._used[owner, before.reservation.day] += difference
                    self._spent[owner, before.reservation.day] += after.spent_seconds
                    self._price[owner, before.reservation.day] += after.spent_price
                    self._beyond[owner, before.reservation.day] += after.beyond_estimate
                    self._unpriced[owner, before.reservation.day] += after.spent_seconds if after.is_unpriced else 0
            self.batches.add(before.batch_id, counted(before, after))
            self.after_write(saved)
            return saved

    def attention(self, kind: str, untouched_since: int) -> Iterator[str]:
        with self._lock:
            rows = [row for row in self._rows.values() if row.attention == kind and row.updated_at <= untouched_since]
        return iter([row.id for row in sorted(rows, key=lambda row: row.updated_at)])

    def claimed(self, region: Region, task_ids: Sequence[str]) -> frozenset[str]:
        with self._lock:
            return frozenset(task_id for task_id in task_ids if (region, task_id) in self._claims)

    # --- Pools -------------------------------------------------------------------------------------------------------

    def read(self, names: Sequence[str]) -> Sequence[Pool]:
        with self._lock:
            pools = [(name, self._pools.get(name, _Pool())) for name in names]
            return [
                Pool(
                    name,
                    tuple(pool.places.values()),
                    tuple(pool.lines.values()),
                    taken=pool.taken,
                    changes=pool.changes,
                    stated=pool.stated,
                )
                for name, pool in pools
            ]

    def head(self, name: str, owner: str) -> QueueItem | None:
        with self._lock:
            queue = self._queues[name, owner]
            return QueueItem(queue[min(queue)], min(queue)) if queue else None

    def remove_item(self, name: str, owner: str, item: QueueItem) -> None:
        with self._lock:
            if self._queues[name, owner].pop(item.key, None) is not None:
                self._recount(name, owner, item.key, -1)

    def remove_line(self, name: str, line: Line) -> None:
        with self._lock:
            if self._is_current(name, line):
                del self._pool(name).lines[line.owner]

    def pass_over(self, name: str, line: Line, used_at_most: int) -> None:
        with self._lock:
            if self._is_current(name, line):
                current = self._pool(name).lines[line.owner]
                self._pool(name).lines[line.owner] = replace(current, used_at_most=used_at_most)

    def give_back(self, name: str, video_id: str) -> None:
        with self._lock:
            self._pool(name).give_back(video_id)

    def lease(self, name: str, holder: str, now: int, until: int) -> bool:
        with self._lock:
            lease = self._leases.get(name)
            if lease is not None and lease.holder != holder and lease.until > now:
                lease.asked = True
                return False
            self._leases[name] = _Lease(holder, until)
            return True

    def release(self, name: str, holder: str, *, asked: bool = False) -> bool:
        with self._lock:
            lease = self._leases.get(name)
            if lease is not None and lease.holder == holder and (asked or not lease.asked):
                del self._leases[name]
                return True
            return asked

    def note_begun(self, name: str, video_id: str) -> None:
        with self._lock:
            places = self._pool(name).places
            if video_id in places:
                places[video_id] = replace(places[video_id], begun=True)

    def recount(self, pool: Pool) -> None:
        with self._lock:
            current = self._pool(pool.name)
            if current.changes == pool.changes:
                current.taken = len(pool.places)

    def move(self, name: str, earlier: frozenset[str], places: Sequence[Place]) -> None:
        raise AssertionError(f"no earlier release has noted {earlier} here")

    def used_by(self, owners: Sequence[str], day: str) -> Mapping[str, int]:
        return {owner: self.used(owner, day) for owner in owners}

    def usage(self, owner: str, first: str, last: str) -> Sequence[DayUsage]:
        with self._lock:
            days = sorted(day for whose, day in self._used if whose == owner and first <= day <= last)
            return [
                DayUsage(
                    day,
                    self._used[owner, day] - self._spent[owner, day],
                    self._spent[owner, day],
                    self._price[owner, day],
                    self._beyond[owner, day],
                    self._unpriced[owner, day],
                )
                for day in days
            ]

    def position(self, video: Video) -> int:
        with self._lock:
            keys = self._queues[video.pool, video.owner]
            return min(POSITION_LIMIT, sum(key < video.queue_key for key in keys))

    # --- Quotas ------------------------------------------------------------------------------------------------------

    def stated(self, names: Sequence[str]) -> Mapping[str, Stated]:
        with self._lock:
            return {name: self._pools.get(name, _Pool()).stated for name in names}

    def begin_reading(self, name: str, now: int, unless_after: int) -> bool:
        with self._lock:
            pool = self._pool(name)
            if pool.stated.asked_at > unless_after:
                return False
            pool.stated = replace(pool.stated, asked_at=now)
            return True

    def keep_quota(self, name: str, quota: Quota | None, now: int) -> None:
        with self._lock:
            pool = self._pool(name)
            pool.stated = replace(pool.stated, quota=quota, read_at=now)

    def keep_retirement(self, name: str, retires_at: int | None) -> None:
        with self._lock:
            pool = self._pool(name)
            pool.stated = replace(pool.stated, retires_at=retires_at)

    # --- for tests ---------------------------------------------------------------------------------------------------

    def rows(self) -> Sequence[Video]:
        """Return all rows."""
        with self._lock:
            return list(self._rows.values())

    def add(self, video: Video) -> Video:
        """Put a row together with the place and the reservation that belong to its state."""
        with self._lock:
            self._rows[video.id] = video
            self._pool(video.pool)
            if video.place is not None:
                self._pool(video.place).take(Place(video.id, video.owner, video.status is not Status.STARTING))
            day = datetime.fromtimestamp(video.started_at or video.created_at, UTC).date().isoformat()
            seconds = video.spent_seconds if video.reservation is None else video.reservation.seconds
            for owner in (video.owner, STACK):
                self._used[owner, day] += seconds
            return video

    def used(self, owner: str, day: str) -> int:
        """Return the seconds of one budget that are spent or reserved."""
        with self._lock:
            return self._used.get((owner, day), 0)

    def lose(self, video_id: str) -> None:
        """Remove a row, as if it had never been written."""
        del self._rows[video_id]

    def miscount(self, name: str, more: int) -> None:
        """Make a pool's count of places wrong by `more`."""
        self._pool(name).taken += more

    def pool(self, name: str) -> Pool:
        """Return one pool, as `read` does."""
        (pool,) = self.read([name])
        return pool

    def _pool(self, name: str) -> _Pool:
        return self._pools.setdefault(name, _Pool())

    def _recount(self, name: str, owner: str, key: str, number: int, since: int | None = None) -> None:
        lines = self._pool(name).lines
        born = Line(owner, since=queued_at(key), version=next(self._births))
        lines[owner] = lines.get(owner, born).with_more(number, key, since)

    def _is_current(self, name: str, line: Line) -> bool:
        current = self._pool(name).lines.get(line.owner)
        return current is not None and current.version == line.version

    def _claim(self, video: Video) -> Video:
        """Write a row together with the claim on its task, or neither."""
        assert video.task is not None
        task = video.request.region, video.task.id
        if self._claims.get(task, video.id) != video.id:
            raise TaskClaimed(video.task.id)
        written = self._write(video)
        self._claims[task] = video.id
        return written

    def _expect(self, before: Video) -> None:
        current = self._rows.get(before.id)
        if current is None or current.version != before.version:
            raise VideoChanged(before.id)

    def _expect_batch_in_progress(self, row: Video) -> None:
        if row.batch_id is None:
            return
        try:
            batch = self.batches.get(row.batch_id)
        except BatchNotFound:
            raise BatchNotInProgress(row.batch_id) from None
        if batch.status is not BatchStatus.IN_PROGRESS:
            raise BatchNotInProgress(row.batch_id)

    def _queue(self, video: Video) -> None:
        self._rows[video.id] = video
        self._queues[video.pool, video.owner][video.queue_key] = video.id
        self._recount(video.pool, video.owner, video.queue_key, 1)

    def _write(self, video: Video) -> Video:
        self.before_write(video)
        self._rows[video.id] = video
        return video
