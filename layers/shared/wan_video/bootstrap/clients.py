"""The clients of AWS's services, each created when it is first used.

botocore is imported here and nowhere at the top of a module, and one session serves every client. boto3 would add
resources and transfers, which nothing here uses, at a tenth of the time of a cold start.

The build of the layer reads this package for calls of `create_client` and ships the descriptions of those services
only, so each call names its service literally (layers/shared/build_layer.py). Of a service, it ships the operations
that the package names.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


@cache
def session() -> Session:
    """Return the session that creates the clients: descriptions of AWS's services, credentials and events."""
    from botocore.session import Session

    session = Session()
    session.register("getattr", _unknown)
    return session


def _unknown(**event: Any) -> NoReturn:
    """Raise AttributeError for an attribute that a client does not have: the event is getattr.<service>.<name>."""
    _, service, name = event["event_name"].split(".", 2)
    raise AttributeError(
        f"The client of {service} has no attribute {name!r}. The layer describes only the operations that wan_video "
        "names, as methods or in full as texts (layers/shared/build_layer.py)."
    )


@cache
def config() -> Config:
    """Return timeouts far below those of the functions, so that code, and not Lambda, handles a dead connection."""
    from botocore.config import Config

    return Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})


@cache
def dynamodb() -> DynamoDBClient:
    """DynamoDB, with plain values."""
    from botocore.config import Config

    from wan_video.adapters.dynamodb.plain_values import leave_attributes_to_us, with_plain_values

    # What is written here is typed, and DynamoDB checks it again: a second look would cost as much as the writing.
    unchecked = config().merge(Config(parameter_validation=False))
    leave_attributes_to_us(session())
    return with_plain_values(cast("DynamoDBClient", session().create_client("dynamodb", config=unchecked)))


@cache
def s3() -> S3Client:
    """S3, whose answers may be long."""
    from botocore.config import Config

    ours = Config(
        signature_version="s3v4",
        # The bucket's own regional name: a link over the global one is redirected while a bucket is young.
        s3={"addressing_style": "virtual"},
        # The transfer states its own checksums; botocore must not add a CRC-32 beside them.
        request_checksum_calculation="when_required",
        connect_timeout=5,
        read_timeout=20,
    )
    return cast("S3Client", session().create_client("s3", config=config().merge(ours)))


@cache
def secretsmanager() -> SecretsManagerClient:
    """Secrets Manager."""
    return cast("SecretsManagerClient", session().create_client("secretsmanager", config=config()))


@cache
def sns() -> SNSClient:
    """SNS."""
    return cast("SNSClient", session().create_client("sns", config=config()))


@cache
def sqs() -> SQSClient:
    """SQS."""
    return cast("SQSClient", session().create_client("sqs", config=config()))


@cache
def stepfunctions() -> SFNClient:
    """Step Functions."""
    return cast("SFNClient", session().create_client("stepfunctions", config=config()))


@cache
def functions() -> LambdaClient:
    """Lambda."""
    return cast("LambdaClient", session().create_client("lambda", config=config()))
