"""The rows of videos, and the transactions that also write places, queues and budgets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wan_video.adapters.dynamodb.ledger import (
    batch_key,
    budget_key,
    claim_key,
    read_many,
    unknown_key,
)
from wan_video.adapters.dynamodb.lists import Lists
from wan_video.adapters.dynamodb.places import NoSuchPlace, Places
from wan_video.adapters.dynamodb.queues import Queues, row_chunks
from wan_video.adapters.dynamodb.records import load
from wan_video.adapters.dynamodb.rows import ATTENTION_INDEX, row_changes, row_item
from wan_video.adapters.dynamodb.transactions import Action, SingleWrites, Transactions
from wan_video.domain.batch_status import BatchStatus, counted
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.pool import Place
from wan_video.domain.task import CLAIM_SECONDS, Task
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    BatchChanged,
    BatchNotInProgress,
    OverBudget,
    StoreError,
    TaskClaimed,
    TooManyUnknownTasks,
    VideoChanged,
    VideoDeleted,
    VideoExists,
    VideoNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.domain.batch import Batch
    from wan_video.domain.listing import Page, VideoQuery


class DynamoVideos:
    """The port `Videos`."""

    def __init__(self, dynamodb: DynamoDBClient, *, videos: str, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._videos = videos
        self._ledger = ledger
        self._queues = Queues(ledger)
        self._places = Places(ledger)
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
        # Owner and time of creation are nested, so the item is in no index. DynamoDB removes it when `ttl` has passed.
        was: dict[str, Any] = {"owner": video.owner, "created_at": video.created_at}
        if video.request.callback_url is not None:
            was["callback_url"] = video.request.callback_url  # its event may still be on the way
        tombstone = {
            "id": video.id,
            "body_hash": video.body_hash,
            "was": was,
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
            VideoChanged(video.id),
        )
        self._transactions.write([put])

    def get_many(self, video_ids: Sequence[str]) -> Mapping[str, Video]:
        items = read_many(self._dynamodb, self._videos, [{"id": video_id} for video_id in video_ids])
        return {str(item["id"]): load(Video, item) for item in items if "deleted_at" not in item}

    def accept(self, video: Video) -> None:
        self._accept([video])

    def row_chunks(self, videos: Iterable[Video]) -> Iterator[Sequence[Video]]:
        return row_chunks(videos)

    def accept_rows(self, batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        after = batch.write(now, videos)
        note = self._update(
            batch_key(batch.id),
            "SET last_row = :to, updated_at = :now ADD written :rows, models :models",
            "last_row = :from AND #status = :open",
            BatchChanged(batch.id),
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
        self._accept(videos, note)
        return after

    def cancel_rows(self, videos: Sequence[Video], now: int) -> int:
        cancelled = 0
        for waiting in row_chunks([video for video in videos if video.status is Status.QUEUED]):
            # A second round is needed only if some have started in the meantime: the rest is cancelled without them.
            while waiting and (begun := self._cancel(waiting, now)):
                waiting = [video for video in waiting if video.id not in begun]
            cancelled += len(waiting)
        return cancelled

    def _cancel(self, videos: Sequence[Video], now: int) -> Collection[str]:
        """Cancel waiting rows of one batch, all or nothing; return the ids of those that no longer wait."""
        after = [video.cancelled(now) for video in videos]
        rows = [self._row(*change)[1] for change in zip(videos, after, strict=True)]
        counts = Counter[str]()
        for change in zip(videos, after, strict=True):
            counts.update(counted(*change))
        begun: set[str] = set()
        actions = [*rows, *self._queues.leave(videos), *self._count(videos[0].batch_id, counts)]
        for refusal in self._transactions.attempt(actions):
            if not isinstance(refusal, VideoChanged):
                raise refusal
            begun.add(refusal.video_id)
        return begun

    def _accept(self, videos: Sequence[Video], *notes: Action) -> None:
        """Write the given actions, rows and queue items, and count the rows in their lines, in one transaction."""
        self._transactions.write([*notes, *map(self._new, videos), *self._queues.join(videos)])

    def adopt(self, video: Video, most_unknown: int | None = None) -> None:
        actions = [self._new(video), self._claim(video)]
        if video.reservation is not None:
            # The task exists, so no budget can refuse what it costs.
            day, seconds = video.reservation.day, video.reservation.seconds
            actions += [self._budget(owner, day, seconds, None) for owner in (video.owner, STACK)]
        if most_unknown is not None:
            counted = self._update(
                unknown_key(video.owner),
                "ADD ids :id",
                "attribute_not_exists(ids) OR size(ids) < :most",
                TooManyUnknownTasks(most_unknown),
                values={":id": {video.id}, ":most": most_unknown},
            )
            actions.append(counted)
        self._transactions.write(actions)

    def unknown_tasks(self, owner: str) -> Collection[str]:
        answer = self._dynamodb.get_item(TableName=self._ledger, Key=unknown_key(owner), ConsistentRead=True)
        ids: Any = answer.get("Item", {}).get("ids", set())
        return frozenset(map(str, ids))

    def settle_unknown_tasks(self, owner: str, video_ids: Collection[str]) -> None:
        SingleWrites(self._dynamodb).update(
            TableName=self._ledger,
            Key=unknown_key(owner),
            UpdateExpression="DELETE ids :ids",
            ExpressionAttributeValues={":ids": set(video_ids)},
        )

    def start(self, before: Video, after: Video, *, places: int, budgets: Mapping[str, int | None]) -> Video:
        if after.reservation is None:
            raise ValueError(f"{after.id} starts without a reservation")
        saved, row = self._row(before, after)
        place = self._places.take(before.pool, Place(before.id, before.owner), places)
        reserved = [
            self._budget(owner, after.reservation.day, after.reservation.seconds, limit)
            for owner, limit in budgets.items()
        ]
        counts = self._count(before.batch_id, counted(before, after), only_in_progress=True)
        left = self._queues.leave([before], after.started_at)
        self._transactions.write([row, *counts, *place, *reserved, *left])
        return saved

    def save(self, before: Video, after: Video) -> Video:
        saved, row = self._row(before, after)
        actions = [row]
        if before.task is None and after.task is not None:
            actions.append(self._claim(after))
        if before.status is Status.QUEUED and after.status is not Status.QUEUED:
            actions += self._queues.leave([before])
        if before.reservation is not None and after.reservation is None:
            actions += [self._settle(owner, before.reservation, after) for owner in (before.owner, STACK)]
        actions += self._count(before.batch_id, counted(before, after))
        if before.place is not None and after.place is None:
            self._write_and_give_back(actions, before.place, before.id)
        else:
            self._transactions.write(actions)
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
        """Return the next version of a row, and the action that writes it if the row is still `before`."""
        saved = replace(after, version=before.version + 1)
        change = row_changes(before, saved)
        arguments = {
            "TableName": self._videos,
            "Key": {"id": before.id},
            "UpdateExpression": change.expression,
            "ConditionExpression": "version = :version",
            "ExpressionAttributeNames": change.names,
            "ExpressionAttributeValues": {**change.values, ":version": before.version},
        }
        return saved, Action("Update", arguments, VideoChanged(before.id))

    def _new(self, video: Video) -> Action:
        """Return the action that writes a row that does not exist yet."""
        return Action(
            "Put",
            {
                "TableName": self._videos,
                "Item": row_item(video),
                "ConditionExpression": "attribute_not_exists(id)",
            },
            VideoExists(video.id),
        )

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
            TaskClaimed(task.id),
        )

    def _write_and_give_back(self, actions: Sequence[Action], pool: str, video_id: str) -> None:
        """Write actions and free a place in one transaction.

        A place without an item was recorded by an earlier release, or was moved in the meantime, which happens once. A
        place that is recorded nowhere needs no action.
        """
        usual, earlier = self._places.give_back(pool, video_id), self._places.give_back_earlier(pool, video_id)
        for noted in (usual, earlier, usual, []):
            refusals = self._transactions.attempt([*actions, *noted])
            if not refusals:
                return
            for refusal in refusals:
                if not isinstance(refusal, NoSuchPlace):
                    raise refusal

    def _count(
        self, batch_id: str | None, counts: Mapping[str, int], *, only_in_progress: bool = False
    ) -> Sequence[Action]:
        """Update the counts of a batch in the same transaction as its rows."""
        if batch_id is None or not counts:
            return []
        added = ", ".join(f"#{name} :{name}" for name in counts)
        values: dict[str, Any] = {f":{name}": count for name, count in counts.items()}
        names = {f"#{name}": name for name in counts}
        key, update = batch_key(batch_id), f"ADD {added}"
        if not only_in_progress:
            return [self._update(key, update, values=values, names=names)]
        values |= {":in_progress": str(BatchStatus.IN_PROGRESS)}
        names |= {"#status": "status"}
        refusal = BatchNotInProgress(batch_id)
        return [self._update(key, update, "#status = :in_progress", refusal, values=values, names=names)]

    def _settle(self, owner: str, reservation: Reservation, after: Video) -> Action:
        """Replace the reserved seconds by those that were spent."""
        update = "ADD used :difference, spent :spent, price :price"
        values = {
            ":difference": after.spent_seconds - reservation.seconds,
            ":spent": after.spent_seconds,
            ":price": after.spent_price,
        }
        if after.beyond_estimate:
            update, values[":beyond"] = f"{update}, beyond_estimate :beyond", after.beyond_estimate
        if after.is_unpriced and after.spent_seconds:
            update, values[":unpriced"] = f"{update}, unpriced :unpriced", after.spent_seconds
        return self._update(budget_key(owner, reservation.day), update, values=values)

    def _budget(self, owner: str, day: str, seconds: int, limit: int | None) -> Action:
        key, update, values = budget_key(owner, day), "ADD used :seconds", {":seconds": seconds}
        if limit is None:
            return self._update(key, update, values=values)
        condition = "used <= :room" if limit < seconds else "attribute_not_exists(used) OR used <= :room"
        return self._update(key, update, condition, OverBudget(owner), values={**values, ":room": limit - seconds})

    def _update(
        self,
        key: Mapping[str, str],
        update: str,
        condition: str | None = None,
        refusal: StoreError | None = None,
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
        return Action("Update", arguments, refusal)


def _task(video: Video) -> Task:
    if video.task is None:
        raise ValueError(f"{video.id} has no task to claim")
    return video.task
