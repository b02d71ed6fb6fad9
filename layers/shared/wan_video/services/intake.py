"""Intake: from the fields of a request to a row that waits in its queue. Both front doors go through it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.domain.models import MAX_SEED
from wan_video.domain.names import imported_id
from wan_video.domain.queue import INTERACTIVE, queue_key
from wan_video.domain.request import Defaults, VideoFields, VideoRequest, validate
from wan_video.domain.task import Task
from wan_video.domain.video import Status, Video
from wan_video.errors import BudgetExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.domain.price import Estimate
    from wan_video.domain.token import Token
    from wan_video.ports.clock import Clock


def new_seed() -> int:
    """A seed for a request that names none, so that the row always knows the one used."""
    return secrets.randbelow(MAX_SEED + 1)


@dataclass(frozen=True)
class Intake:
    """Checks and prices requests. `daily_seconds` is the stack's budget (seconds of video a UTC day), None for none."""

    clock: Clock
    defaults: Defaults
    daily_seconds: int | None = None
    seed: Callable[[], int] = new_seed

    def video(
        self,
        caller: Token,
        fields: VideoFields,
        *,
        new_id: str,
        body_hash: str,
    ) -> Video:
        """A new row, not yet stored; raises InvalidRequest, or BudgetExceeded for what could never run."""
        request, estimate = self.check(caller, fields)
        return self.row(caller, request, estimate, new_id=new_id, body_hash=body_hash)

    def check(self, caller: Token, fields: VideoFields, seed: int | None = None) -> tuple[VideoRequest, Estimate]:
        """A request and its price; `seed` is for one that names none. Raises as `video` does."""
        request, estimate = validate(fields, self.defaults, self.seed if seed is None else lambda: seed)
        for limit, whose in ((caller.daily_seconds, "token"), (self.daily_seconds, "stack")):
            if limit is not None and estimate.seconds > limit:
                raise BudgetExceeded(
                    f"{estimate.seconds} seconds never fit the {limit} a day that this {whose} allows."
                )
        return request, estimate

    def row(
        self,
        caller: Token,
        request: VideoRequest,
        estimate: Estimate,
        *,
        new_id: str,
        body_hash: str,
        priority: int = INTERACTIVE,
        batch_id: str | None = None,
        row: int = 0,
        now: float | None = None,
    ) -> Video:
        """The row of a request that was checked, as of `now` (Unix seconds; by default the clock's)."""
        now = self.clock.now() if now is None else now
        return Video(
            id=new_id,
            owner=caller.owner,
            request=request,
            body_hash=body_hash,
            estimate=estimate,
            daily_seconds=caller.daily_seconds,
            queue_key=queue_key(priority, now, new_id, row),
            batch_id=batch_id,
            link_key=secrets.token_hex(16),
            created_at=int(now),
            updated_at=int(now),
        )

    def imported(self, caller: Token, fields: VideoFields, *, task_id: str) -> Video:
        """The row of a task that exists at Wan already: it waits for no place and reserves nothing.

        `fields` say what the task was asked for, as far as it is known.
        """
        request, estimate = validate(fields, self.defaults, self.seed)
        now = self.clock.unix_seconds()
        new_id = imported_id(caller.owner, request.region, task_id)
        return Video(
            id=new_id,
            owner=caller.owner,
            request=request,
            body_hash=new_id,
            estimate=estimate,
            queue_key=queue_key(INTERACTIVE, now, new_id),
            link_key=secrets.token_hex(16),
            status=Status.STARTING,
            execution=1,
            task=Task(id=task_id, accepted_at=now),
            started_at=now,
            created_at=now,
            updated_at=now,
        )
