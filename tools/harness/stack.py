"""The stack's AWS resources in moto, shaped like template.yaml's, and the environment its functions get."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

from boto3.session import Session

from tools.harness import event_schema
from tools.harness.fake_aws import fake_aws, saved_state
from wan_video.adapters.dynamodb.batches import DynamoBatches
from wan_video.adapters.dynamodb.plain_values import with_plain_values
from wan_video.adapters.dynamodb.pools import DynamoPools
from wan_video.adapters.dynamodb.quotas import DynamoQuotas
from wan_video.adapters.dynamodb.videos import DynamoVideos

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient, DynamoDBServiceResource
    from mypy_boto3_dynamodb.type_defs import GlobalSecondaryIndexTypeDef
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

REGION: Final = "eu-central-1"
VIDEOS, LEDGER, BUCKET, PROMPTS = "videos", "ledger", "wan-video-videos", "wan-video-prompts"
INPUTS = "wan-video-inputs"
BUCKETS = (BUCKET, PROMPTS, INPUTS)
NOTHING = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


class Clients:
    """Clients of one session, each created on first use: creating one takes longer than using it."""

    def __init__(self, *, for_threads: bool) -> None:
        self.session = Session(region_name=REGION)
        if for_threads:
            _one_call_at_a_time(self.session)

    @cached_property
    def dynamodb(self) -> DynamoDBServiceResource:
        return self.session.resource("dynamodb")

    @cached_property
    def tables(self) -> DynamoDBClient:
        return with_plain_values(self.session.client("dynamodb"))

    @cached_property
    def s3(self) -> S3Client:
        return self.session.client("s3")

    @cached_property
    def sns(self) -> SNSClient:
        return self.session.client("sns")

    @cached_property
    def sqs(self) -> SQSClient:
        return self.session.client("sqs")

    @cached_property
    def stepfunctions(self) -> SFNClient:
        return self.session.client("stepfunctions")

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        return self.session.client("secretsmanager")


@cache
def _clients(*, for_threads: bool) -> Clients:
    return Clients(for_threads=for_threads)


@dataclass(frozen=True)
class Stack:
    """Clients and names of one deployed stack."""

    clients: Clients
    topic_arn: str
    queue_url: str
    machine_arn: str
    secret_arn: str
    webhook_secret_arn: str = "arn:aws:secretsmanager:::secret:webhooks-1"
    notify_queue_url: str = f"https://sqs.{REGION}.amazonaws.com/123456789012/notify"
    notify_dead_letters_url: str = f"https://sqs.{REGION}.amazonaws.com/123456789012/notify-dead-letters"

    @property
    def dynamodb(self) -> DynamoDBServiceResource:
        return self.clients.dynamodb

    @property
    def tables(self) -> DynamoDBClient:
        """The client that the adapters use."""
        return self.clients.tables

    @property
    def s3(self) -> S3Client:
        return self.clients.s3

    @property
    def stepfunctions(self) -> SFNClient:
        return self.clients.stepfunctions

    @cached_property
    def videos(self) -> DynamoVideos:
        return DynamoVideos(self.tables, videos=VIDEOS, ledger=LEDGER)

    @cached_property
    def batches(self) -> DynamoBatches:
        return DynamoBatches(self.tables, LEDGER)

    @cached_property
    def pools(self) -> DynamoPools:
        return DynamoPools(self.tables, LEDGER)

    @cached_property
    def quotas(self) -> DynamoQuotas:
        return DynamoQuotas(self.tables, LEDGER)

    def write_keys(self, **keys: str) -> None:
        """Write the keys into the secret."""
        self.clients.secretsmanager.put_secret_value(SecretId=self.secret_arn, SecretString=json.dumps(keys))

    def notices(self) -> list[dict[str, Any]]:
        """Return the SNS envelopes that the topic's subscriber has received since the last call."""
        received: list[dict[str, Any]] = []
        while messages := self.clients.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                envelope = json.loads(message["Body"])
                event_schema.check(json.loads(envelope["Message"]))
                received.append(envelope)
                self.clients.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return received

    def executions(self) -> dict[str, dict[str, Any]]:
        """Return the inputs of all executions by name."""
        listed = self.stepfunctions.list_executions(stateMachineArn=self.machine_arn)["executions"]
        return {
            execution["name"]: json.loads(
                self.stepfunctions.describe_execution(executionArn=execution["executionArn"])["input"]
            )
            for execution in listed
        }

    def environment(self) -> dict[str, str]:
        """Return the environment that template.yaml gives the functions, all of them together."""
        return {
            "AWS_DEFAULT_REGION": REGION,
            "VIDEOS_TABLE": VIDEOS,
            "LEDGER_TABLE": LEDGER,
            "VIDEOS_BUCKET": BUCKET,
            "PROMPTS_BUCKET": PROMPTS,
            "INPUTS_BUCKET": INPUTS,
            "IMAGE_ORIGINS": "",
            "TOPIC_ARN": self.topic_arn,
            "STATE_MACHINE_ARN": self.machine_arn,
            "WAN_SECRET_ARN": self.secret_arn,
            "WEBHOOK_SECRET_ARN": self.webhook_secret_arn,
            "WEBHOOK_ORIGINS": "",
            "NOTIFY_QUEUE_URL": self.notify_queue_url,
            "NOTIFY_DEAD_LETTERS_URL": self.notify_dead_letters_url,
            "WAN_ENDPOINTS": "",
            "WAN_WORKSPACE_ID": "",
            "WAN_PRICES": "",
            "WAN_REGIONS": "singapore",
            "RESULT_HOSTS": "",
            "DEFAULT_MODEL": "wan2.6-t2v",
            "DEFAULT_SIZE": "1280x720",
            "DEFAULT_SECONDS": "5",
            "DEFAULT_REGION": "singapore",
            "LINK_SECONDS": "900",
            "THUMBNAILS": "enabled",
            "ON_AMBIGUOUS_SUBMIT": "hold",
            "RECONCILE_GRACE_SECONDS": "600",
            "DAILY_SECONDS": "3600",
            "RETENTION_DAYS": "0",
            "STARTS": "enabled",
            "FILE_UPLOADS_OWNER": "files",
            "INGEST_FUNCTION": "wan-video-ingest",
            "FINISH_BATCH_FUNCTION": "wan-video-finish-batch",
            "CLOCK": "",
            "LOG_LEVEL": "INFO",
            "POWERTOOLS_METRICS_NAMESPACE": "WanVideo",
        }


@contextmanager
def deployed(*, for_threads: bool = False) -> Iterator[Stack]:
    """Deploy a stack while the block runs. No call reaches AWS; servers on loopback can be reached.

    `for_threads` makes each call atomic, as it is in AWS: moto has no locks.
    """
    state, found = _built()
    with fake_aws(state):
        yield replace(found, clients=_clients(for_threads=for_threads))


@cache
def _built() -> tuple[bytes, Stack]:
    """Build the stack once in a process; every later one is a copy."""
    with fake_aws():
        clients = _clients(for_threads=False)
        create_tables(clients.dynamodb)
        for bucket in BUCKETS:
            clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        topic_arn = clients.sns.create_topic(Name="videos")["TopicArn"]
        stack = Stack(
            clients=clients,
            topic_arn=topic_arn,
            queue_url=_subscribed_queue(clients, topic_arn),
            machine_arn=_state_machine(clients),
            secret_arn=clients.secretsmanager.create_secret(Name="wan", SecretString="{}")["ARN"],
            webhook_secret_arn=clients.secretsmanager.create_secret(Name="webhooks", SecretString="a secret")["ARN"],
            notify_queue_url=clients.sqs.create_queue(QueueName="notify")["QueueUrl"],
            notify_dead_letters_url=clients.sqs.create_queue(QueueName="notify-dead-letters")["QueueUrl"],
        )
        return saved_state(), stack


def _one_call_at_a_time(session: Session) -> None:
    """Let only one thread at a time make a call."""
    lock = threading.Lock()

    def begin(**_: object) -> None:
        lock.acquire()

    def end(**_: object) -> None:
        lock.release()

    session.events.register("before-call", begin)
    session.events.register("after-call", end)
    session.events.register("after-call-error", end)


def _index(name: str, key: str, order: str = "listed") -> GlobalSecondaryIndexTypeDef:
    """Return an index of keys, in the order of a list."""
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}, {"AttributeName": order, "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


def create_tables(dynamodb: DynamoDBServiceResource) -> None:
    """Create the stack's tables."""
    client = dynamodb.meta.client
    client.create_table(
        TableName=VIDEOS,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "attention", "AttributeType": "S"},
            {"AttributeName": "updated_at", "AttributeType": "N"},
            {"AttributeName": "owner", "AttributeType": "S"},
            {"AttributeName": "created_at", "AttributeType": "N"},
            {"AttributeName": "owner_status", "AttributeType": "S"},
            {"AttributeName": "owner_status_model", "AttributeType": "S"},
            {"AttributeName": "listed", "AttributeType": "S"},
            {"AttributeName": "batch_status_model", "AttributeType": "S"},
            {"AttributeName": "batch_row", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_owner",
                "KeySchema": [
                    {"AttributeName": "owner", "KeyType": "HASH"},
                    {"AttributeName": "created_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            },
            _index("by_status", "owner_status"),
            _index("by_status_and_model", "owner_status_model"),
            _index("by_batch", "batch_status_model", "batch_row"),
            {
                "IndexName": "attention",
                "KeySchema": [
                    {"AttributeName": "attention", "KeyType": "HASH"},
                    {"AttributeName": "updated_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
    )
    client.create_table(
        TableName=LEDGER,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )


def _subscribed_queue(clients: Clients, topic_arn: str) -> str:
    sqs = clients.sqs
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    clients.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
    return url


def _state_machine(clients: Clients) -> str:
    return clients.stepfunctions.create_state_machine(
        name="generate_video", definition=json.dumps(NOTHING), roleArn="arn:aws:iam::123456789012:role/generate-video"
    )["stateMachineArn"]
