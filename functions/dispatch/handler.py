"""dispatch: start queued videos; invoked by the stream of `Videos` and by a schedule."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Fill the pools of the rows in stream records or, for a scheduled event, those of all regions in use."""
    rows = [record["dynamodb"]["NewImage"] for record in event.get("Records", [])]
    # In an order that is the same in every process, which that of a set is not.
    pools = sorted({row["pool"]["S"] for row in rows}) or bootstrap.settings().pools
    adopted = sorted({row["id"]["S"] for row in rows if row["status"]["S"] == "starting"})
    dispatch = bootstrap.dispatch()
    dispatch(pools, adopted)
    used = dispatch.budget_used()
    if used is not None:
        observe.measure("BudgetUsed", used, percent=True)
