"""The problems of a video: trouble that may pass, conditions that users see, and final failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TROUBLE_SIGHTINGS: Final = 3
TROUBLE_SECONDS: Final = 300
"""Polls or copies that have failed this often, for this many seconds, are shown as a condition."""

SUBMISSION_UNCERTAIN: Final = "submission_uncertain"
TASK_EXPIRED: Final = "task_expired"
TASK_CANCELED: Final = "task_canceled"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Consecutive polls that did not return the state of the task, or copies that failed; `code` is from the first."""

    code: str
    since: int
    sightings: int = 1

    def lasts(self, now: int) -> bool:
        """Return whether the trouble has lasted long enough to be shown as a condition."""
        return self.sightings >= TROUBLE_SIGHTINGS and now - self.since >= TROUBLE_SECONDS


@dataclass(frozen=True, slots=True)
class Condition:
    """Trouble from which the video may still recover."""

    code: str
    message: str
    since: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a video ended without content; `stage` names the part of the stack that reported it."""

    code: str
    message: str
    stage: str
    retryable: bool
