"""The queues in the table `Ledger`: one transaction changes a queue item and the line that counts it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from wan_video.adapters.dynamodb.ledger import line_key, queue_item_key
from wan_video.adapters.dynamodb.transactions import MAX_ACTIONS, Action
from wan_video.domain.queue import BATCH, priority, queued_at, waits_since
from wan_video.errors import VideoChanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wan_video.domain.queue import QueueItem
    from wan_video.domain.video import Video

LineId = tuple[str, str]
"""A pool and an owner, which together identify a line."""

_COUNT: Final = (
    "ADD waiting_interactive :interactive, waiting_batch :batch SET version = if_not_exists(version, :birth) + :one"
)

BIRTH_BITS: Final = 48
"""The size of the random version that a new line starts with.

A process that has read a line can therefore not remove a later line of the same pool and owner by mistake.
"""


class Queues:
    """The actions of a transaction that put videos into queues and take them out."""

    def __init__(self, ledger: str) -> None:
        self._ledger = ledger

    def join(self, videos: Sequence[Video]) -> list[Action]:
        """Queue videos and add them to the counts of their lines; a new line waits since its earliest video."""
        actions = [
            Action("Put", {"TableName": self._ledger, "Item": {**_key(video), "video_id": video.id}})
            for video in videos
        ]
        for line, keys in _lines(videos).items():
            values = {**_counts(keys, 1), ":since": min(map(queued_at, keys))}
            update = f"{_COUNT}, since = if_not_exists(since, :since) REMOVE used_at_most"
            actions.append(self._update(line, update, values))
        return actions

    def leave(self, videos: Sequence[Video], started_at: int | None = None) -> list[Action]:
        """Take videos that wait, according to their rows, out of their queues and lines.

        `started_at` (Unix seconds) is given if it was their turn.
        """
        actions = [Action("Delete", {"TableName": self._ledger, "Key": _key(video)}) for video in videos]
        actions += [self._count_out(line, keys, started_at) for line, keys in _lines(videos).items()]
        return actions

    def remove_item(self, line: LineId, item: QueueItem) -> list[Action]:
        """Remove an item whose video does not wait; fails with VideoChanged if the item does not exist."""
        arguments = {
            "TableName": self._ledger,
            "Key": queue_item_key(*line, item.key),
            "ConditionExpression": "attribute_exists(pk)",
        }
        return [Action("Delete", arguments, VideoChanged(item.video_id)), self._count_out(line, [item.key])]

    def _count_out(self, line: LineId, keys: Sequence[str], started_at: int | None = None) -> Action:
        values = _counts(keys, -1)
        if started_at is None:
            return self._update(line, f"{_COUNT} REMOVE used_at_most", values)
        served = {**values, ":since": waits_since(started_at)}
        return self._update(line, f"{_COUNT}, since = :since REMOVE used_at_most", served)

    def _update(self, line: LineId, update: str, values: dict[str, int]) -> Action:
        arguments: dict[str, Any] = {"TableName": self._ledger, "Key": line_key(*line), "UpdateExpression": update}
        return Action("Update", {**arguments, "ExpressionAttributeValues": values})


MAX_BYTES: Final = 3_500_000
"""The maximum size of the rows in one transaction; everything in a transaction may have 4 MB."""

OWN_BYTES: Final = 4_000
"""The size of a row without its texts, estimated generously."""


def row_chunks(videos: Iterable[Video]) -> Iterator[list[Video]]:
    """Split videos into chunks that fit into one transaction each.

    A transaction has two actions for each video (its row and its queue item), one for each line, and one more.
    """
    chunk: list[Video] = []
    lines: set[LineId] = set()
    size = 0
    for video in videos:
        actions = 2 * (len(chunk) + 1) + len(lines | {_line(video)}) + 1
        if chunk and (actions > MAX_ACTIONS or size + _bytes(video) > MAX_BYTES):
            yield chunk
            chunk, lines, size = [], set(), 0
        chunk.append(video)
        lines.add(_line(video))
        size += _bytes(video)
    if chunk:
        yield chunk


def _bytes(video: Video) -> int:
    """Return the maximum size of the row of a waiting video."""
    request = video.request
    texts = [request.prompt, request.negative_prompt, request.audio_url, request.custom_id]
    texts += [text for pair in request.metadata.items() for text in pair]
    return OWN_BYTES + sum(len(text.encode()) for text in texts if text)


def _line(video: Video) -> LineId:
    return video.pool, video.owner


def _key(video: Video) -> dict[str, str]:
    return queue_item_key(*_line(video), video.queue_key)


def _lines(videos: Sequence[Video]) -> dict[LineId, list[str]]:
    """Return the queue keys of videos by their lines."""
    lines: dict[LineId, list[str]] = {}
    for video in videos:
        lines.setdefault(_line(video), []).append(video.queue_key)
    return lines


def _counts(keys: Sequence[str], sign: int) -> dict[str, int]:
    batch = sum(priority(key) == BATCH for key in keys)
    birth = secrets.randbits(BIRTH_BITS)
    return {":interactive": sign * (len(keys) - batch), ":batch": sign * batch, ":one": 1, ":birth": birth}
