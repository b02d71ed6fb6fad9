"""The topic of final notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Topic(Protocol):
    """The topic to which final notices are published."""

    def publish(self, event: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        """Publish one event."""
        ...
