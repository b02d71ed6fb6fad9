"""What can be wrong with a video: trouble that may pass, conditions that are shown, failures that are final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TROUBLE_SIGHTINGS: Final = 3
TROUBLE_SECONDS: Final = 300
"""Polls, or copies, that fail this often, over this long, are shown as a condition."""

SUBMISSION_UNCERTAIN: Final = "submission_uncertain"
TASK_EXPIRED: Final = "task_expired"
TASK_CANCELED: Final = "task_canceled"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Polls in a row that told nothing about the task, or copies that failed; `code` is the first one's."""

    code: str
    since: int
    sightings: int = 1

    def lasts(self, now: int) -> bool:
        """Whether it is more than a passing hiccup."""
        return self.sightings >= TROUBLE_SIGHTINGS and now - self.since >= TROUBLE_SECONDS


@dataclass(frozen=True, slots=True)
class Condition:
    """Trouble that may still end well."""

    code: str
    message: str
    since: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a video ended without content: `stage` is the word of the part that found out."""

    code: str
    message: str
    stage: str
    retryable: bool
