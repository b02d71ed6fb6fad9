"""Logs and metrics of the functions: one structured log line for each action, and a few metrics.

Log fields contain ids, outcomes and numbers, and never prompts, keys, tokens or links. Every line about a video has its
`video_id`, which is also in the answer to the request, in the name of the execution and in the notice.
"""

from __future__ import annotations

import traceback
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from wan_video.domain.delivery import Delivery
    from wan_video.domain.video import Video
    from wan_video.services.repairs.quotas import Change, Retirement, Unread


@cache
def logger() -> Logger:
    """The function's JSON logger; service and level come from the environment."""
    from aws_lambda_powertools import Logger

    return Logger()


def record(event: str, **facts: str | int | None) -> None:
    """Write one log line."""
    logger().info(event, extra=facts)


def warn(event: str, **facts: str | int | None) -> None:
    """Write one log line about something that a person should look at."""
    logger().warning(event, extra=facts)


def about(**facts: str) -> None:
    """Add fields to all lines that follow, until fields with the same names replace them."""
    logger().append_keys(**facts)


def unforeseen(error: BaseException, **facts: str) -> None:
    """Log where an error was raised, without its text, which may quote what a caller sent."""
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" if frame is not None else None
    logger().error("unforeseen error", extra={"error": type(error).__name__, "where": where, **facts})


def measure(name: str, value: float, *, percent: bool = False) -> None:
    """Emit one value of a metric, in the namespace of the environment and with the function's service as dimension."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    unit = MetricUnit.Percent if percent else MetricUnit.Count
    with single_metric(name=name, unit=unit, value=value) as metric:
        metric.add_dimension("service", logger().service)


def took(name: str, seconds: float) -> None:
    """Emit how long something took, in seconds of the stack's clock."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(name=name, unit=MetricUnit.Seconds, value=seconds) as metric:
        metric.add_dimension("service", logger().service)


def started(video: Video) -> None:
    """Record the start of a video: a log line, and metrics of how many start and how long they have waited."""
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    record("started", video_id=video.id, batch_id=video.batch_id, pool=video.pool)
    metrics = EphemeralMetrics()
    metrics.add_dimension("service", logger().service)
    metrics.add_metric("VideosStarted", MetricUnit.Count, 1)
    metrics.add_metric("QueueSeconds", MetricUnit.Seconds, (video.started_at or video.created_at) - video.created_at)
    metrics.flush_metrics()


def ended(video: Video) -> None:
    """Record the end of a video, once its notice is published: a log line, and metrics by its final status.

    Counts the video and the seconds and price it may have cost; for a completed video also the time since the request
    and its bytes. A bill that differs from the estimate is counted, and logged as a warning.
    """
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    code = video.error.code if video.error is not None else None
    record("ended", video_id=video.id, batch_id=video.batch_id, status=str(video.status), error=code)
    # Videos end in several functions; the dimension `service` would split each count.
    metrics = EphemeralMetrics(service="")
    metrics.add_dimension("status", str(video.status))
    metrics.add_metric("Videos", MetricUnit.Count, 1)
    if video.spent_seconds:
        metrics.add_metric("VideoSeconds", MetricUnit.Seconds, video.spent_seconds)
        metrics.add_metric("PriceCNY", MetricUnit.Count, float(video.spent_price))
    if video.usage is not None and video.bill_differs:
        metrics.add_metric("BillDiffers", MetricUnit.Count, 1)
        billed, estimated = str(video.usage.stated), video.estimate.seconds
        warn("bill differs", video_id=video.id, billed_seconds=billed, estimated_seconds=estimated)
    if video.object is not None and video.ended_at is not None:
        metrics.add_metric("TotalSeconds", MetricUnit.Seconds, video.ended_at - video.created_at)
        metrics.add_metric("Bytes", MetricUnit.Bytes, video.object.bytes)
    metrics.flush_metrics()


def attempted(delivery: Delivery) -> None:
    """Record one attempt to deliver an event: a log line without the address of the receiver, which may be secret."""
    outcome = delivery.last_outcome
    record(
        "attempted",
        endpoint_id=delivery.endpoint_id,
        delivery_id=delivery.id,
        event_type=delivery.event_type,
        attempts=delivery.attempts,
        status=str(delivery.status),
        status_code=outcome.status_code if outcome is not None else None,
        error=delivery.error or (outcome.error if outcome is not None else None),
    )


def no_thumbnail(video_id: str, reason: str) -> None:
    """Report a video of which no thumbnail can be made: one log line and a metric."""
    warn("no thumbnail", video_id=video_id, reason=reason)
    measure("ThumbnailImpossible", 1)


def quota_changed(change: Change) -> None:
    """Report a changed limit of Wan: one log line, and a metric if it has fallen."""
    before, after = change.before, change.after
    record("quota changed", pool=change.pool, before=before.concurrency, after=after.concurrency, source=after.source)
    if change.fell:
        measure("QuotaFell", 1)


def retires(retirement: Retirement) -> None:
    """Report that Wan has announced to take a model offline: one log line and a metric."""
    record("model retires", pool=retirement.pool, at=retirement.at)
    measure("ModelRetires", 1)


def quota_unread(unread: Unread) -> None:
    """Report a reading of Wan's quotas, or of its list of models, that failed: one log line and a metric."""
    record("quota not read", subject=unread.subject, code=unread.code)
    measure("QuotaUnread", 1)
