"""Find a deployed stack, whose outputs name its resources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wan_video_cli.errors import NotUsable, Refused, Unreachable

if TYPE_CHECKING:
    from boto3.session import Session

_LOOK: Final = "Set AWS_PROFILE and AWS_REGION as for `sam deploy`, and --stack if it has another name."


def session() -> Session:
    """Create a session with the credentials and region that boto3 finds; `AWS_ENDPOINT_URL` selects a local stack.

    `AWS_REGION` takes precedence, as in the AWS CLI; boto3 itself reads only `AWS_DEFAULT_REGION`.
    """
    from boto3.session import Session

    return Session(region_name=os.environ.get("AWS_REGION") or None)


@contextmanager
def converted_errors(stack: str) -> Iterator[None]:
    """Convert boto3's errors to NotUsable (no credentials or region), Refused (by AWS) or Unreachable."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, ProfileNotFound

    try:
        yield
    except (NoCredentialsError, NoRegionError, ProfileNotFound) as error:
        raise NotUsable(f"The stack {stack!r} cannot be found: {error}", _LOOK) from None
    except ClientError as error:
        raise Refused(f"The stack {stack!r} cannot be used: {error}", _LOOK) from None
    except BotoCoreError as error:
        raise Unreachable(f"The stack {stack!r} cannot be reached: {error}", _LOOK) from None


def output(aws: Session, stack: str, name: str) -> str:
    """Return one output of a stack. Raises NotUsable for another kind of stack, and boto3's errors."""
    described = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    for item in described.get("Outputs", []):
        if item["OutputKey"] == name:
            return item["OutputValue"]
    raise NotUsable(
        f"The stack {stack!r} has no output {name}.", "Is it a Wan Video stack? Deploy it again to bring it up to date."
    )
