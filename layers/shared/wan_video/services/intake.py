"""Intake: turn the fields of a request into a row. The API and prompt files both use it."""

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
from wan_video.errors import BudgetExceeded, InvalidRequest, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.domain.price import Estimate
    from wan_video.domain.token import Token
    from wan_video.ports.clock import Clock


def new_seed() -> int:
    """Return a seed for a request that specifies none, so that the row always records the seed."""
    return secrets.randbelow(MAX_SEED + 1)


def no_callbacks(_: str) -> bool:
    """Return that no owner has a secret for callbacks."""
    return False


def require_secret(callback_url: str | None, owner: str, signs: Callable[[str], bool]) -> None:
    """Raise InvalidRequest if a request has a callback URL and nothing could sign what is sent there."""
    if callback_url is not None and not signs(owner):
        raise InvalidRequest(
            [
                Problem(
                    "/callback_url",
                    "Callbacks are signed, and you have no secret for them yet: create an endpoint without a url, with "
                    "POST /v1/webhook_endpoints and the body {}.",
                )
            ]
        )


@dataclass(frozen=True)
class Intake:
    """The service that checks requests and calculates their prices.

    `daily_seconds` is the stack's budget in seconds of video per UTC day, or None if there is no limit.
    `signs_callbacks` returns whether an owner has a secret for callbacks.
    """

    clock: Clock
    defaults: Defaults
    daily_seconds: int | None = None
    seed: Callable[[], int] = new_seed
    signs_callbacks: Callable[[str], bool] = no_callbacks

    def video(
        self,
        caller: Token,
        fields: VideoFields,
        *,
        new_id: str,
        body_hash: str,
    ) -> Video:
        """Return a new row, which is not stored yet.

        Raises InvalidRequest, and BudgetExceeded if the video can never fit a budget.
        """
        request, estimate = self.check(caller, fields)
        return self.row(caller, request, estimate, new_id=new_id, body_hash=body_hash)

    def check(
        self,
        caller: Token,
        fields: VideoFields,
        seed: int | None = None,
        signs_callbacks: Callable[[str], bool] | None = None,
    ) -> tuple[VideoRequest, Estimate]:
        """Return a request and its price; `seed` is used if it specifies none. Raises what `video` raises.

        `signs_callbacks` replaces the function of this service.
        """
        request, estimate = validate(fields, self.defaults, self.seed if seed is None else lambda: seed)
        require_secret(request.callback_url, caller.owner, signs_callbacks or self.signs_callbacks)
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
        """Return the row of a checked request, created at `now` (Unix seconds; by default the clock's)."""
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
        """Return the row of a task that already exists at Wan; it needs no place and no reservation.

        `fields` describe the request of the task, as far as it is known.
        """
        request, estimate = validate(fields, self.defaults, self.seed, imported=True)
        require_secret(request.callback_url, caller.owner, self.signs_callbacks)
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
