"""Lists of an owner's videos: what a page costs depends neither on how many there are nor on how few match."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from wan_video.adapters.ledger import listed_name
from wan_video.adapters.records import load
from wan_video.adapters.rows import (
    OWNER_INDEX,
    STATUS_AND_MODEL_INDEX,
    STATUS_INDEX,
    status_and_model_key,
    status_key,
)
from wan_video.domain.video import Status, Video
from wan_video.ports.videos import Page, VideoQuery

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class Lists:
    """Pages read from the indexes of the table `videos`; `rows` reads up to 100 rows by their ids."""

    dynamodb: DynamoDBClient
    videos: str
    rows: Callable[[Collection[str]], Mapping[str, Video]]

    def page(self, owner: str, query: VideoQuery) -> Page:
        """One page of an owner's videos, by creation; the rows of one batch are not looked for here."""
        return self._matching(owner, query) if query.filtered else self._all(owner, query)

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
        # Fewer than were asked for, with a key to go on after, are DynamoDB's 1 MB.
        more = len(found) > query.limit or "LastEvaluatedKey" in answer
        return Page(shown, more, shown[-1].id if shown else None)

    def _matching(self, owner: str, query: VideoQuery) -> Page:
        lists = (self._listed(*place, query) for place in _places(owner, query))
        listed = list(islice(heapq.merge(*lists, reverse=query.descending), query.limit + 1))
        ids = [name.partition("#")[2] for name in listed[: query.limit]]
        rows = self.rows(ids)
        # The indexes lag behind a little: what has another status by now is left out.
        shown = [rows[video_id] for video_id in ids if video_id in rows and query.wants(rows[video_id])]
        return Page(shown, len(listed) > query.limit, ids[-1] if ids else None)

    def _listed(self, index: str, key: str, value: str, query: VideoQuery) -> list[str]:
        """What a page can hold of one key of an index."""
        condition, values = f"{key} = :key", {":key": value}
        if query.after is not None:
            condition += f" AND listed {'<' if query.descending else '>'} :after"
            values[":after"] = listed_name(query.after.created_at, query.after.id)
        answer = self.dynamodb.query(
            **self._arguments(index, query), KeyConditionExpression=condition, ExpressionAttributeValues=values
        )
        return [str(item["listed"]) for item in answer["Items"]]

    def _arguments(self, index: str, query: VideoQuery) -> dict[str, Any]:
        order = {"ScanIndexForward": not query.descending, "Limit": query.limit + 1}
        return {"TableName": self.videos, "IndexName": index, **order}


def _places(owner: str, query: VideoQuery) -> Iterator[tuple[str, str, str]]:
    """Where the videos of a query are listed: indexes, with their keys and values."""
    for status in query.statuses or Status:
        if query.model is None:
            yield STATUS_INDEX, "owner_status", status_key(owner, status)
        else:
            yield STATUS_AND_MODEL_INDEX, "owner_status_model", status_and_model_key(owner, status, query.model)
