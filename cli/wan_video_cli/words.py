"""A video in words: how it stands, what was asked for, what it costs. All of them are fit for a terminal."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from wan_video_cli.errors import NotUsable

Document = Mapping[str, Any]

FINAL: Final = ("completed", "failed", "cancelled", "expired")

_UNSEEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS: Final = "\u200c\u200d"
"""Some scripts, and some emoji, are not themselves without them."""


@dataclass(frozen=True)
class Words:
    """How something that goes on for a while is told of."""

    standing: Callable[[Document], str]
    """How it stands."""
    trouble: Callable[[Document], str]
    """What is amiss, or nothing."""
    progress: Callable[[Document], int | None]
    """Percent, as far as anything can be said of them."""
    stage: Callable[[Document], str]
    """What is worth a line where it changes."""
    go_on: Callable[[Document], str]
    """What its owner can do who does not wait any longer."""


def checked_id(wanted_id: str, kind: str = "video") -> str:
    """An id, which is fit for a path and for a file's name; raises NotUsable."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", wanted_id) is None:
        lists = "`wan-video list`" if kind == "video" else f"`wan-video {kind} list`"
        raise NotUsable(f"{wanted_id!r} is no {kind}'s id.", f"{lists} shows them.")
    return wanted_id


def is_final(video: Document) -> bool:
    """Whether the status will never change again."""
    return video["status"] in FINAL


def standing(video: Document) -> str:
    """How a video stands, in a few words."""
    status = str(video["status"])
    upstream = (video.get("upstream") or {}).get("status")
    if status == "queued":
        return f"queued, {_waiting(video)}"
    if status == "in_progress":
        return {"PENDING": "waiting at Wan", "RUNNING": "Wan is at work", "SUCCEEDED": "made, being stored"}.get(
            str(upstream), "in progress"
        )
    return status


def trouble(video: Document) -> str:
    """What is amiss: the condition of a video under way, the error of one that has ended, or nothing."""
    found = video.get("error") or video.get("condition")
    return printable(f"{found['message']} ({found['code']})") if found else ""


def wanted(video: Document) -> str:
    """What was asked for, without the prompt."""
    return printable(f"{video['model']}, {video['size']}, {video['seconds']} s")


def price(amount: Document | None) -> str:
    """Money as people write it; nothing for nothing."""
    if not amount:
        return ""
    try:
        return printable(f"{Decimal(amount['price']):.2f} {amount['currency']}")
    except InvalidOperation:
        return printable(f"{amount['price']} {amount['currency']}")


def moment(seconds: float | None) -> str:
    """Unix seconds as local time."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def span(seconds: float) -> str:
    """A length of time, as `24h`, `1h 5m` or `90s`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole}s"
    hours, minutes = divmod(round(whole / 60), 60)
    return " ".join(part for part in (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "") if part)


def printable(text: str) -> str:
    """One line without anything that could move a cursor or turn text around: prompts come from anywhere."""
    return "".join(one if one in _JOINERS or unicodedata.category(one) not in _UNSEEN else " " for one in text)


def _go_on(video: Document) -> str:
    stop = f" `wan-video cancel {video['id']}` ends it while it is queued." if video["status"] == "queued" else ""
    return f"`wan-video wait {video['id']}` goes on waiting.{stop}"


def _progress(video: Document) -> int | None:
    # Nothing can be said of how far a queued one is.
    return None if video["status"] == "queued" else int(video["progress"])


def _waiting(video: Document) -> str:
    if video.get("waiting_for") == "budget":
        return "waits for room in the day's budget"
    before = video.get("queue_position")
    if before is None:
        return "about to start"
    return "next in line" if before == 0 else f"{before} before it"


VIDEO: Final = Words(standing=standing, trouble=trouble, progress=_progress, stage=standing, go_on=_go_on)
