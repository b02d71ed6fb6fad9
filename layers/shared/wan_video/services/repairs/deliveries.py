"""The repair of deliveries whose messages were lost, or that nothing has woken."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from wan_video.services.repairs import LOOKED_AT, Mended, Start, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wan_video.domain.delivery import Open
    from wan_video.ports.clock import Clock
    from wan_video.ports.webhooks import Deliveries, NotifyQueue

LATE_SECONDS: Final = 600
"""Seconds after which a message that should have come is lost; SQS and Lambda repeat a failed one earlier."""


@dataclass(frozen=True)
class LostDeliveries:
    """A repair that sends the messages of deliveries again that should have come long ago.

    Of those that wait in one lane, one is enough: it wakes the others.
    """

    deliveries: Deliveries
    queue: NotifyQueue
    clock: Clock
    start: Start = random.randrange

    def __call__(self) -> Iterator[Step]:
        """Yield a step for every delivery that is late."""
        late_since = self.clock.unix_seconds() - LATE_SECONDS
        lanes: set[str] = set()
        late = []
        for found in islice(self.deliveries.open(), LOOKED_AT):
            if found.due_at < late_since and not (found.waiting and found.lane in lanes):
                late.append(found)
                if found.waiting:
                    lanes.add(found.lane)
        first = self.start(len(late)) if late else 0
        for found in late[first:] + late[:first]:
            yield partial(self._ask, found)

    def _ask(self, found: Open) -> Mended:
        self.queue.send([found.task])
        self.deliveries.wake(found.lane, found.task, self.clock.unix_seconds())
        return Mended("delivery_asked_for", found.task.delivery_id)
