"""A task as Wan tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

TASK_LIFE_SECONDS: Final = 24 * 3600
"""How long Wan knows a task and serves its result (Model Studio, "task_id validity")."""

CLAIM_SECONDS: Final = 30 * 24 * 3600
"""How long a task stays claimed after its acceptance: Wan has long forgotten it by then, so nobody can find it anew."""


class TaskStatus(StrEnum):
    """Wan's words for the state of a task."""

    PENDING = "PENDING"
    SUSPENDED = "SUSPENDED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Task:
    """What Wan said of the task. Its times are Wan's own text (UTC+8, no offset): shown, never computed with."""

    id: str
    accepted_at: int
    status: str = TaskStatus.PENDING
    request_id: str | None = None
    submit_time: str | None = None
    scheduled_time: str | None = None
    end_time: str | None = None
    actual_prompt: str | None = field(default=None, repr=False)
