"""The services of the API, each created and imported when a route first needs it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from wan_video import observe
from wan_video.bootstrap import adapters, clients
from wan_video.bootstrap.environment import clock, settings

if TYPE_CHECKING:
    from wan_video.adapters.dynamodb.repeats import DynamoRepeats
    from wan_video.adapters.wan.client import WanClient
    from wan_video.services.api.account import Account
    from wan_video.services.api.batches import OwnBatches
    from wan_video.services.api.content import Content
    from wan_video.services.api.dashscope import DashScope
    from wan_video.services.api.documents import VideoDocuments
    from wan_video.services.api.images import Images
    from wan_video.services.api.new_videos import NewVideos
    from wan_video.services.api.own_videos import OwnVideos
    from wan_video.services.api.webhooks import OwnWebhooks
    from wan_video.services.intake import Intake


@cache
def new_videos() -> NewVideos:
    """The creation of videos."""
    from wan_video.services.api.new_videos import NewVideos

    return NewVideos(intake(), adapters.videos(), _repeats(), clock(), _wan, images())


@cache
def own_videos() -> OwnVideos:
    """The caller's videos."""
    from wan_video.services.api.own_videos import OwnVideos

    return OwnVideos(adapters.videos(), adapters.batches, adapters.objects(), clock(), _wan, settings().defaults.prices)


@cache
def documents() -> VideoDocuments:
    """The descriptions of videos."""
    from wan_video.services.api.documents import VideoDocuments

    return VideoDocuments(
        adapters.pools(), clock(), settings().retention, settings().daily_seconds, settings().thumbnails
    )


@cache
def content() -> Content:
    """The links to files."""
    from wan_video.services.api.content import Content

    return Content(
        adapters.videos(), adapters.objects(), clock(), _link_seconds(), settings().retention, settings().thumbnails
    )


@cache
def account() -> Account:
    """The models and the usage."""
    from wan_video.services.api.account import Account

    return Account(adapters.pools(), adapters.quotas(), clock(), settings().defaults, settings().limits)


@cache
def batches() -> OwnBatches:
    """The caller's batches."""
    from wan_video.adapters.s3.upload_links import S3UploadLinks
    from wan_video.services.api.batches import OwnBatches

    return OwnBatches(
        adapters.batches(),
        adapters.objects(),
        S3UploadLinks(clients.s3, settings().text("PROMPTS_BUCKET")),
        clock(),
        _link_seconds(),
        settings().retention,
        adapters.signs_callbacks,
        settings().defaults.webhook_origins,
    )


@cache
def images() -> Images:
    """The images of requests."""
    from wan_video.services.api.images import Images

    return Images(adapters.inputs(), adapters.web_images(), clock())


@cache
def dashscope() -> DashScope:
    """DashScope's calls."""
    from wan_video.services.api.dashscope import DashScope

    region, retention = settings().defaults.region, settings().retention
    return DashScope(new_videos(), own_videos(), _repeats(), clock(), _wan, region, retention)


@cache
def webhooks() -> OwnWebhooks:
    """The caller's webhook endpoints."""
    from wan_video.adapters.topic import to_text
    from wan_video.services.api.webhooks import OwnWebhooks

    return OwnWebhooks(
        endpoints=adapters.webhook_endpoints(),
        deliveries=adapters.deliveries(),
        lanes=adapters.lanes(),
        queue=adapters.notify_queue(),
        receivers=adapters.receivers(),
        clock=clock(),
        secret=adapters.webhook_secret(),
        to_text=to_text,
        origins=settings().defaults.webhook_origins,
    )


@cache
def intake() -> Intake:
    """Return what makes videos of requests, and warn if the prices that it knows are old."""
    from wan_video.domain.models import PRICED_ON
    from wan_video.domain.price import days_old, is_old
    from wan_video.services.intake import Intake

    if is_old(PRICED_ON, clock().now()):
        # Once for each process, which is seldom enough to be read and often enough to be found.
        observe.warn("prices are old", priced_on=PRICED_ON, days=days_old(PRICED_ON, clock().now()))
    return Intake(clock(), settings().defaults, settings().daily_seconds, signs_callbacks=adapters.signs_callbacks)


@cache
def _repeats() -> DynamoRepeats:
    from wan_video.adapters.dynamodb.repeats import DynamoRepeats

    return DynamoRepeats(clients.dynamodb(), settings().text("LEDGER_TABLE"))


def _link_seconds() -> int:
    return int(settings().text("LINK_SECONDS"))


def _wan() -> WanClient:
    """Wan's API for a caller who waits behind API Gateway, which gives up after 29 seconds."""
    from wan_video.services.api.limits import WAN_ANSWER_SECONDS

    return adapters.wan(WAN_ANSWER_SECONDS)
