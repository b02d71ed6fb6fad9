"""Words in a prompt that ask for a refusal, at creation or when the task runs, a long file, or a long task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wan_simulator.errors import RefusalError, documented

MOST_BYTES: Final = 2 * 1024**3
_BYTES: Final = re.compile(r"\[simulate:bytes:([0-9]{1,10})\]")
_SECONDS: Final = re.compile(r"\[simulate:seconds:([0-9]{1,5}(?:\.[0-9]{1,3})?)\]")
_TRIGGER: Final = re.compile(r"\[simulate:(?P<task>task:)?(?P<code>[A-Za-z. ]+(?:/[0-9]+)?)\]")


@dataclass(frozen=True, slots=True)
class Trigger:
    """The failure that a prompt asks for: a documented code and message, in the running task or at its creation."""

    code: str
    message: str
    in_task: bool


def find_length(prompt: str) -> int:
    """Return the least size in bytes that `[simulate:bytes:<number>]` asks for, at most MOST_BYTES; 0 without it."""
    match = _BYTES.search(prompt)
    return min(int(match[1]), MOST_BYTES) if match else 0


def find_seconds(prompt: str) -> float | None:
    """Return the seconds of the clock that `[simulate:seconds:<number>]` asks a task to take; None without it."""
    match = _SECONDS.search(prompt)
    return float(match[1]) if match else None


def find_trigger(prompt: str) -> Trigger | None:
    """Return the first `[simulate:<code>]` or `[simulate:task:<code>]` of `prompt`; `<code>/2` is its second message.

    Raises RefusalError for a code that Wan does not document, so that a misspelt one cannot pass as a success.
    """
    match = _TRIGGER.search(prompt)
    if match is None:
        return None
    try:
        asked = documented(match["code"])
    except KeyError:
        raise RefusalError("InvalidParameter", f"The simulator does not know the error code {match['code']}.") from None
    return Trigger(asked.code, asked.message, in_task=match["task"] is not None)
