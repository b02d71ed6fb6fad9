"""The records of a running stack: the functions' logs and the executions' histories."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from wan_video_local.aws import Aws
from wan_video_local.stack import Stack


def function_logs(aws: Aws) -> Iterator[tuple[str, str]]:
    """Yield every line of the functions' logs as (log group, line), group by group and in order."""
    for name in _log_groups(aws):
        yield from ((name, line) for line in _lines(aws, name))


def logs_of(aws: Aws, logical_id: str) -> Iterator[str]:
    """Yield every line that one function has logged, in order."""
    for name in _log_groups(aws):
        if function_of(name) == logical_id:
            yield from _lines(aws, name)


def _log_groups(aws: Aws) -> Iterator[str]:
    for page in aws.logs.get_paginator("describe_log_groups").paginate():
        yield from (group["logGroupName"] for group in page["logGroups"])


def _lines(aws: Aws, group: str) -> Iterator[str]:
    for page in aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        yield from (event["message"].rstrip("\n") for event in page["events"])


def function_of(group: str) -> str:
    """The logical id of the function of a log group: `Deliver` of `/aws/cloudformation/<stack>/DeliverLogs`."""
    return group.rpartition("/")[2].removesuffix("Logs")


def copy_function_logs(stack: Stack, log: IO[bytes]) -> None:
    """Append every line the functions have logged to a file."""
    for group, line in function_logs(stack.aws):
        log.write(f"[{group}] {line}\n".encode())


def execution(aws: Aws, machine_arn: str, name: str) -> dict[str, Any]:
    """Return DescribeExecution's answer for an execution by name. Raises the engine's ExecutionDoesNotExist."""
    arn = machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"
    return dict(aws.states.describe_execution(executionArn=arn))


def history(aws: Aws, execution_arn: str) -> list[dict[str, Any]]:
    """The events of one execution, first to last."""
    pages = aws.states.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    return [dict(event) for page in pages for event in page["events"]]


@dataclass(frozen=True)
class Execution:
    """One execution with everything it has written."""

    arn: str
    name: str
    status: str
    input: str
    events: Sequence[Mapping[str, Any]]


def executions(aws: Aws, machine_arn: str, beginning: str) -> Iterator[Execution]:
    """List the executions of one machine whose names have a prefix."""
    for page in aws.states.get_paginator("list_executions").paginate(stateMachineArn=machine_arn):
        for listed in page["executions"]:
            if listed["name"].startswith(beginning):
                arn = listed["executionArn"]
                described = aws.states.describe_execution(executionArn=arn)
                yield Execution(arn, described["name"], described["status"], described["input"], history(aws, arn))


def histories(aws: Aws, machine_arn: str) -> Iterator[str]:
    """The history of every execution of one machine, each as one JSON text."""
    for page in aws.states.get_paginator("list_executions").paginate(stateMachineArn=machine_arn):
        for listed in page["executions"]:
            yield json.dumps(history(aws, listed["executionArn"]), default=str, ensure_ascii=False)
