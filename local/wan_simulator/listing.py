"""The list of tasks: the filters of a caller, and the page that is returned.

Source: Model Studio, "Asynchronous task management API". Its page does not state the zone of
times or the order of tasks: here times are UTC+8, as everywhere in Wan's answers, and the newest task comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from wan_simulator.clock import WAN_ZONE
from wan_simulator.errors import RefusalError
from wan_simulator.tasks import KEPT_SECONDS, Phase, Task

REGION_IDS: Final[Mapping[str, str]] = {
    "beijing": "cn-beijing",
    "singapore": "ap-southeast-1",
    "virginia": "us-east-1",
    "frankfurt": "eu-central-1",
    "hongkong": "cn-hongkong",
    "tokyo": "ap-northeast-1",
}
"""Alibaba Cloud's ids of the regions."""

_WINDOW_SECONDS: Final = 24 * 60 * 60
_PAGE_SIZE: Final = 10
_LARGEST_PAGE: Final = 100
_TIME: Final = "%Y%m%d%H%M%S"
_ACCOUNT: Final = "1000000000000000"
_API_KEY_ID: Final = "100000"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list call: the moments (epoch seconds) between which tasks were submitted, exact filters, and the page."""

    since: float
    until: float
    filters: Mapping[str, str]
    page_no: int
    page_size: int

    @classmethod
    def parse(cls, query: Mapping[str, str], now: float) -> Listing:
        """Read the query of a list call made at `now`; raises RefusalError(InvalidParameter)."""
        since, until = _moment(query, "start_time"), _moment(query, "end_time")
        if until is None:
            until = now if since is None else since + _WINDOW_SECONDS
        if since is None:
            since = until - _WINDOW_SECONDS
        if not 0 <= until - since <= _WINDOW_SECONDS:
            raise _against_specification("start_time and end_time should be at most 24 hours apart")
        status = query.get("status")
        if status and status not in tuple(Phase):
            raise _against_specification(f"status should be one of {', '.join(Phase)}")
        filters = {name: value for name in _FILTERS if (value := query.get(name))}
        page_size = _number(query, "page_size", _PAGE_SIZE, _LARGEST_PAGE)
        return cls(since, until, filters, _number(query, "page_no", 1, 1_000_000), page_size)

    def page(self, tasks: Iterable[Task], now: float, lag: float) -> dict[str, Any]:
        """Return the requested page of `tasks` as they are at `now`; a task appears after `lag` seconds."""
        items = [
            item
            for task in sorted(tasks, key=lambda task: task.submitted_at, reverse=True)
            if self.since <= task.submitted_at <= min(self.until, now - lag)
            and now - task.submitted_at <= KEPT_SECONDS
            and self._asks_for(item := _item(task))
        ]
        first = (self.page_no - 1) * self.page_size
        return {
            "total": len(items),
            "data": items[first : first + self.page_size],
            "total_page": ceil(len(items) / self.page_size),
            "page_no": self.page_no,
            "page_size": self.page_size,
        }

    def _asks_for(self, item: Mapping[str, Any]) -> bool:
        return all(item[name] == value for name, value in self.filters.items())


_FILTERS: Final = ("task_id", "model_name", "status", "region", "api_key_id")


def _item(task: Task) -> dict[str, Any]:
    model = task.order.model.name
    item: dict[str, Any] = {
        "api_key_id": _API_KEY_ID,
        "caller_parent_id": _ACCOUNT,
        "caller_uid": _ACCOUNT,
        "gmt_create": _milliseconds(task.submitted_at),
        "start_time": _milliseconds(task.submitted_at if task.scheduled_at is None else task.scheduled_at),
        "model_name": model,
        "region": REGION_IDS[task.region],
        "request_id": task.request_id,
        "status": task.phase,
        "task_id": task.id,
        "user_api_unique_key": f"apikey:v1:aigc:video-generation:video-synthesis:{model}",
    }
    if task.ended_at is not None:
        item["end_time"] = _milliseconds(task.ended_at)
    return item


def _moment(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=WAN_ZONE).timestamp()
    except ValueError:
        raise _against_specification(f"{name} should be like 20230420000000") from None


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise _against_specification(f"{name} should be from 1 to {most}")
    return int(text)


def _milliseconds(moment: float) -> int:
    return round(moment * 1000)


def _against_specification(rule: str) -> RefusalError:
    return RefusalError("InvalidParameter", f"the parameters must conform to the specification: {rule}.")
