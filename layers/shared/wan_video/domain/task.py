"""A task as Wan reports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from wan_video.domain.models import Size, Tier
from wan_video.domain.periods import DAY_SECONDS

TASK_LIFE_SECONDS: Final = DAY_SECONDS
"""Seconds for which Wan keeps a task and serves its result (Model Studio, "task_id validity")."""

CLAIM_SECONDS: Final = 30 * DAY_SECONDS
"""Seconds for which a task stays claimed after its acceptance; by then Wan has deleted it."""


class TaskStatus(StrEnum):
    """The statuses of a task, as Wan names them."""

    PENDING = "PENDING"
    SUSPENDED = "SUSPENDED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Task:
    """A task as the row records it. Its times are text from Wan (UTC+8, no offset): shown, never computed with."""

    id: str
    accepted_at: int
    status: str = TaskStatus.PENDING
    request_id: str | None = None
    submit_time: str | None = None
    scheduled_time: str | None = None
    end_time: str | None = None
    actual_prompt: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """Wan's answer about a task; `video_url` is a credential and is never stored or logged.

    Text is as Wan gave it, without halves of surrogate pairs. `seconds` are those that Wan bills, to the millisecond.
    `base_url` is the base URL that answered.
    """

    task_id: str
    status: str
    request_id: str | None = None
    code: str | None = None
    message: str | None = None
    submit_time: str | None = None
    scheduled_time: str | None = None
    end_time: str | None = None
    orig_prompt: str | None = field(default=None, repr=False)
    actual_prompt: str | None = field(default=None, repr=False)
    video_url: str | None = field(default=None, repr=False)
    seconds: Decimal | int | None = None
    size: Size | None = None
    tier: Tier | None = None
    ratio: str | None = None
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task as Wan's list shows it; `created_at` is in Unix seconds, or None if the list has no time."""

    task_id: str
    status: str
    created_at: float | None = None


@dataclass(frozen=True, slots=True)
class TaskList:
    """The tasks that Wan listed, and the base URL that listed them."""

    base_url: str
    tasks: Sequence[ListedTask]
