"""Puts services together from their adapters: each once for each process, when it is first called."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from wan_video import observe
from wan_video.bootstrap import adapters, api_services, clients
from wan_video.bootstrap.environment import clock as clock
from wan_video.bootstrap.environment import settings as settings
from wan_video.bootstrap.once import once as once

if TYPE_CHECKING:
    from wan_video.adapters.notify_queue import SqsNotifyQueue
    from wan_video.domain.image import ImageAddresses
    from wan_video.domain.request import VideoRequest
    from wan_video.services.announce import Announce
    from wan_video.services.api import Api
    from wan_video.services.authorize import Authorize
    from wan_video.services.deliver import Deliver
    from wan_video.services.dispatch import Dispatch
    from wan_video.services.finish_batch import FinishBatch
    from wan_video.services.ingest import Ingest
    from wan_video.services.lost_tasks import LostTasks
    from wan_video.services.notify import Notify
    from wan_video.services.poll import Poll
    from wan_video.services.repairs.quotas import LiveQuotas
    from wan_video.services.report_failure import ReportFailure
    from wan_video.services.submit import Submit
    from wan_video.services.sweep import Sweep
    from wan_video.services.thumbnail import MakeThumbnail


@once
def api() -> Api:
    """The services behind the API's routes."""
    from wan_video.services.api import Api

    return Api(
        new_videos=api_services.new_videos,
        own_videos=api_services.own_videos,
        documents=api_services.documents,
        content=api_services.content,
        account=api_services.account,
        batches=api_services.batches,
        images=api_services.images,
        dashscope=api_services.dashscope,
        webhooks=api_services.webhooks,
    )


@once
def authorize() -> Authorize:
    """The authorizer."""
    from wan_video.adapters.dynamodb.tokens import DynamoTokens
    from wan_video.services.authorize import Authorize

    return Authorize(DynamoTokens(clients.dynamodb(), settings().text("LEDGER_TABLE")))


@once
def ingest() -> Ingest:
    """The reader of prompt files."""
    from wan_video.adapters.s3.prompt_files import S3PromptFiles
    from wan_video.services.enrol import Enrol
    from wan_video.services.failures_of import FailuresOf
    from wan_video.services.ingest import Ingest
    from wan_video.wire import prompt_file

    return Ingest(
        files=S3PromptFiles(clients.s3()),
        format=prompt_file,
        batches=adapters.batches(),
        enrol=Enrol(api_services.intake(), adapters.videos(), adapters.batches(), adapters.reports(), clock()),
        failures_of=FailuresOf(adapters.reports(), adapters.videos()),
        clock=clock(),
        owner=settings().text("FILE_UPLOADS_OWNER"),
    )


@once
def finish_batch() -> FinishBatch:
    """The end of batches."""
    from wan_video.services.finish_batch import FinishBatch

    return FinishBatch(
        adapters.batches(),
        adapters.videos(),
        adapters.reports(),
        adapters.topic(),
        clock(),
        settings().text("VIDEOS_BUCKET"),
    )


@once
def dispatch() -> Dispatch:
    """The dispatcher."""
    from wan_video.services.dispatch import Dispatch

    return Dispatch(
        videos=adapters.videos(),
        pools=adapters.pools(),
        executions=adapters.executions(),
        clock=clock(),
        enabled=settings().starts_enabled,
        daily_seconds=settings().daily_seconds,
        on_started=observe.started,
        limits=settings().limits,
    )


@once
def submit() -> Submit:
    """The submitter."""
    from wan_video.services.reconcile import Reconcile
    from wan_video.services.submit import Submit

    reconcile = Reconcile(
        videos=adapters.videos(),
        lost_tasks=_lost_tasks(),
        clock=clock(),
        grace=_lost_tasks().grace,
        resend=settings().resends,
        on_doubt=lambda: observe.measure("SubmissionUncertain", 1),
    )
    return Submit(
        videos=adapters.videos(),
        wan=adapters.wan(),
        reconcile=reconcile,
        clock=clock(),
        on_task=lambda video_id, task_id: observe.record("task created", video_id=video_id, task_id=task_id),
        addresses=_addresses,
    )


@once
def poll() -> Poll:
    """The poller."""
    from wan_video.services.poll import Poll

    return Poll(
        adapters.videos(),
        adapters.wan(),
        clock(),
        settings().prices,
        on_trouble=lambda: observe.measure("PollTrouble", 1),
        on_made=lambda seconds: observe.took("GenerationSeconds", seconds),
    )


@once
def deliver() -> Deliver:
    """The deliverer."""
    from botocore.exceptions import NoCredentialsError

    from wan_video.adapters.transfer import StreamTransfer
    from wan_video.domain.hosts import ResultHosts
    from wan_video.services.deliver import Deliver

    objects = adapters.objects()
    credentials = clients.session().get_credentials()
    if credentials is None:
        raise NoCredentialsError
    return Deliver(
        videos=adapters.videos(),
        wan=adapters.wan(),
        transfer=StreamTransfer(
            clients.s3(),
            credentials,
            settings().text("VIDEOS_BUCKET"),
            objects,
            on_trouble=lambda counts: observe.record("transfer trouble", **counts),
        ),
        objects=objects,
        announce=_announce(),
        hosts=ResultHosts.parse(settings().optional("RESULT_HOSTS")),
        clock=clock(),
        retention=settings().retention,
    )


@once
def report_failure() -> ReportFailure:
    """The reporter of failures."""
    from wan_video.services.report_failure import ReportFailure

    return ReportFailure(adapters.videos(), _announce(), clock())


@cache
def notify_queue() -> SqsNotifyQueue:
    """The queue whose messages invoke `notify`."""
    return adapters.notify_queue()


@once
def notify() -> Notify:
    """The sender of webhooks."""
    from wan_video.adapters.dynamodb.webhooks import DynamoCallbacks
    from wan_video.adapters.signatures import sign
    from wan_video.services.notify import Notify

    return Notify(
        endpoints=adapters.webhook_endpoints(),
        deliveries=adapters.deliveries(),
        lanes=adapters.lanes(),
        callbacks=DynamoCallbacks(
            clients.dynamodb(), videos=settings().text("VIDEOS_TABLE"), ledger=settings().text("LEDGER_TABLE")
        ),
        queue=adapters.notify_queue(),
        receivers=adapters.receivers(),
        clock=clock(),
        secret=adapters.webhook_secret(),
        sign=sign,
        on_attempt=observe.attempted,
        on_failed=lambda _: observe.measure("WebhooksFailed", 1),
    )


@once
def live_quotas() -> LiveQuotas:
    """The readings of Wan's quotas."""
    from wan_video.services.repairs.quotas import LiveQuotas

    return LiveQuotas(
        wan=adapters.wan(),
        quotas=adapters.quotas(),
        clock=clock(),
        names=settings().pools,
        on_change=observe.quota_changed,
        on_retirement=observe.retires,
        on_unread=observe.quota_unread,
    )


@once
def sweep() -> Sweep:
    """The repairs."""
    from wan_video.adapters.s3.multiparts import S3Multiparts
    from wan_video.services.repairs.batches import StuckBatches
    from wan_video.services.repairs.deliveries import LostDeliveries
    from wan_video.services.repairs.multiparts import OpenMultiparts
    from wan_video.services.repairs.orphans import OrphanedTasks
    from wan_video.services.repairs.places import LeakedPlaces
    from wan_video.services.repairs.retention import BatchesKeptLongEnough, VideosKeptLongEnough
    from wan_video.services.repairs.unfinished import UnfinishedVideos
    from wan_video.services.sweep import Sweep

    unfinished = UnfinishedVideos(
        videos=adapters.videos(),
        executions=adapters.executions(),
        announce=_announce(),
        report_failure=report_failure(),
        clock=clock(),
        on_delayed=lambda: observe.measure("DeliveryDelayed", 1),
    )
    orphans = OrphanedTasks(
        adapters.videos(), _lost_tasks(), clock(), on_rescued=lambda: observe.measure("TaskRescued", 1)
    )
    multiparts = S3Multiparts(clients.s3(), settings().text("VIDEOS_BUCKET"), clock().at)
    return Sweep(
        repairs=[
            LeakedPlaces(adapters.videos(), adapters.pools(), settings().pools),
            OpenMultiparts(multiparts, clock()),
            StuckBatches(adapters.batches(), adapters.workers(), clock()),
            LostDeliveries(adapters.deliveries(), adapters.notify_queue(), clock()),
            VideosKeptLongEnough(adapters.videos(), adapters.objects(), clock(), settings().retention),
            BatchesKeptLongEnough(adapters.batches(), adapters.objects(), clock(), settings().retention),
        ],
        unfinished=unfinished,
        last=[live_quotas(), orphans],  # Wan may be slow
        on_mended=lambda mended: observe.record("sweep", repair=mended.repair, subject=mended.subject),
        on_cut_short=lambda repair: observe.record("sweep continues next time", repair=repair),
    )


def _addresses(request: VideoRequest) -> ImageAddresses:
    """Return what Wan receives for the images of a request; for one of text only, S3 and the web are not loaded."""
    from wan_video.domain.image import NO_ADDRESSES
    from wan_video.services.image_addresses import AddressImages

    if not request.images:
        return NO_ADDRESSES
    return AddressImages(
        adapters.inputs(), adapters.web_images(), adapters.file_images(), settings().text("PROMPTS_BUCKET")
    )(request)


@once
def thumbnail() -> MakeThumbnail:
    """The maker of thumbnails; raises LayerMissing if the layer with FFmpeg was not built."""
    from wan_video.services.thumbnail import MakeThumbnail

    return MakeThumbnail(
        videos=adapters.videos(),
        objects=adapters.objects(),
        pictures=adapters.pictures(),
        clock=clock(),
        retention=settings().retention,
        on_impossible=observe.no_thumbnail,
    )


@cache
def _lost_tasks() -> LostTasks:
    from wan_video.adapters.dynamodb.claims import DynamoClaims
    from wan_video.services.lost_tasks import LostTasks

    claims = DynamoClaims(clients.dynamodb(), settings().text("LEDGER_TABLE"))
    grace = int(settings().text("RECONCILE_GRACE_SECONDS"))
    return LostTasks(adapters.wan(), claims, adapters.videos(), clock(), grace=grace)


@cache
def _announce() -> Announce:
    from wan_video.services.announce import Announce

    return Announce(adapters.videos(), adapters.topic(), clock(), on_announced=observe.ended)
