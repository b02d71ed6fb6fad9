"""The clients of AWS's services.

boto3 is imported here and nowhere at the top of a module, and one session serves every client. They are clients and no
resources: those load a second description of each service, and would convert each item twice.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from botocore.session import Session as Core
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


@cache
def core() -> Core:
    """Return the basis of boto3's session: descriptions of AWS's services, and events."""
    from botocore.session import Session

    return Session()


@cache
def session() -> Session:
    """Return the session that creates the clients."""
    from boto3.session import Session

    return Session(botocore_session=core())


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
    leave_attributes_to_us(core())
    return with_plain_values(session().client("dynamodb", config=unchecked))


@cache
def s3() -> S3Client:
    """S3, whose answers may be long."""
    from botocore.config import Config

    ours = Config(
        signature_version="s3v4",
        # The bucket's own regional name: a link over the global one is redirected while a bucket is young.
        s3={"addressing_style": "virtual"},
        # The transfer states its own checksums; boto3 must not add a CRC-32 beside them.
        request_checksum_calculation="when_required",
        connect_timeout=5,
        read_timeout=20,
    )
    return session().client("s3", config=config().merge(ours))
