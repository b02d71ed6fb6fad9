"""The quotas of the simulated accounts, which can change while it runs, and the answers of the quota API.

Source: Model Studio, "List quotas" (the members of an answer) and "Rate limits" (the limits of each model).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from wan_simulator.errors import RefusalError
from wan_simulator.models import MODELS
from wan_video.domain.models import Region

QuotaRoute = Literal["quotas", "models/limits"]
"""The two paths that Alibaba documents for one and the same call, each in other languages."""
QUOTA_ROUTES: Final[tuple[QuotaRoute, ...]] = get_args(QuotaRoute)

_PAGE_SIZE: Final = 20
_LARGEST_PAGE: Final = 100
_SECOND: Final = 1
_MINUTE: Final = 60

LIMITS: Final = ("request_limit", "async_user_queue_limit", "async_user_concurrency_limit")
"""The members of a quota that are numbers of requests or tasks."""
MEMBERS: Final = (
    "request_limit",
    "request_limit_period",
    "usage_limit",
    "usage_limit_field",
    "usage_limit_period",
    "async_user_queue_limit",
    "async_user_concurrency_limit",
)
"""Everything that the quota API says about one limit, each of which may be null."""


class QuotaError(Exception):
    """Raised for a change of a quota that is not possible; says why."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a model, or one workspace with it, may do; None is no limit.

    `request_limit` counts create calls per `request_limit_period` seconds (1 or 60); `async_user_queue_limit` counts
    tasks that wait, and `async_user_concurrency_limit` tasks that run. The quota API shows the members in `hidden` as
    null, although their limits hold.
    """

    request_limit: int | None = None
    request_limit_period: int = _SECOND
    async_user_queue_limit: int | None = None
    async_user_concurrency_limit: int | None = None
    hidden: frozenset[str] = frozenset()

    def shown(self) -> dict[str, Any]:
        """Return the quota as the quota API shows it; a video model has no limit of usage."""
        known = {name: getattr(self, name) for name in (*LIMITS, "request_limit_period")}
        return {name: None if name in self.hidden else known.get(name) for name in MEMBERS}

    def changed(self, given: Mapping[str, object]) -> Quota:
        """Return the quota with the members in `given` replaced; raises QuotaError."""
        for name, value in given.items():
            if name in LIMITS:
                good = value is None or _is_count(value)
            elif name == "request_limit_period":
                good = _is_count(value) and value in (_SECOND, _MINUTE)
            elif name == "hidden":
                good = isinstance(value, list | tuple | frozenset) and all(name in MEMBERS for name in value)
            else:
                raise QuotaError(f"unknown: {name}")
            if not good:
                raise QuotaError(f"{name} cannot be {value!r}")
        hidden = given.get("hidden", self.hidden)
        assert isinstance(hidden, Iterable)
        return replace(self, **{**given, "hidden": frozenset(hidden)})  # type: ignore[arg-type]  # checked above


class Quotas:
    """The quotas in force at this moment, by region and model, and by workspace where one was set."""

    def __init__(self) -> None:
        self._models: dict[tuple[Region, str], Quota] = {}
        self._workspaces: dict[tuple[Region, str, str], Quota] = {}
        self.reset()

    def reset(self) -> None:
        """Return to the limits that the models have by default, and forget those of workspaces."""
        self._workspaces.clear()
        for model in MODELS.values():
            for region, limits in model.limits.items():
                self._models[region, model.name] = Quota(
                    request_limit=limits.submits_per_second, async_user_concurrency_limit=limits.running
                )

    def of_model(self, region: Region, model: str) -> Quota:
        """Return the quota of an account for a model; raises KeyError for a model that the region does not have."""
        return self._models[region, model]

    def of_workspace(self, region: Region, workspace: str, model: str) -> Quota | None:
        """Return the quota of one workspace for a model, or None if it has none of its own."""
        return self._workspaces.get((region, workspace, model))

    def workspaces(self, region: Region, model: str) -> dict[str, Quota]:
        """Return the quotas of all workspaces that have one for a model of a region."""
        return {
            workspace: quota
            for (place, workspace, name), quota in self._workspaces.items()
            if (place, name) == (region, model)
        }

    def change(self, region: Region, model: str, workspace: str | None, given: Mapping[str, object]) -> Quota:
        """Replace members of a quota at once; raises QuotaError."""
        if (region, model) not in self._models:
            raise QuotaError(f"{region} has no model {model}")
        if workspace is None:
            quota = self._models[region, model] = self._models[region, model].changed(given)
        else:
            before = self._workspaces.get((region, workspace, model), Quota())
            quota = self._workspaces[region, workspace, model] = before.changed(given)
        return quota

    def page(self, region: Region, workspace: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the `output` of a call of the quota API by `workspace`; raises RefusalError(InvalidParameter)."""
        quotas = [
            {
                "model": model,
                "workspace_id": workspace,
                "model_limit": quota.shown(),
                "workspace_limit": own.shown() if (own := self.of_workspace(region, workspace, model)) else None,
            }
            for (place, model), quota in self._models.items()
            if place == region and query.get("name", "") in model and query.get("model") in (None, "", model)
        ]
        return paged("quotas", quotas, query)


def paged(name: str, items: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the `output` with the page of `items` that a call asks for, under `name`; raises RefusalError."""
    number = _number(query, "page_no", 1, 1_000_000)
    size = _number(query, "page_size", _PAGE_SIZE, _LARGEST_PAGE)
    first = (number - 1) * size
    return {"total": len(items), "page_no": number, "page_size": size, name: items[first : first + size]}


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise RefusalError("InvalidParameter", f"The type or value of {name} is out of definition.")
    return int(text)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
