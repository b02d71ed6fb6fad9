"""What the functions tell CloudWatch: one structured log line for each thing done, and a few metrics.

Facts are ids, outcomes and numbers. Prompts, keys, tokens and links are never among them.
"""

from __future__ import annotations

import traceback
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


@cache
def logger() -> Logger:
    """The function's JSON logger; service and level come from the environment."""
    from aws_lambda_powertools import Logger

    return Logger()


def record(event: str, **facts: str | int | None) -> None:
    """Write one log line."""
    logger().info(event, extra=facts)


def unforeseen(error: BaseException, **facts: str) -> None:
    """Log where an error came from. Its text is left out: it may quote what a caller sent."""
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" if frame is not None else None
    logger().error("unforeseen error", extra={"error": type(error).__name__, "where": where, **facts})


def measure(name: str, value: float, *, percent: bool = False) -> None:
    """Emit one value of a metric, in the namespace of the environment and with the function's service as dimension."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    unit = MetricUnit.Percent if percent else MetricUnit.Count
    with single_metric(name=name, unit=unit, value=value) as metric:
        metric.add_dimension("service", logger().service)
