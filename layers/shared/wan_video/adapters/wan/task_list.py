"""A complete read of Wan's list of tasks in a window of time.

Wan does not document the time zone of `start_time` and `end_time`, the maximum size of a page, or the order of tasks.
The window therefore begins at `since` in UTC and ends at `until` in UTC+8, the number of pages is taken from the
answers, and a list counts as read only if it contained as many tasks as it states.
Source: Model Studio, "Asynchronous task management API".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, TypeGuard
from urllib.parse import urlencode

from wan_video.domain.names import TASK_ID
from wan_video.domain.task import ListedTask
from wan_video.errors import WanUnavailable

WAN_ZONE: Final = timezone(timedelta(hours=8))
LONGEST_WINDOW: Final = timedelta(hours=24)
PAGE_SIZE: Final = 50
MAX_PAGES: Final = 100
LATEST: Final = 253_402_300_800_000
"""The year 10000 in Unix milliseconds; a later value is not a time."""

LIST_SECONDS: Final = 40.0
"""Seconds within which a list must be read; this is shorter than the timeouts of the functions."""

PAUSE_SECONDS: Final = 0.1
"""Seconds between two requests: an account may read 20 lists per second, and others share this limit."""

Ask = Callable[[str], Mapping[str, Any]]
"""A function that gets a path with its query. Raises WanError."""


def read_list(
    ask: Ask, model: str, since: int, until: int, *, pause: Callable[[float], None] = time.sleep
) -> Sequence[ListedTask]:
    """Return all tasks of a model that were created from `since` to `until` (Unix seconds; at most 16 hours).

    Raises what `ask` raises, and WanUnavailable if the list cannot be read completely.
    """
    query = {"model_name": model, "page_size": PAGE_SIZE, **_window(since, until)}
    deadline = time.monotonic() + LIST_SECONDS
    seen: dict[str, Mapping[str, Any]] = {}
    for page_no in range(1, MAX_PAGES + 1):
        answer = ask(f"/tasks?{urlencode({**query, 'page_no': page_no})}")
        items, pages, total = _page(answer)
        seen.update((_id(item), item) for item in items)
        if page_no >= pages:
            if len(seen) < total:
                raise WanUnavailable("ListChanged", f"Wan's list named {len(seen)} of its {total} tasks.")
            listed = [_listed(item) for item in seen.values() if item.get("model_name") in (None, model)]
            return [task for task in listed if task.created_at is None or since <= task.created_at <= until]
        if time.monotonic() > deadline:
            break
        pause(PAUSE_SECONDS)
    raise WanUnavailable("ListTooLong", "Wan's list of tasks is too long to be read at once.")


def _page(answer: Mapping[str, Any]) -> tuple[list[Any], int, int]:
    """Return the tasks of a page, the number of pages, and the number of tasks. Raises WanUnavailable.

    Wan's documentation calls the tasks `data`; the SDK reads `tasks`, beside or below `output`. If an answer has two
    lists, the longer one is used.
    """
    output = answer.get("output")
    for place in (answer, output if isinstance(output, dict) else {}):
        lists = [place[name] for name in ("data", "tasks") if isinstance(place.get(name), list)]
        pages, total = place.get("total_page"), place.get("total")
        if lists and _is_count(pages) and _is_count(total):
            return max(lists, key=len), pages, total
    raise WanUnavailable("ListUnclear", "Wan's list of tasks does not say how long it is.")


def _window(since: int, until: int) -> dict[str, str]:
    """Return `start_time` and `end_time` of a window that includes the period both in UTC and in UTC+8."""
    start = datetime.fromtimestamp(since, UTC).replace(tzinfo=None)
    end = datetime.fromtimestamp(until, WAN_ZONE).replace(tzinfo=None)
    return {"start_time": f"{start:%Y%m%d%H%M%S}", "end_time": f"{min(end, start + LONGEST_WINDOW):%Y%m%d%H%M%S}"}


def _is_count(value: Any) -> TypeGuard[int]:
    """Return whether a value is a number of pages or tasks; True, which is an int in Python, is not."""
    return type(value) is int and value >= 0


def _id(item: Any) -> str:
    task_id = item.get("task_id") if isinstance(item, dict) else None
    if not isinstance(task_id, str) or not TASK_ID.fullmatch(task_id):
        raise WanUnavailable("ListUnclear", "Wan's list of tasks has an entry without a task id.")
    return task_id


def _listed(item: Mapping[str, Any]) -> ListedTask:
    created, status = item.get("gmt_create"), item.get("status")
    return ListedTask(
        task_id=_id(item),
        status=status if isinstance(status, str) else "",
        created_at=created / 1000 if type(created) is int and 0 <= created < LATEST else None,
    )
