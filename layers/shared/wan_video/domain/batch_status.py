"""The status of a batch, and what the transition of a row adds to its counts.

The functions that write rows need only this, and not the batch itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wan_video.domain.video import Status, Video

if TYPE_CHECKING:
    from collections.abc import Mapping


class BatchStatus(StrEnum):
    """The status of a batch."""

    WAITING_FOR_FILE = "waiting_for_file"
    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    CANCELLING = "cancelling"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether the status can no longer change."""
        return self in _FINAL


_FINAL: Final = frozenset({BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED, BatchStatus.EXPIRED})


def counted(before: Video, after: Video) -> Mapping[str, int]:
    """Return what a row's transition adds to the counts of its batch, by the names of the fields of `Batch`."""
    counts: dict[str, int] = {}
    if before.status is Status.QUEUED and after.status is not Status.QUEUED:
        counts["started"] = 1
    if after.status.final and not before.status.final:
        counts |= {str(after.status): 1, "left": -1}
    return counts
