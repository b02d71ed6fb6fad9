"""Text about a video: its status, request and price, all safe for a terminal."""

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

UNKNOWN_PRICE: Final = "price unknown"

FINAL: Final = ("completed", "failed", "cancelled", "expired")

_UNSEEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS: Final = "\u200c\u200d"
"""Invisible characters that some scripts and emoji need."""


@dataclass(frozen=True)
class Words:
    """Text about a video or batch in progress."""

    standing: Callable[[Document], str]
    """Describe the status."""
    trouble: Callable[[Document], str]
    """Describe what is wrong; empty if nothing is."""
    progress: Callable[[Document], int | None]
    """Return the percentage, or None if it is unknown."""
    stage: Callable[[Document], str]
    """Return the parts whose change is worth a line."""
    go_on: Callable[[Document], str]
    """Say how to continue for a user who stops waiting."""


def checked_id(wanted_id: str, kind: str = "video") -> str:
    """Return an id that is safe in a path and as a file name; raises NotUsable."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", wanted_id) is None:
        lists = "`wan-video list`" if kind == "video" else f"`wan-video {kind} list`"
        raise NotUsable(f"{wanted_id!r} is not the id of a {kind}.", f"{lists} shows them.")
    return wanted_id


def is_final(video: Document) -> bool:
    """Return whether the status is final."""
    return video["status"] in FINAL


def standing(video: Document) -> str:
    """Describe the status of a video in a few words."""
    status = str(video["status"])
    upstream = (video.get("upstream") or {}).get("status")
    if status == "queued":
        return f"queued, {_waiting(video)}"
    if status == "in_progress":
        return {"PENDING": "waiting at Wan", "RUNNING": "Wan is making it", "SUCCEEDED": "made, being stored"}.get(
            str(upstream), "in progress"
        )
    return status


def trouble(video: Document) -> str:
    """Describe what is wrong: the condition of a video in progress, or the error of an ended one."""
    found = video.get("error") or video.get("condition")
    return printable(f"{found['message']} ({found['code']})") if found else ""


def wanted(video: Document) -> str:
    """Describe the request without its prompt."""
    return printable(f"{video['model']}, {shape(video)}, {length(video)}")


def shape(video: Document) -> str:
    """Describe the shape of a video: its size, or its resolution and aspect ratio where no size names them."""
    return str(video["size"] or f"{video['resolution']} {video['aspect_ratio']}")


def length(video: Document) -> str:
    """Describe the length of a video; the model chooses it where it is -1."""
    return "any length" if str(video["seconds"]) == "-1" else f"{video['seconds']} s"


def price(amount: Document | None) -> str:
    """Format an amount of money; an empty string for None."""
    if not amount:
        return ""
    if amount["price"] is None:
        return UNKNOWN_PRICE
    try:
        return printable(f"{Decimal(amount['price']):.2f} {amount['currency']}")
    except InvalidOperation:
        return printable(f"{amount['price']} {amount['currency']}")


def expected_price(estimate: Document | None) -> str:
    """Format an estimate; it is None where no price is known."""
    if not estimate:
        return UNKNOWN_PRICE
    return f"{price(estimate)}{'' if estimate.get('confirmed', True) else ', unconfirmed'}"


def moment(seconds: float | None) -> str:
    """Format Unix seconds as local time."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def minute(seconds: float) -> str:
    """Format Unix seconds as local time without the seconds."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def day(seconds: float) -> str:
    """Format Unix seconds as a date, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def span(seconds: float) -> str:
    """Format a duration as `24h`, `1h 5m` or `90s`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole}s"
    hours, minutes = divmod(round(whole / 60), 60)
    return " ".join(part for part in (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "") if part)


def printable(text: str) -> str:
    """Return one line without characters that move the cursor or reverse text: prompts are untrusted."""
    return "".join(one if one in _JOINERS or unicodedata.category(one) not in _UNSEEN else " " for one in text)


def _go_on(video: Document) -> str:
    stop = f" `wan-video cancel {video['id']}` ends it while it is queued." if video["status"] == "queued" else ""
    return f"`wan-video wait {video['id']}` continues to wait.{stop}"


def _progress(video: Document) -> int | None:
    # The progress of a queued video is unknown.
    return None if video["status"] == "queued" else int(video["progress"])


def _waiting(video: Document) -> str:
    if video.get("waiting_for") == "budget":
        return "waits for room in the day's budget"
    before = video.get("queue_position")
    if before is None:
        return "about to start"
    return "next in line" if before == 0 else f"{before} before it"


VIDEO: Final = Words(standing=standing, trouble=trouble, progress=_progress, stage=standing, go_on=_go_on)
