"""Lists of videos. The cost of a page depends neither on the number of videos nor on how few match."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from wan_video.adapters.dynamodb.ledger import listed_name
from wan_video.adapters.dynamodb.records import load
from wan_video.adapters.dynamodb.rows import (
    BATCH_INDEX,
    OWNER_INDEX,
    STATUS_AND_MODEL_INDEX,
    STATUS_INDEX,
    batch_rows_key,
    status_and_model_key,
    status_key,
)
from wan_video.domain.listing import Page, VideoQuery
from wan_video.domain.video import Status, Video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.domain.batch import Batch


@dataclass(frozen=True, slots=True)
class _Part:
    """One partition of an index of keys, and the attribute that orders it."""

    index: str
    key: str
    value: str
    order: str = "listed"


@dataclass(frozen=True)
class Lists:
    """The pages of lists, read from the indexes of the table `videos`; `rows` reads up to 100 rows by their ids."""

    dynamodb: DynamoDBClient
    videos: str
    rows: Callable[[Sequence[str]], Mapping[str, Video]]

    def page(self, owner: str, query: VideoQuery) -> Page:
        """Return one page of an owner's videos by time of creation, from all batches."""
        if not query.filtered:
            return self._all(owner, query)
        after = None if query.after is None else listed_name(query.after.created_at, query.after.id)
        return self._merged(_parts(owner, query), query, after)

    def rows_page(self, batch: Batch, query: VideoQuery, after: int | None) -> Page:
        """Return one page of the rows of a batch that match a filter, in the order of its file, after a number."""
        return self._merged(_parts_of_batch(batch, query), query, after)

    def _all(self, owner: str, query: VideoQuery) -> Page:
        arguments = self._arguments(OWNER_INDEX, query)
        if query.after is not None:
            after = {"id": query.after.id, "owner": owner, "created_at": query.after.created_at}
            arguments["ExclusiveStartKey"] = after
        answer = self.dynamodb.query(
            **arguments,
            KeyConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": owner},
        )
        found = [load(Video, item) for item in answer["Items"]]
        shown = found[: query.limit]
        # A page that is shorter than requested and has a key to continue after has reached DynamoDB's limit of 1 MB.
        more = len(found) > query.limit or "LastEvaluatedKey" in answer
        return Page(shown, more, shown[-1].id if shown else None)

    def _merged(self, parts: Iterable[_Part], query: VideoQuery, after: str | int | None) -> Page:
        """Return one page of several partitions, merged in one order, after a position in it."""
        lists = (self._listed(part, query, after) for part in parts)
        # A video whose status changes between two of the queries is found by both.
        merged = (place for place, _ in groupby(heapq.merge(*lists, reverse=query.descending)))
        listed = list(islice(merged, query.limit + 1))
        ids = [video_id for _, video_id in listed[: query.limit]]
        rows = self.rows(ids)
        # The indexes lag a little: rows whose status has changed since are left out.
        shown = [rows[video_id] for video_id in ids if video_id in rows and query.wants(rows[video_id])]
        return Page(shown, len(listed) > query.limit, ids[-1] if ids else None)

    def _listed(self, part: _Part, query: VideoQuery, after: str | int | None) -> list[tuple[Any, str]]:
        """Return the entries of one partition that a page can contain: positions in the order, with ids."""
        condition = f"{part.key} = :key"
        values: dict[str, str | int] = {":key": part.value}
        if after is not None:
            condition += f" AND {part.order} {'<' if query.descending else '>'} :after"
            values[":after"] = after
        answer = self.dynamodb.query(
            **self._arguments(part.index, query), KeyConditionExpression=condition, ExpressionAttributeValues=values
        )
        return [(item[part.order], str(item["id"])) for item in answer["Items"]]

    def _arguments(self, index: str, query: VideoQuery) -> dict[str, Any]:
        order = {"ScanIndexForward": not query.descending, "Limit": query.limit + 1}
        return {"TableName": self.videos, "IndexName": index, **order}


def _parts(owner: str, query: VideoQuery) -> Iterator[_Part]:
    """Yield the partitions that contain the videos of a query."""
    for status in query.statuses or Status:
        if query.model is None:
            yield _Part(STATUS_INDEX, "owner_status", status_key(owner, status))
        else:
            yield _Part(STATUS_AND_MODEL_INDEX, "owner_status_model", status_and_model_key(owner, status, query.model))


def _parts_of_batch(batch: Batch, query: VideoQuery) -> Iterator[_Part]:
    """Return the partitions that contain the rows of a query, one for each model in the record of the batch."""
    for model in sorted(batch.models if query.model is None else batch.models & {query.model}):
        for status in query.statuses or Status:
            yield _Part(BATCH_INDEX, "batch_status_model", batch_rows_key(batch.id, status, model), "batch_row")
