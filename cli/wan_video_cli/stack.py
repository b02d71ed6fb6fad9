"""Finds a deployed stack: the names of its resources are its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from boto3.session import Session


def session() -> Session:
    """AWS credentials and region as boto3 finds them; `AWS_ENDPOINT_URL` points it at a local stack."""
    from boto3.session import Session

    return Session()


def output(aws: Session, stack: str, name: str) -> str:
    """One output of a stack; ends the command with what to do where the stack cannot be read."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        described = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        fail(
            f"The stack {stack!r} cannot be read: {error}",
            "Set AWS_PROFILE and AWS_REGION as for `sam deploy`, and --stack if it has another name.",
        )
    for item in described.get("Outputs", []):
        if item["OutputKey"] == name:
            return item["OutputValue"]
    fail(
        f"The stack {stack!r} has no output {name}.", "Is it a Wan Video stack? Deploy it again to bring it up to date."
    )
    return None


def fail(what: str, remedy: str) -> NoReturn:
    """Say what went wrong and what to do, and end with exit code 1."""
    typer.echo(f"{what}\n{remedy}", err=True)
    raise typer.Exit(1)
