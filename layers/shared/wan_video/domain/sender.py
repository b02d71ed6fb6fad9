"""Who sends a create by DashScope's routes, and for how long it may be sent again without a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHORT_WINDOW_SECONDS: Final = 10
"""The SDK's first generation, and other clients, send a create again at once or not at all."""

LONG_WINDOW_SECONDS: Final = 660
"""The SDK's second generation sends a create three times, one after another, and waits 300 s for each answer."""


@dataclass(frozen=True, slots=True)
class Sender:
    """How a caller's SDK identifies itself; `session` is the id of its process, or empty."""

    session: str = ""
    waits_long: bool = False
    """Whether it sends a create again after its read time-out, as `dashscope.Client` does."""

    @property
    def window(self) -> int:
        """For how many seconds of real time after its first sending a create without a key may be sent again."""
        return LONG_WINDOW_SECONDS if self.waits_long else SHORT_WINDOW_SECONDS


NOBODY: Final = Sender()
"""A caller that does not identify itself."""
