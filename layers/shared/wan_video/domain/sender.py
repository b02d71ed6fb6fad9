"""The senders of create calls on DashScope's routes, and the time in which they may repeat a call without a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHORT_WINDOW_SECONDS: Final = 10
"""The SDK's first generation, and other clients, send a create again at once or not at all."""

LONG_WINDOW_SECONDS: Final = 660
"""The SDK's second generation sends a create three times, one after another, and waits 300 s for each answer."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The identity of a caller's SDK; `session` is the id of its process, or empty."""

    session: str = ""
    waits_long: bool = False
    """Whether the SDK repeats a create call after its read timeout, as `dashscope.Client` does."""

    @property
    def window(self) -> int:
        """The real seconds within which a create call without a key may be repeated."""
        return LONG_WINDOW_SECONDS if self.waits_long else SHORT_WINDOW_SECONDS


NOBODY: Final = Sender()
"""A caller that does not identify itself."""
