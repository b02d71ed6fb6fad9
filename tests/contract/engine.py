"""Parts of a stack for the engine's contract tests, and the two engines that they use."""

from __future__ import annotations

import io
import json
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.harness.patience import PATIENCE
from wan_video_local.aws import Aws
from wan_video_local.engine import HEALTH_PATH
from wan_video_local.servers import Server

ROLE = "arn:aws:iam::000000000000:role/test"
RUNTIME: Any = f"python{sys.version_info.major}.{sys.version_info.minor}"


@contextmanager
def running_engine(log: Path, *options: str) -> Iterator[Aws]:
    """Run an engine at a hundred times real time during the block."""
    command = [sys.executable, "-m", "wan_video_local.engine", "--speed", "100", *options]
    with log.open("wb") as file, Server("engine", command, file) as server:
        yield Aws(server.await_url(HEALTH_PATH))


def add_function(aws: Aws, name: str, source: str) -> str:
    """Deploy a one-file function with a `handler`, and return its ARN."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        # The time is fixed, so that the same source gives the same archive.
        file.writestr(zipfile.ZipInfo("code.py"), textwrap.dedent(source))
    return aws.functions.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="code.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=int(PATIENCE),
    )["FunctionArn"]


def invoke(aws: Aws, name: str) -> Any:
    """Return the answer of a function, or its error."""
    return json.loads(aws.functions.invoke(FunctionName=name, Payload=b"{}")["Payload"].read())


def add_queue(aws: Aws, name: str) -> tuple[str, str]:
    """Create a queue, and return its URL and ARN."""
    url = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def deploy(aws: Aws, name: str, template: dict[str, Any]) -> None:
    """Create a stack and wait until it is complete."""
    aws.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    aws.cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
    )
