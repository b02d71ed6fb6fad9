"""Wan's limits and retirements, which `sweep` reads from Wan and `GET /v1/models` shows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wan_video_cli.checks import Deployment, Finding, State, listed
from wan_video_cli.words import day, span

Models = Mapping[str, Any]
"""The answer to `GET /v1/models`."""

STALE_SECONDS: Final = 3 * 3600
"""The age at which a limit is reported as old; `sweep` reads it about once an hour."""

SOURCES: Final[Mapping[str, str]] = {
    "parameter": "by the parameter WanQuotas",
    "workspace": "by the workspace's limit at Wan",
    "account": "by the account's limit at Wan",
    "registry": "by the limit that Alibaba publishes, because Wan has stated none",
    "assumed": "by assumption, because no one states a limit",
}


def quota(deployment: Deployment, models: Models, region: str) -> Finding:
    """Report how many videos of the default model Wan works on at once in a region, and since when that is known."""
    name = f"wan quota {region}"
    model = deployment.parameters.get("DefaultModel", "")
    limit = next((one["limits"][region] for one in _with_limits(models, region) if one["id"] == model), None)
    if limit is None:
        return Finding(name, State.SKIPPED, f"The stack states no limit of {model} there.")
    source = SOURCES.get(limit["source"], limit["source"])
    what = f"Wan works on {limit['concurrency']} videos of {model} at once, {source}."
    if not limit["concurrency"]:
        ours = limit["source"] == "parameter"
        remedy = "Raise it in WanQuotas." if ours else "Ask Alibaba to raise it, or choose another DefaultModel."
        return Finding(name, State.WARNING, f"{what} None starts.", remedy)
    age = time.time() - limit["read_at"] if limit["read_at"] is not None else 0
    if age > STALE_SECONDS:
        what += f" Wan's quota API last answered {span(age)} ago."
        return Finding(name, State.WARNING, what, "The log of `sweep` says `quota not read`, with Wan's error code.")
    return Finding(name, State.OK, what)


def overrides(deployment: Deployment, models: Models) -> Finding:
    """Check whether every limit in the parameter WanQuotas is one of a model that the stack offers."""
    name = "wan quotas"
    given = [pair.partition("=")[0].strip() for pair in deployment.parameters.get("WanQuotas", "").split(",")]
    known = {f"{region}/{one['id']}" for one in models["data"] for region in one["regions"]}
    unknown = sorted({pair for pair in given if pair} - known)
    if unknown:
        what = f"WanQuotas has limits of {listed(unknown)}, which the stack does not offer."
        return Finding(name, State.WARNING, what, "`wan-video models` lists the models; correct WanQuotas.")
    return Finding(name, State.OK, "Every limit in WanQuotas is one of a model that the stack offers.")


def retirements(deployment: Deployment, models: Models) -> Finding:
    """Report the models that Wan has announced to take offline in a region of the stack."""
    name = "retirements"
    found = sorted(_retirements(models))
    if not found:
        return Finding(name, State.OK, "Wan has not announced to take a model offline.")
    what = " ".join(f"{model} goes offline in {region} on {day(at)}." for at, model, region in found)
    default = deployment.parameters.get("DefaultModel", "")
    if any(model == default for _, model, _ in found):
        return Finding(name, State.WARNING, what, "Choose another DefaultModel, and other models in your requests.")
    return Finding(name, State.WARNING, what, "Choose other models in your requests.")


def _retirements(models: Models) -> Iterator[tuple[int, str, str]]:
    for one in models["data"]:
        yield from ((at, one["id"], region) for region, at in one.get("retires_at", {}).items())


def _with_limits(models: Models, region: str) -> Iterator[Mapping[str, Any]]:
    """The models whose limit in a region is shown; an older stack shows none."""
    return (one for one in models["data"] if region in one.get("limits", {}))
