"""Places in the table `Ledger`: an item for each place that is taken, and a count of them in the pool's item.

Both are written in the same transaction, so the count is the number of items. A start requires `taken < places`, so
more places than that are never taken, whatever other dispatchers do and however the limit changes.

Releases before 0.3 kept the ids of the videos with a place in one set, the attribute `running` of the pool's item.
`move` replaces such a set by items and leaves SEAL in its place, and `give_back_earlier` frees a place that has not
been moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wan_video.adapters.dynamodb.ledger import place_key, pool_key
from wan_video.adapters.dynamodb.transactions import MAX_ACTIONS, Action
from wan_video.errors import NoPlace, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wan_video.domain.pool import Place

SEAL: Final = frozenset(f"held by release 0.3 or later: {number}" for number in range(1, 7))
"""The value of `running` now: as many ids, of no video, as the largest pool of an earlier release had places.

If a dispatcher of an earlier release is still running during an upgrade, it finds the pool full. Otherwise it would
start videos in addition to those that it cannot see.
"""


class NoSuchPlace(StoreError):
    """Raised when a place that is to be freed is not recorded where it was looked for."""

    def __init__(self, video_id: str) -> None:
        super().__init__(video_id)
        self.video_id = video_id


class Places:
    """Takes places and frees them, as actions of a transaction."""

    def __init__(self, ledger: str) -> None:
        self._ledger = ledger

    def take(self, pool: str, place: Place, places: int) -> list[Action]:
        """Take one of `places` places; refused as NoPlace if all are taken, or if `running` has not been moved."""
        unused = "attribute_not_exists(taken) OR " if places > 0 else ""
        count = self._pool(
            pool,
            "SET running = if_not_exists(running, :seal) ADD taken :one, changes :one",
            {":seal": SEAL, ":one": 1, ":places": places},
            f"({unused}taken < :places) AND (attribute_not_exists(running) OR running = :seal)",
            NoPlace(pool),
        )
        return [count, self._put(pool, place)]

    def give_back(self, pool: str, video_id: str) -> list[Action]:
        """Free a place; refused as NoSuchPlace if it has no item."""
        arguments = {
            "TableName": self._ledger,
            "Key": place_key(pool, video_id),
            "ConditionExpression": "attribute_exists(pk)",
        }
        count = self._pool(pool, "ADD taken :less, changes :one", {":less": -1, ":one": 1})
        return [Action("Delete", arguments, NoSuchPlace(video_id)), count]

    def give_back_earlier(self, pool: str, video_id: str) -> list[Action]:
        """Free a place that an earlier release recorded; refused as NoSuchPlace if it is not in `running`."""
        values = {":ids": {video_id}, ":id": video_id}
        return [self._pool(pool, "DELETE running :ids", values, "contains(running, :id)", NoSuchPlace(video_id))]

    def move(self, pool: str, earlier: frozenset[str], places: Sequence[Place]) -> list[Action]:
        """Write items for `places`, as many as fit into a transaction.

        Refused as NoPlace unless `running` is `earlier`. Ids in `earlier` that are not among `places` are removed.
        """
        now, later = places[: MAX_ACTIONS - 1], places[MAX_ACTIONS - 1 :]
        count = self._pool(
            pool,
            "SET running = :left ADD taken :moved, changes :one",
            {
                ":left": SEAL | {place.video_id for place in later},
                ":moved": len(now),
                ":one": 1,
                ":earlier": earlier,
            },
            "running = :earlier",
            NoPlace(pool),
        )
        return [count, *(self._put(pool, place) for place in now)]

    def _put(self, pool: str, place: Place) -> Action:
        item: dict[str, Any] = {**place_key(pool, place.video_id), "owner": place.owner}
        if place.begun:
            item["begun"] = True
        return Action("Put", {"TableName": self._ledger, "Item": item})

    def _pool(
        self,
        pool: str,
        update: str,
        values: dict[str, Any],
        condition: str | None = None,
        refusal: StoreError | None = None,
    ) -> Action:
        arguments: dict[str, Any] = {
            "TableName": self._ledger,
            "Key": pool_key(pool),
            "UpdateExpression": update,
            "ExpressionAttributeValues": values,
        }
        if condition is not None:
            arguments["ConditionExpression"] = condition
        return Action("Update", arguments, refusal)
