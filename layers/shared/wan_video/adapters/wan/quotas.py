"""Wan's quota API and its list of models.

Alibaba's documentation names two paths for the quotas, in different languages. Every member of a quota may be null.
Sources: Model Studio, "List quotas" and "List models".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import urlencode

from wan_video.domain.quota import LimitSource, Quota
from wan_video.errors import WanRefused, WanUnavailable

QUOTA_PATHS: Final = ("/quotas", "/models/limits")
"""The second path is used if the first one answers 404."""

PAGE_SIZE: Final = 50
MAX_PAGES: Final = 40
"""The maximum number of pages of a list; Alibaba's samples list about 500 models."""

LIST_SECONDS: Final = 60.0
"""Seconds within which a list must be read, from its first page on; `sweep` ends well after that."""

NOT_FOUND: Final = 404

RETIREMENT_ZONE: Final = timezone(timedelta(hours=8))
"""The time zone of retirements is not documented; the times of tasks are in this one."""

Ask = Callable[[str], Mapping[str, Any]]
"""A function that gets a path with its query. Raises WanError."""


def read_quota(ask: Ask, model: str, workspace: str) -> Quota | None:
    """Return the quota of a model in `workspace` (empty if it is not known); None if Wan does not list a quota.

    Raises what `ask` raises, and WanUnavailable if the list cannot be read completely.
    """
    entries = [entry for entry in _listed(ask, QUOTA_PATHS, "quotas", {"model": model}) if entry.get("model") == model]
    if not entries:
        return None
    # An account may list the limits of several workspaces. If ours is not known among them, each of them may be ours.
    ours = [entry for entry in entries if workspace and entry.get("workspace_id") == workspace] or entries
    account, own = ([_part(entry, name) for entry in ours] for name in ("model_limit", "workspace_limit"))
    running, of_workspace = (_smallest(limits, "async_user_concurrency_limit") for limits in (account, own))
    lower = of_workspace is not None and (running is None or of_workspace < running)
    return Quota(
        running=of_workspace if lower else running,
        waiting=_smallest([*account, *own], "async_user_queue_limit"),
        source=LimitSource.WORKSPACE if lower else LimitSource.ACCOUNT,
    )


def read_retirements(ask: Ask) -> Mapping[str, int | None]:
    """Return when each model that Wan lists goes offline (Unix seconds); None if nothing is announced.

    Raises what `ask` raises, and WanUnavailable if the list cannot be read completely.
    """
    models = _listed(ask, ("/models",), "models", {})
    return {str(model["model"]): _offline_at(model) for model in models if isinstance(model.get("model"), str)}


def _listed(ask: Ask, paths: tuple[str, ...], name: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of a list, page by page."""
    deadline = time.monotonic() + LIST_SECONDS
    path, page = _first_page(ask, paths, query)
    seen = 0
    for number in range(1, MAX_PAGES + 1):
        if number > 1:
            if time.monotonic() > deadline:
                break
            page = ask(_address(path, query, number))
        entries, total = _entries(page, name)
        yield from (entry for entry in entries if isinstance(entry, Mapping))
        seen += len(entries)
        if seen >= total:
            return
        if not entries:
            raise WanUnavailable("ListChanged", f"Wan's list of {name} named {seen} of its {total} entries.")
    raise WanUnavailable("ListTooLong", f"Wan's list of {name} is too long to be read.")


def _first_page(ask: Ask, paths: tuple[str, ...], query: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """Return the path that answers, and its first page."""
    for path in paths[:-1]:
        try:
            return path, ask(_address(path, query, 1))
        except WanRefused as error:
            if error.status != NOT_FOUND:
                raise
    return paths[-1], ask(_address(paths[-1], query, 1))


def _address(path: str, query: Mapping[str, str], number: int) -> str:
    return f"{path}?{urlencode({**query, 'page_no': number, 'page_size': PAGE_SIZE})}"


def _entries(page: Mapping[str, Any], name: str) -> tuple[list[Any], int]:
    """Return the entries of a page, and the number of entries in the whole list. Raises WanUnavailable."""
    output = page.get("output")
    entries = output.get(name) if isinstance(output, Mapping) else None
    if not isinstance(output, Mapping) or not isinstance(entries, list):
        raise WanUnavailable("ListUnclear", f"Wan's answer holds no list of {name}.")
    total = _count(output.get("total"))
    return entries, len(entries) if total is None else total


def _part(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = entry.get(name)
    return part if isinstance(part, Mapping) else {}


def _smallest(limits: list[Mapping[str, Any]], name: str) -> int | None:
    counts = [count for limit in limits if (count := _count(limit.get(name))) is not None]
    return min(counts, default=None)


def _count(value: Any) -> int | None:
    """Return a number of tasks; None for null and for other values (also for True, which is an int in Python)."""
    return value if type(value) is int and value >= 0 else None


def _offline_at(model: Mapping[str, Any]) -> int | None:
    text = _part(model, "inference_offline_info").get("offline_time")
    if not isinstance(text, str):
        return None
    try:
        offline = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=RETIREMENT_ZONE)
    except ValueError:
        return None
    return int(offline.timestamp())
