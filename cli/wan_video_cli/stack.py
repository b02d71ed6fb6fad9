"""Finds a deployed stack: the names of its resources are its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wan_video_cli.errors import NotUsable, Refused, Unreachable

if TYPE_CHECKING:
    from boto3.session import Session

_LOOK: Final = "Set AWS_PROFILE and AWS_REGION as for `sam deploy`, and --stack if it has another name."


def session() -> Session:
    """AWS credentials and region as boto3 finds them; `AWS_ENDPOINT_URL` points it at a local stack."""
    from boto3.session import Session

    return Session()


def output(aws: Session, stack: str, name: str) -> str:
    """One output of a stack. Raises Refused and Unreachable where it cannot be read, NotUsable for another kind."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        described = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        raise Refused(f"The stack {stack!r} cannot be read: {error}", _LOOK) from None
    except BotoCoreError as error:
        raise Unreachable(f"The stack {stack!r} cannot be read: {error}", _LOOK) from None
    for item in described.get("Outputs", []):
        if item["OutputKey"] == name:
            return item["OutputValue"]
    raise NotUsable(
        f"The stack {stack!r} has no output {name}.", "Is it a Wan Video stack? Deploy it again to bring it up to date."
    )
