"""The rows of videos, and the transactions that join them to places, queues and budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wan_video.adapters.ledger import (
    batch_key,
    budget_key,
    claim_key,
    pool_key,
    read_many,
)
from wan_video.adapters.lists import Lists
from wan_video.adapters.queues import Queues, transactions
from wan_video.adapters.records import load
from wan_video.adapters.rows import ATTENTION_INDEX, row_item
from wan_video.adapters.transactions import Action, Transactions
from wan_video.domain.batch import Batch, BatchStatus, counted
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.task import CLAIM_SECONDS, Task
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    BatchChanged,
    NoPlace,
    OverBudget,
    TaskClaimed,
    VideoChanged,
    VideoDeleted,
    VideoExists,
    VideoNotFound,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.ports.videos import Page, VideoQuery


class DynamoVideos:
    """The port `Videos`."""

    def __init__(self, dynamodb: DynamoDBClient, *, videos: str, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._videos = videos
        self._ledger = ledger
        self._queues = Queues(ledger)
        self._lists = Lists(dynamodb, videos, self.get_many)

    @cached_property
    def _transactions(self) -> Transactions:
        return Transactions(self._dynamodb)

    def get(self, video_id: str) -> Video:
        answer = self._dynamodb.get_item(TableName=self._videos, Key={"id": video_id}, ConsistentRead=True)
        item: dict[str, Any] = answer.get("Item", {})
        if not item:
            raise VideoNotFound(video_id)
        if "deleted_at" in item:
            raise VideoDeleted(video_id, item["was"]["owner"], int(item["was"]["created_at"]))
        return load(Video, item)

    def list(self, owner: str, query: VideoQuery) -> Page:
        return self._lists.page(owner, query)

    def list_rows(self, batch: Batch, query: VideoQuery, after: int | None = None) -> Page:
        return self._lists.rows_page(batch, query, after)

    def delete(self, video: Video, until: int) -> None:
        # With owner and time of creation a level deeper it is in no index; DynamoDB removes it once `ttl` has passed.
        tombstone = {
            "id": video.id,
            "body_hash": video.body_hash,
            "was": {"owner": video.owner, "created_at": video.created_at},
            "deleted_at": video.updated_at,
            "ttl": until,
        }
        put = Action(
            "Put",
            {
                "TableName": self._videos,
                "Item": tombstone,
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": video.version},
            },
        )
        if self._transactions.write([put]):
            raise VideoChanged(video.id)

    def get_many(self, video_ids: Collection[str]) -> Mapping[str, Video]:
        items = read_many(self._dynamodb, self._videos, [{"id": video_id} for video_id in video_ids])
        return {str(item["id"]): load(Video, item) for item in items if "deleted_at" not in item}

    def accept(self, video: Video) -> None:
        if self._accept([video]):
            raise VideoExists(video.id)

    def portions(self, videos: Iterable[Video]) -> Iterator[Sequence[Video]]:
        return transactions(videos)

    def accept_rows(self, batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        after = batch.write(now, videos)
        note = self._update(
            batch_key(batch.id),
            "SET last_row = :to, updated_at = :now ADD written :rows, models :models",
            "last_row = :from AND #status = :open",
            values={
                ":from": batch.last_row,
                ":to": after.last_row,
                ":rows": len(videos),
                ":models": {video.request.model for video in videos},
                ":now": now,
                ":open": str(BatchStatus.IN_PROGRESS),
            },
            names={"#status": "status"},
        )
        refused = self._accept(videos, note)
        if len(videos) in refused:
            raise BatchChanged(batch.id)
        if refused:
            raise VideoExists(videos[min(refused)].id)
        return after

    def cancel_rows(self, videos: Sequence[Video], now: int) -> int:
        cancelled = 0
        for waiting in transactions([video for video in videos if video.status is Status.QUEUED]):
            # A second round only where some have started meanwhile: the rest is cancelled without them.
            while waiting and (begun := self._cancel(waiting, now)):
                waiting = [video for at, video in enumerate(waiting) if at not in begun]
            cancelled += len(waiting)
        return cancelled

    def _cancel(self, videos: Sequence[Video], now: int) -> frozenset[int]:
        """Cancel waiting rows of one batch in one transaction; returns the positions of those that wait no more."""
        after = [video.cancelled(now) for video in videos]
        rows = [self._row(*change)[1] for change in zip(videos, after, strict=True)]
        counts = Counter[str]()
        for change in zip(videos, after, strict=True):
            counts.update(counted(*change))
        return self._transactions.write([*rows, *self._queues.leave(videos), *self._count(videos[0].batch_id, counts)])

    def _accept(self, videos: Sequence[Video], *notes: Action) -> frozenset[int]:
        """Write rows, notes and queue items, and count them into their lines, in one transaction; what forbids it."""
        rows = [self._put(video, "attribute_not_exists(id)") for video in videos]
        return self._transactions.write([*rows, *notes, *self._queues.join(videos)])

    def adopt(self, video: Video) -> None:
        refused = self._transactions.write([self._put(video, "attribute_not_exists(id)"), self._claim(video)])
        if 0 in refused:
            raise VideoExists(video.id)
        if refused:
            raise TaskClaimed(_task(video).id)

    def start(self, before: Video, after: Video, *, places: int, budgets: Mapping[str, int | None]) -> Video:
        if after.reservation is None:
            raise ValueError(f"{after.id} starts without a reservation")
        saved, row = self._row(before, after)
        place = self._update(
            pool_key(before.pool),
            "ADD running :id",
            "attribute_not_exists(running) OR size(running) < :places",
            values={":id": {before.id}, ":places": places},
        )
        reserved = [
            self._budget(owner, after.reservation.day, after.reservation.seconds, limit)
            for owner, limit in budgets.items()
        ]
        counts = self._count(before.batch_id, counted(before, after))
        left = self._queues.leave([before], after.started_at)
        refused = self._transactions.write([row, place, *left, *reserved, *counts])
        if 0 in refused:
            raise VideoChanged(before.id)
        if 1 in refused:
            raise NoPlace(before.pool)
        if refused:
            raise OverBudget(list(budgets)[min(refused) - 4])
        return saved

    def save(self, before: Video, after: Video) -> Video:
        saved, row = self._row(before, after)
        actions = [row]
        claims = before.task is None and after.task is not None
        if claims:
            actions.append(self._claim(after))
        if before.status is Status.QUEUED and after.status is not Status.QUEUED:
            actions += self._queues.leave([before])
        if before.place is not None and after.place is None:
            actions.append(self._leave(before.place, before.id))
        if before.reservation is not None and after.reservation is None:
            actions += [self._settle(owner, before.reservation, after) for owner in (before.owner, STACK)]
        actions += self._count(before.batch_id, counted(before, after))
        refused = self._transactions.write(actions)
        if refused == {1} and claims:
            raise TaskClaimed(_task(after).id)
        if refused:
            raise VideoChanged(before.id)
        return saved

    def attention(self, kind: str, untouched_since: int) -> Iterator[str]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._videos,
            IndexName=ATTENTION_INDEX,
            KeyConditionExpression="attention = :kind AND updated_at <= :since",
            ExpressionAttributeValues={":kind": kind, ":since": untouched_since},
        )
        for page in pages:
            yield from (str(item["id"]) for item in page["Items"])

    def _row(self, before: Video, after: Video) -> tuple[Video, Action]:
        """The next version of a row, and the write of it that fails where the row is no longer `before`."""
        saved = replace(after, version=before.version + 1)
        return saved, self._put(saved, "version = :version", {":version": before.version})

    def _put(self, video: Video, condition: str, values: Mapping[str, Any] | None = None) -> Action:
        item = row_item(video)
        arguments: dict[str, Any] = {"TableName": self._videos, "Item": item, "ConditionExpression": condition}
        if values:
            arguments["ExpressionAttributeValues"] = dict(values)
        return Action("Put", arguments)

    def _claim(self, video: Video) -> Action:
        task = _task(video)
        item = {**claim_key(video.request.region, task.id), "video_id": video.id}
        return Action(
            "Put",
            {
                "TableName": self._ledger,
                "Item": {**item, "ttl": task.accepted_at + CLAIM_SECONDS},
                "ConditionExpression": "attribute_not_exists(pk) OR video_id = :id",
                "ExpressionAttributeValues": {":id": video.id},
            },
        )

    def _leave(self, pool: str, video_id: str) -> Action:
        return self._update(pool_key(pool), "DELETE running :id", values={":id": {video_id}})

    def _count(self, batch_id: str | None, counts: Mapping[str, int]) -> Sequence[Action]:
        """Count what becomes of the rows of a batch, in the transaction in which it does."""
        if batch_id is None or not counts:
            return []
        added = ", ".join(f"#{name} :{name}" for name in counts)
        values = {f":{name}": count for name, count in counts.items()}
        names = {f"#{name}": name for name in counts}
        return [self._update(batch_key(batch_id), f"ADD {added}", values=values, names=names)]

    def _settle(self, owner: str, reservation: Reservation, after: Video) -> Action:
        """Put what was really spent in place of what was reserved."""
        return self._update(
            budget_key(owner, reservation.day),
            "ADD used :difference, spent :spent, price :price",
            values={
                ":difference": after.spent_seconds - reservation.seconds,
                ":spent": after.spent_seconds,
                ":price": after.spent_price,
            },
        )

    def _budget(self, owner: str, day: str, seconds: int, limit: int | None) -> Action:
        values: dict[str, Any] = {":seconds": seconds}
        condition = None
        if limit is not None:
            values[":room"] = limit - seconds
            condition = "used <= :room" if limit < seconds else "attribute_not_exists(used) OR used <= :room"
        return self._update(budget_key(owner, day), "ADD used :seconds", condition, values=values)

    def _update(
        self,
        key: Mapping[str, str],
        update: str,
        condition: str | None = None,
        *,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> Action:
        arguments: dict[str, Any] = {
            "TableName": self._ledger,
            "Key": dict(key),
            "UpdateExpression": update,
            "ExpressionAttributeValues": dict(values),
        }
        if condition is not None:
            arguments["ConditionExpression"] = condition
        if names:
            arguments["ExpressionAttributeNames"] = dict(names)
        return Action("Update", arguments)


def _task(video: Video) -> Task:
    if video.task is None:
        raise ValueError(f"{video.id} has no task to claim")
    return video.task
