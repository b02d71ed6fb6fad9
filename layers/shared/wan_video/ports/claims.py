"""The claims: records of which Wan task belongs to which video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wan_video.domain.models import Region


class Claims(Protocol):
    """The Wan tasks that belong to one of our videos, read strongly. `Videos` writes them, with the row."""

    def claimed(self, region: Region, task_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the tasks that belong to a video."""
        ...
