"""Puts services together from their adapters: each once for each process, when it is first called.

boto3 is imported here and nowhere at the top of a module, and one session serves every client. They are clients and no
resources: those load a second description of each service, and would convert each item twice.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from wan_video import observe
from wan_video.adapters.clock import ScaledClock
from wan_video.settings import Settings

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from botocore.session import Session as Core
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from wan_video.adapters.batches import DynamoBatches
    from wan_video.adapters.executions import StepFunctionsExecutions
    from wan_video.adapters.objects import S3Objects
    from wan_video.adapters.pools import DynamoPools
    from wan_video.adapters.reports import S3Reports
    from wan_video.adapters.topic import SnsTopic
    from wan_video.adapters.videos import DynamoVideos
    from wan_video.adapters.wan_client import WanClient
    from wan_video.adapters.workers import LambdaWorkers
    from wan_video.services.announce import Announce
    from wan_video.services.api import Api
    from wan_video.services.authorize import Authorize
    from wan_video.services.batch_api import BatchApi
    from wan_video.services.dashscope import DashScope
    from wan_video.services.deliver import Deliver
    from wan_video.services.dispatch import Dispatch
    from wan_video.services.finish_batch import FinishBatch
    from wan_video.services.ingest import Ingest
    from wan_video.services.intake import Intake
    from wan_video.services.lost_tasks import LostTasks
    from wan_video.services.poll import Poll
    from wan_video.services.report_failure import ReportFailure
    from wan_video.services.submit import Submit
    from wan_video.services.sweep import Sweep


@cache
def settings() -> Settings:
    """The function's environment."""
    return Settings.from_environment()


@cache
def clock() -> ScaledClock:
    """The stack's clock."""
    return ScaledClock.parse(settings().optional("CLOCK"))


@cache
def api() -> Api:
    """The REST front door."""
    from wan_video.adapters.repeats import DynamoRepeats
    from wan_video.services.api import Api

    return Api(
        intake=_intake(),
        videos=_videos(),
        batches=_batches(),
        pools=_pools(),
        objects=_objects(),
        repeats=DynamoRepeats(_dynamodb(), settings().text("LEDGER_TABLE")),
        clock=clock(),
        link_seconds=int(settings().text("LINK_SECONDS")),
        retention=settings().retention,
    )


@cache
def batch_api() -> BatchApi:
    """The REST front door of batches."""
    from wan_video.adapters.upload_links import S3UploadLinks
    from wan_video.services.batch_api import BatchApi

    return BatchApi(
        batches=_batches(),
        reports=_objects(),
        uploads=S3UploadLinks(_s3, settings().text("PROMPTS_BUCKET")),
        clock=clock(),
        link_seconds=int(settings().text("LINK_SECONDS")),
        retention=settings().retention,
    )


@cache
def dashscope() -> DashScope:
    """The DashScope-compatible face of the API."""
    from wan_video.services.dashscope import DashScope

    return DashScope(
        api=api(),
        uploads=_wan,
        repeat_seconds=int(settings().text("REPEAT_SECONDS")),
    )


@cache
def authorize() -> Authorize:
    """The authorizer."""
    from wan_video.adapters.tokens import DynamoTokens
    from wan_video.services.authorize import Authorize

    return Authorize(DynamoTokens(_dynamodb(), settings().text("LEDGER_TABLE")))


@cache
def ingest() -> Ingest:
    """The reader of prompt files."""
    from wan_video.adapters.prompt_files import S3PromptFiles
    from wan_video.services.enrol import Enrol
    from wan_video.services.failures_of import FailuresOf
    from wan_video.services.ingest import Ingest
    from wan_video.wire import prompt_file

    return Ingest(
        files=S3PromptFiles(_s3()),
        format=prompt_file,
        enrol=Enrol(_intake(), _videos(), _batches(), _reports(), clock()),
        failures_of=FailuresOf(_reports(), _videos()),
        owner=settings().text("FILE_UPLOADS_OWNER"),
    )


@cache
def finish_batch() -> FinishBatch:
    """The end of batches."""
    from wan_video.services.finish_batch import FinishBatch

    return FinishBatch(_batches(), _videos(), _reports(), _topic(), clock(), settings().text("VIDEOS_BUCKET"))


@cache
def dispatch() -> Dispatch:
    """The dispatcher."""
    from wan_video.services.dispatch import Dispatch

    return Dispatch(
        videos=_videos(),
        pools=_pools(),
        executions=_executions(),
        clock=clock(),
        enabled=settings().starts_enabled,
        daily_seconds=settings().daily_seconds,
        told=observe.started,
    )


@cache
def submit() -> Submit:
    """The submitter."""
    from wan_video.services.reconcile import Reconcile
    from wan_video.services.submit import Submit

    reconcile = Reconcile(
        videos=_videos(),
        lost_tasks=_lost_tasks(),
        clock=clock(),
        grace=_lost_tasks().grace,
        resend=settings().resends,
        alarm=lambda: observe.measure("SubmissionUncertain", 1),
    )
    return Submit(
        videos=_videos(),
        wan=_wan(),
        reconcile=reconcile,
        clock=clock(),
        note=lambda video_id, task_id: observe.record("task created", video_id=video_id, task_id=task_id),
    )


@cache
def poll() -> Poll:
    """The poller."""
    from wan_video.services.poll import Poll

    return Poll(
        _videos(),
        _wan(),
        clock(),
        alarm=lambda: observe.measure("PollTrouble", 1),
        made=lambda seconds: observe.took("GenerationSeconds", seconds),
    )


@cache
def deliver() -> Deliver:
    """The deliverer."""
    from botocore.exceptions import NoCredentialsError

    from wan_video.adapters.transfer import StreamTransfer
    from wan_video.domain.hosts import ResultHosts
    from wan_video.services.deliver import Deliver

    objects = _objects()
    credentials = _session().get_credentials()
    if credentials is None:
        raise NoCredentialsError
    return Deliver(
        videos=_videos(),
        wan=_wan(),
        transfer=StreamTransfer(
            _s3(),
            credentials,
            settings().text("VIDEOS_BUCKET"),
            objects,
            on_trouble=lambda counts: observe.record("transfer trouble", **counts),
        ),
        objects=objects,
        announce=_announce(),
        hosts=ResultHosts.parse(settings().text("RESULT_HOSTS")),
        clock=clock(),
        retention=settings().retention,
    )


@cache
def report_failure() -> ReportFailure:
    """The reporter of failures."""
    from wan_video.services.report_failure import ReportFailure

    return ReportFailure(_videos(), _announce(), clock())


@cache
def sweep() -> Sweep:
    """The repairs."""
    from wan_video.adapters.multiparts import S3Multiparts
    from wan_video.services.repairs.batches import StuckBatches
    from wan_video.services.repairs.multiparts import OpenMultiparts
    from wan_video.services.repairs.orphans import OrphanedTasks
    from wan_video.services.repairs.places import LeakedPlaces
    from wan_video.services.repairs.retention import BatchesKeptLongEnough, VideosKeptLongEnough
    from wan_video.services.repairs.unfinished import UnfinishedVideos
    from wan_video.services.sweep import Sweep

    unfinished = UnfinishedVideos(
        videos=_videos(),
        executions=_executions(),
        announce=_announce(),
        report_failure=report_failure(),
        clock=clock(),
        alarm=lambda: observe.measure("DeliveryDelayed", 1),
    )
    orphans = OrphanedTasks(_videos(), _lost_tasks(), clock(), alarm=lambda: observe.measure("TaskRescued", 1))
    multiparts = S3Multiparts(_s3(), settings().text("VIDEOS_BUCKET"), clock().at)
    return Sweep(
        repairs=[
            LeakedPlaces(_videos(), _pools(), settings().pools),
            OpenMultiparts(multiparts, clock()),
            StuckBatches(_batches(), _workers(), clock()),
            VideosKeptLongEnough(_videos(), _objects(), clock(), settings().retention),
            BatchesKeptLongEnough(_batches(), _objects(), clock(), settings().retention),
            orphans,  # the last, for Wan may be slow
        ],
        unfinished=unfinished,
        note=lambda mended: observe.record("sweep", repair=mended.repair, subject=mended.subject),
    )


@cache
def _core() -> Core:
    """What boto3's session is built on: descriptions of AWS's services, and events."""
    from botocore.session import Session

    return Session()


@cache
def _session() -> Session:
    from boto3.session import Session

    return Session(botocore_session=_core())


@cache
def _config() -> Config:
    """Time-outs far below the functions' own, so that code decides what a dead connection means, and not Lambda."""
    from botocore.config import Config

    return Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})


@cache
def _dynamodb() -> DynamoDBClient:
    from botocore.config import Config

    from wan_video.adapters.plain_values import leave_attributes_to_us, with_plain_values

    # What is written here is typed, and DynamoDB checks it again: a second look would cost as much as the writing.
    config = _config().merge(Config(parameter_validation=False))
    leave_attributes_to_us(_core())
    return with_plain_values(_session().client("dynamodb", config=config))


@cache
def _s3() -> S3Client:
    from botocore.config import Config

    return _session().client(
        "s3",
        config=Config(
            signature_version="s3v4",
            # The bucket's own regional name: a link over the global one is redirected while a bucket is young.
            s3={"addressing_style": "virtual"},
            # The transfer states its own checksums; boto3 must not add a CRC-32 beside them.
            request_checksum_calculation="when_required",
            connect_timeout=5,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": 4},
        ),
    )


@cache
def _videos() -> DynamoVideos:
    from wan_video.adapters.videos import DynamoVideos

    return DynamoVideos(_dynamodb(), videos=settings().text("VIDEOS_TABLE"), ledger=settings().text("LEDGER_TABLE"))


@cache
def _batches() -> DynamoBatches:
    from wan_video.adapters.batches import DynamoBatches

    return DynamoBatches(_dynamodb(), settings().text("LEDGER_TABLE"))


@cache
def _reports() -> S3Reports:
    from wan_video.adapters.reports import S3Reports

    return S3Reports(_s3(), settings().text("VIDEOS_BUCKET"))


@cache
def _workers() -> LambdaWorkers:
    from wan_video.adapters.workers import LambdaWorkers

    return LambdaWorkers(
        _session().client("lambda", config=_config()),
        ingest=settings().text("INGEST_FUNCTION"),
        finish_batch=settings().text("FINISH_BATCH_FUNCTION"),
    )


@cache
def _intake() -> Intake:
    from wan_video.services.intake import Intake

    return Intake(clock(), settings().defaults, settings().daily_seconds)


@cache
def _pools() -> DynamoPools:
    from wan_video.adapters.pools import DynamoPools

    return DynamoPools(_dynamodb(), settings().text("LEDGER_TABLE"))


@cache
def _objects() -> S3Objects:
    from wan_video.adapters.objects import S3Objects

    return S3Objects(_s3, settings().text("VIDEOS_BUCKET"))


@cache
def _executions() -> StepFunctionsExecutions:
    from wan_video.adapters.executions import StepFunctionsExecutions

    return StepFunctionsExecutions(
        _session().client("stepfunctions", config=_config()), settings().text("STATE_MACHINE_ARN")
    )


def _keep_links_out_of_logs() -> None:
    """urllib3 warns about strange headers with the whole URL, and a result link is a credential."""
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)


@cache
def _wan() -> WanClient:
    from wan_video.adapters.keys import SecretKeys
    from wan_video.adapters.wan_client import WanClient

    _keep_links_out_of_logs()
    keys = SecretKeys(_session().client("secretsmanager", config=_config()), settings().text("WAN_SECRET_ARN"))
    return WanClient(
        keys,
        endpoints=settings().endpoints,
        workspace=settings().optional("WAN_WORKSPACE_ID"),
        on_unauthorized=lambda: observe.measure("WanUnauthorized", 1),
    )


@cache
def _lost_tasks() -> LostTasks:
    from wan_video.adapters.claims import DynamoClaims
    from wan_video.services.lost_tasks import LostTasks

    claims = DynamoClaims(_dynamodb(), settings().text("LEDGER_TABLE"))
    return LostTasks(_wan(), claims, clock(), grace=int(settings().text("RECONCILE_GRACE_SECONDS")))


@cache
def _announce() -> Announce:
    from wan_video.services.announce import Announce

    return Announce(_videos(), _topic(), clock(), told=observe.ended)


@cache
def _topic() -> SnsTopic:
    from wan_video.adapters.topic import SnsTopic

    return SnsTopic(_session().client("sns", config=_config()), settings().text("TOPIC_ARN"))
