"""`wan-video doctor`: checks a deployed stack with AWS credentials, for nothing, and says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from wan_video_cli import options
from wan_video_cli.commands import App
from wan_video_cli.errors import ExitCode, Refused, Unreachable
from wan_video_cli.token import StackOption

if TYPE_CHECKING:
    from wan_video_cli.checks import Check, Deployment, Finding

PANEL: Final = "Your stack"
NAME_WIDTH: Final = 24
STATE_WIDTH: Final = 9
COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}

app = App()


@app.command(rich_help_panel=PANEL)
def doctor(
    stack: StackOption = "wan-video",
    as_json: options.JsonOption = False,
) -> None:
    """Check a deployed stack with your AWS credentials and say what to do; it costs nothing.

    Ends with 1 if a check failed.
    """
    from wan_video_cli.checks import Deployment, State
    from wan_video_cli.screen import emit
    from wan_video_cli.stack import session

    findings: list[Finding] = []
    for finding in _findings(Deployment(stack, session())):
        findings.append(finding)
        if not as_json:
            _show(finding)
    failed = sum(one.state is State.FAILED for one in findings)
    if as_json:
        emit({"stack": stack, "healthy": not failed, "checks": [one.document for one in findings]})
    else:
        _sum_up(findings)
    if failed:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _findings(deployment: Deployment) -> Iterator[Finding]:
    """What every check finds, one after another; raises NotUsable where there are no credentials or no region."""
    from wan_video_cli.checks import Finding, State, examined
    from wan_video_cli.stack import told

    try:
        with told(deployment.stack):
            _ = deployment.described, deployment.resources
    except (Refused, Unreachable) as error:
        yield Finding("stack", State.FAILED, error.what, error.remedy)
        return
    for name, check in _checks(deployment):
        yield examined(name, check)


def _checks(deployment: Deployment) -> Iterator[tuple[str, Check]]:
    """The checks of a stack that is there, in the order in which they are made."""
    from wan_video_cli.checks import flow, stack, wan

    yield "stack", partial(stack.status, deployment)
    yield "outputs", partial(stack.outputs, deployment)
    yield "parameters", partial(stack.parameters, deployment, Path.cwd())
    for region in deployment.regions():
        yield f"wan key {region}", partial(wan.key, deployment, region)
        yield f"wan quota {region}", partial(wan.quota, deployment, region)
    yield "concurrency", partial(flow.concurrency, deployment)
    yield "schedules", partial(flow.schedules, deployment)
    yield "rules", partial(flow.rules, deployment)
    yield "streams", partial(flow.mappings, deployment)
    yield "dead letters", partial(flow.dead_letters, deployment)
    yield "alarms", partial(flow.alarms, deployment)
    for bucket in flow.CORS:
        yield f"cors of {bucket}", partial(flow.cors, deployment, bucket)
    yield "prompt files", partial(flow.prompt_files, deployment)


def _show(finding: Finding) -> None:
    """Print a finding: a line for what it found, and below it what to do."""
    from rich.text import Text

    from wan_video_cli.screen import results
    from wan_video_cli.words import printable

    console = results()
    head = Text(f"{finding.state:<{STATE_WIDTH}}", style=COLOURS[finding.state]) + Text(f"{finding.name:<{NAME_WIDTH}}")
    console.print(head + Text(printable(finding.what)))
    if finding.remedy:
        console.print(Text(" " * (STATE_WIDTH + NAME_WIDTH) + printable(finding.remedy)))


def _sum_up(findings: Sequence[Finding]) -> None:
    from wan_video_cli.checks import State
    from wan_video_cli.screen import say

    counts = {state: sum(one.state is state for one in findings) for state in State}
    say(", ".join(f"{count} {state}" for state, count in counts.items() if count) + ".")
