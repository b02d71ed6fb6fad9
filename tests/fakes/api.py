"""The services of the API over fakes, put together as `bootstrap` does it over AWS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.images import FakeInputs, FakeWebImages
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan
from tests.fakes.webhooks import STACK_SECRET, World
from tests.fakes.world import FakeObjects, FakeRepeats, FakeUploadLinks
from tools.harness.samples import DEFAULTS
from wan_video.adapters.topic import to_text
from wan_video.domain.hosts import NO_ORIGINS, WebhookOrigins
from wan_video.domain.request import Defaults
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.ports.batches import Batches
from wan_video.ports.clock import Clock
from wan_video.ports.images import ApiInputs, WebImages
from wan_video.ports.objects import Objects, UploadLinks
from wan_video.ports.pools import Pools
from wan_video.ports.quotas import Quotas
from wan_video.ports.repeats import Repeats
from wan_video.ports.videos import ApiVideos
from wan_video.ports.wan import WanTasks
from wan_video.services.api import Api
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

LINK_SECONDS = 900


def own_webhooks(world: World, origins: WebhookOrigins = NO_ORIGINS) -> OwnWebhooks:
    """The service of webhook endpoints over a world."""
    return OwnWebhooks(
        endpoints=world.endpoints,
        deliveries=world.deliveries,
        lanes=world.lanes,
        queue=world.queue,
        receivers=world.receivers,
        clock=world.clock,
        secret=lambda: STACK_SECRET,
        to_text=to_text,
        origins=origins,
    )


def api_over(
    videos: ApiVideos,
    pools: Pools,
    batches: Batches,
    clock: Clock,
    *,
    wan: Callable[[], WanTasks] | None = None,
    objects: Objects | None = None,
    repeats: Repeats | None = None,
    uploads: UploadLinks | None = None,
    daily_seconds: int | None = None,
    retention: Retention = FOR_EVER,
    quotas: Quotas | None = None,
    defaults: Defaults = DEFAULTS,
    thumbnails: bool = False,
    inputs: ApiInputs | None = None,
    web: WebImages | None = None,
    webhooks: World | None = None,
) -> Api:
    """The services over these stores; every other collaborator that is not given is a fake."""
    wan = wan or FakeWan
    webhooks = webhooks or World()
    objects, repeats, uploads = objects or FakeObjects(), repeats or FakeRepeats(), uploads or FakeUploadLinks()
    images = Images(inputs or FakeInputs(), web or FakeWebImages(), clock)
    intake = Intake(clock, defaults, daily_seconds, signs_callbacks=webhooks.signs_callbacks)
    new_videos = NewVideos(intake, videos, repeats, clock, wan, images)
    own_videos = OwnVideos(videos, lambda: batches, objects, clock, wan)
    documents = VideoDocuments(pools, clock, retention, daily_seconds, thumbnails)
    content = Content(videos, objects, clock, LINK_SECONDS, retention, thumbnails)
    account = Account(pools, quotas or MemoryStore(), clock, defaults, {})
    own_batches = OwnBatches(
        batches,
        objects,
        uploads,
        clock,
        LINK_SECONDS,
        retention,
        webhooks.signs_callbacks,
        defaults.webhook_origins,
    )
    dashscope = DashScope(
        new_videos,
        own_videos,
        repeats,
        clock,
        uploads=lambda: pytest.fail("no upload is expected"),
        region=defaults.region,
        retention=retention,
    )
    endpoints = own_webhooks(webhooks, defaults.webhook_origins)
    return Api(
        new_videos=lambda: new_videos,
        own_videos=lambda: own_videos,
        documents=lambda: documents,
        content=lambda: content,
        account=lambda: account,
        batches=lambda: own_batches,
        images=lambda: images,
        dashscope=lambda: dashscope,
        webhooks=lambda: endpoints,
    )
