"""The adapters, over the clients and the names of the environment."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from wan_video import observe
from wan_video.bootstrap import clients
from wan_video.bootstrap.environment import clock, settings

if TYPE_CHECKING:
    from wan_video.adapters.dynamodb.batches import DynamoBatches
    from wan_video.adapters.dynamodb.pools import DynamoPools
    from wan_video.adapters.dynamodb.quotas import DynamoQuotas
    from wan_video.adapters.dynamodb.videos import DynamoVideos
    from wan_video.adapters.dynamodb.webhooks import DynamoDeliveries, DynamoLanes, DynamoWebhookEndpoints
    from wan_video.adapters.executions import StepFunctionsExecutions
    from wan_video.adapters.notify_queue import SqsNotifyQueue
    from wan_video.adapters.pictures import AvPictures
    from wan_video.adapters.receivers import HttpReceivers
    from wan_video.adapters.s3.inputs import S3Inputs
    from wan_video.adapters.s3.objects import S3Objects
    from wan_video.adapters.s3.reports import S3Reports
    from wan_video.adapters.stack_secret import StackSecret
    from wan_video.adapters.topic import SnsTopic
    from wan_video.adapters.wan.client import WanClient
    from wan_video.adapters.workers import LambdaWorkers
    from wan_video.ports.images import WebImages


@cache
def videos() -> DynamoVideos:
    """The table of videos."""
    from wan_video.adapters.dynamodb.videos import DynamoVideos

    return DynamoVideos(
        clients.dynamodb(), videos=settings().text("VIDEOS_TABLE"), ledger=settings().text("LEDGER_TABLE")
    )


@cache
def batches() -> DynamoBatches:
    """The batches of the ledger."""
    from wan_video.adapters.dynamodb.batches import DynamoBatches

    return DynamoBatches(clients.dynamodb(), settings().text("LEDGER_TABLE"))


@cache
def reports() -> S3Reports:
    """The batches' reports."""
    from wan_video.adapters.s3.reports import S3Reports

    return S3Reports(clients.s3(), settings().text("VIDEOS_BUCKET"))


@cache
def pools() -> DynamoPools:
    """The pools of the ledger."""
    from wan_video.adapters.dynamodb.pools import DynamoPools

    return DynamoPools(clients.dynamodb(), settings().text("LEDGER_TABLE"))


@cache
def quotas() -> DynamoQuotas:
    """Return the store of Wan's statements about the pools."""
    from wan_video.adapters.dynamodb.quotas import DynamoQuotas

    return DynamoQuotas(clients.dynamodb(), settings().text("LEDGER_TABLE"))


@cache
def objects() -> S3Objects:
    """The videos bucket."""
    from wan_video.adapters.s3.objects import S3Objects

    return S3Objects(clients.s3, settings().text("VIDEOS_BUCKET"))


@cache
def inputs() -> S3Inputs:
    """The inputs bucket."""
    from wan_video.adapters.s3.inputs import S3Inputs

    return S3Inputs(clients.s3, settings().text("INPUTS_BUCKET"))


@cache
def file_images() -> S3Inputs:
    """The prompts bucket, for images that prompt files name."""
    from wan_video.adapters.s3.inputs import S3Inputs

    return S3Inputs(clients.s3, settings().text("PROMPTS_BUCKET"))


@cache
def web_images() -> WebImages:
    """Images on the web; the code that fetches them is loaded with the first URL."""
    return _WebImages()


class _WebImages:
    """The port `WebImages`, loaded when it is first used."""

    def fetch(self, url: str, seconds: float) -> bytes:
        from wan_video.adapters.transfer.web_images import HttpImages

        return HttpImages(settings().image_origins).fetch(url, seconds)


@cache
def pictures() -> AvPictures:
    """The decoder of videos, which is in a layer of its own. Raises LayerMissing."""
    try:
        from wan_video.adapters.pictures import AvPictures
    except ModuleNotFoundError as error:
        if error.name == "av":
            raise LayerMissing from error
        raise

    return AvPictures()


@cache
def executions() -> StepFunctionsExecutions:
    """The state machine."""
    from wan_video.adapters.executions import StepFunctionsExecutions

    return StepFunctionsExecutions(clients.stepfunctions(), settings().text("STATE_MACHINE_ARN"))


@cache
def workers() -> LambdaWorkers:
    """The functions that are called by their names."""
    from wan_video.adapters.workers import LambdaWorkers

    return LambdaWorkers(
        clients.functions(),
        ingest=settings().text("INGEST_FUNCTION"),
        finish_batch=settings().text("FINISH_BATCH_FUNCTION"),
    )


class LayerMissing(Exception):
    """Raised when thumbnails are enabled in a deployment that was built without their layer."""

    def __init__(self) -> None:
        super().__init__("Build with `sam build --parameter-overrides Thumbnails=enabled`, and deploy again.")


def _keep_links_out_of_logs() -> None:
    """urllib3 warns about strange headers with the whole URL, and a result link is a credential."""
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)


@cache
def wan(answer_seconds: float | None = None) -> WanClient:
    """Wan's API; `answer_seconds` is the longest that one answer may take, None for the client's own limit."""
    from wan_video.adapters.wan.client import WanClient
    from wan_video.adapters.wan.keys import SecretKeys

    _keep_links_out_of_logs()
    keys = SecretKeys(clients.secretsmanager(), settings().text("WAN_SECRET_ARN"))
    return WanClient(
        keys,
        endpoints=settings().endpoints,
        on_unauthorized=lambda: observe.measure("WanUnauthorized", 1),
        answer_seconds=answer_seconds,
    )


@cache
def topic() -> SnsTopic:
    """The topic of notices."""
    from wan_video.adapters.topic import SnsTopic

    return SnsTopic(clients.sns(), settings().text("TOPIC_ARN"))


@cache
def webhook_endpoints() -> DynamoWebhookEndpoints:
    """The webhook endpoints of the ledger."""
    from wan_video.adapters.dynamodb.webhooks import DynamoWebhookEndpoints

    return DynamoWebhookEndpoints(clients.dynamodb(), settings().text("LEDGER_TABLE"))


@cache
def deliveries() -> DynamoDeliveries:
    """The deliveries of events to webhook endpoints."""
    from wan_video.adapters.dynamodb.webhooks import DynamoDeliveries

    return DynamoDeliveries(clients.dynamodb(), settings().text("LEDGER_TABLE"))


@cache
def lanes() -> DynamoLanes:
    """The states of the receivers of events."""
    from wan_video.adapters.dynamodb.webhooks import DynamoLanes

    return DynamoLanes(clients.dynamodb(), settings().text("LEDGER_TABLE"))


@cache
def notify_queue() -> SqsNotifyQueue:
    """The queue of `notify`; only `notify` itself writes dead letters."""
    from wan_video.adapters.notify_queue import SqsNotifyQueue

    return SqsNotifyQueue(
        clients.sqs,
        clock(),
        url=settings().text("NOTIFY_QUEUE_URL"),
        dead_letters=settings().optional("NOTIFY_DEAD_LETTERS_URL"),
    )


@cache
def receivers() -> HttpReceivers:
    """The receivers of events."""
    from wan_video.adapters.receivers import HttpReceivers

    # OpenSSL's own name of the variable; the template does not set it.
    return HttpReceivers(settings().webhook_origins, ca_file=settings().optional("SSL_CERT_FILE") or None)


@cache
def webhook_secret() -> StackSecret:
    """The secret from which those of webhook endpoints are derived."""
    from wan_video.adapters.stack_secret import StackSecret

    return StackSecret(clients.secretsmanager, settings().text("WEBHOOK_SECRET_ARN"))


def signs_callbacks(owner: str) -> bool:
    """Return whether an owner has a secret for callbacks."""
    return webhook_endpoints().signer_of_callbacks(owner) is not None
