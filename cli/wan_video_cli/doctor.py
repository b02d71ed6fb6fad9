"""The command `wan-video doctor`: check a deployed stack with AWS credentials, at no cost, and say what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wan_video_cli import options
from wan_video_cli.commands import App
from wan_video_cli.errors import ExitCode, NotUsable, Refused, Unreachable
from wan_video_cli.settings import API_URL, LOG_IN, check_url, resolve
from wan_video_cli.token import StackOption

if TYPE_CHECKING:
    from wan_video_cli.checks import Check, Deployment, Finding
    from wan_video_cli.checks.probe import Probe

PANEL: Final = "Your stack"
NAME_WIDTH: Final = 24
STATE_WIDTH: Final = 9
COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}

app = App()


@app.command(rich_help_panel=PANEL)
def doctor(
    video: Annotated[bool, typer.Option("--video", help="Then make the cheapest video, which is billed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a video is made.")] = False,
    stack: StackOption = "wan-video",
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Check a deployed stack with your AWS credentials and say what to do; it costs nothing.

    Ends with 1 if a check failed.
    """
    from wan_video_cli.checks import Deployment, State
    from wan_video_cli.screen import emit
    from wan_video_cli.stack import session

    if video and not yes and not sys.stdin.isatty():
        raise NotUsable("--video asks before it pays, and standard input is no terminal.", "Say --yes as well.")
    findings: list[Finding] = []
    with closing(_findings(Deployment(stack, session()), profile, api_url)) as found:
        for finding in found:
            findings.append(finding)
            if not as_json:
                show(finding)
    if video:
        made = _video(findings, profile, api_url, yes=yes)
        findings.append(made)
        if not as_json:
            show(made)
    failed = sum(one.state is State.FAILED for one in findings)
    if as_json:
        emit({"stack": stack, "healthy": not failed, "checks": [one.document for one in findings]})
    else:
        _sum_up(findings)
    if failed:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _findings(deployment: Deployment, profile: str | None, api_url: str | None) -> Generator[Finding]:
    """Run the checks one after another and yield their findings; raises NotUsable for wrong options or settings."""
    from wan_video_cli.checks import Finding, State, examined
    from wan_video_cli.stack import converted_errors

    _address(profile, api_url, "")  # Wrong options and settings are reported before the first check.
    try:
        with converted_errors(deployment.stack):
            _ = deployment.described, deployment.resources
    except (Refused, Unreachable) as error:
        yield Finding("stack", State.FAILED, error.what, error.remedy)
        return
    for name, check in _checks(deployment):
        yield examined(name, check)
    yield from _from_outside(deployment, profile, api_url)


def _from_outside(deployment: Deployment, profile: str | None, api_url: str | None) -> Generator[Finding]:
    """Run the checks that call the API: with your token, and with a temporary one that is always revoked."""
    from wan_video_cli.api import Api
    from wan_video_cli.checks import Finding, State, api, examined
    from wan_video_cli.checks.probe import Probe
    from wan_video_cli.screen import say
    from wan_video_cli.settings import Settings

    url = _address(profile, api_url, deployment.outputs.get("ApiUrl", ""))
    if not url:
        yield Finding("api", State.SKIPPED, "The address is not known: the stack has no output ApiUrl.")
        return
    reached = examined("api", partial(api.address, url))
    yield reached
    if reached.state is State.FAILED:
        return
    yield examined("token", partial(_token, profile, url))
    probe = Probe(deployment, lambda token: Api(Settings(url, token, "the probe")))
    opened = None
    try:
        opened = examined("probe token", probe.open)
        yield opened
        if opened.state is State.OK:
            yield examined("dry run", probe.dry_run)
            yield examined("prices", lambda: api.prices(probe.models(), datetime.now(UTC).date()))
            yield from _limits(deployment, probe)
            yield examined("live probe", probe.live)
    finally:
        closed = examined("probe clean-up", probe.close)
        if closed.state is not State.OK:
            revoke = f"`wan-video token revoke {probe.token_id}` revokes the temporary token."
            closed = replace(closed, state=State.FAILED, remedy=" ".join(filter(None, (closed.remedy, revoke))))
            if sys.exc_info()[0] is not None:
                say(f"{closed.what} {closed.remedy}")
    # If AWS did not allow storing the token, there is none to revoke.
    if probe.stored or opened.state is not State.SKIPPED:
        yield closed


def _limits(deployment: Deployment, probe: Probe) -> Iterator[Finding]:
    """Report what the stack has read from Wan about its limits and models."""
    from wan_video_cli.checks import examined, limits

    def quota(region: str) -> Finding:
        return limits.quota(deployment, probe.models(), region)

    for region in deployment.regions():
        yield examined(f"wan quota {region}", partial(quota, region))
    yield examined("wan quotas", lambda: limits.overrides(deployment, probe.models()))
    yield examined("retirements", lambda: limits.retirements(deployment, probe.models()))


def _address(profile: str | None, api_url: str | None, output: str) -> str:
    """Return the address of the API: from the options and settings, or else the stack's output."""
    if profile:
        return resolve(options.profiles(), os.environ, api_url=api_url, profile=profile).api_url
    given = api_url or os.environ.get(API_URL) or output
    return check_url(given) if given else ""


def _token(profile: str | None, url: str) -> Finding:
    from wan_video_cli.api import Api
    from wan_video_cli.checks import Finding, State, api

    try:
        settings = resolve(options.profiles(), os.environ, api_url=url, profile=profile)
    except NotUsable as error:
        return Finding("token", State.SKIPPED, f"You are not logged in to this API: {error.what}", LOG_IN)
    with Api(settings) as opened:
        return api.token(opened)


def _video(findings: Sequence[Finding], profile: str | None, api_url: str | None, *, yes: bool) -> Finding:
    """Make the cheapest video, unless something has failed."""
    from wan_video_cli.checks import Finding, State, api, examined

    if any(one.state is State.FAILED for one in findings):
        return Finding(
            "video", State.SKIPPED, "No video is made while a check fails.", "Fix what failed, then try again."
        )

    def agrees(what: str) -> bool:
        try:
            return yes or typer.confirm(f"Make a video for {what}?", err=True)
        except typer.Abort:
            raise KeyboardInterrupt from None

    def make() -> Finding:
        with options.open_api(profile, api_url) as opened:
            return api.video(opened, agrees)

    return examined("video", make)


def _checks(deployment: Deployment) -> Iterator[tuple[str, Check]]:
    """List the checks of an existing stack in the order in which they run."""
    from wan_video_cli.checks import flow, rights, stack, wan

    yield "stack", partial(stack.status, deployment)
    yield "outputs", partial(stack.outputs, deployment)
    yield "parameters", partial(stack.parameters, deployment, Path.cwd())
    for region in deployment.regions():
        yield f"wan key {region}", partial(wan.key, deployment, region)
        if wan.workspace_url(deployment, region):
            yield f"wan workspace {region}", partial(wan.workspace_key, deployment, region)
    yield "concurrency", partial(flow.concurrency, deployment)
    yield "schedules", partial(flow.schedules, deployment)
    yield "rules", partial(flow.rules, deployment)
    yield "streams", partial(flow.mappings, deployment)
    yield "dead letters", partial(flow.dead_letters, deployment)
    yield "alarms", partial(flow.alarms, deployment)
    for bucket in flow.CORS:
        yield f"cors of {bucket}", partial(flow.cors, deployment, bucket)
    yield "prompt files", partial(flow.prompt_files, deployment)
    yield "rights", partial(rights.simulated, deployment)


def show(finding: Finding) -> None:
    """Print a finding: one line, and what to do below it; on a terminal both wrap between words."""
    from rich.text import Text

    from wan_video_cli.screen import MIN_WIDTH, results
    from wan_video_cli.words import printable

    console = results()
    indent = STATE_WIDTH + NAME_WIDTH
    lines = [Text(printable(text)) for text in (finding.what, finding.remedy) if text]
    if console.is_terminal:
        lines = [part for line in lines for part in line.wrap(console, max(MIN_WIDTH, console.width - indent))]
    state = (f"{finding.state:<{STATE_WIDTH}}", COLOURS[finding.state])
    head = Text.assemble(state, f"{finding.name:<{NAME_WIDTH}}")
    for at, line in enumerate(lines):
        console.print((Text(" " * indent) if at else head) + line)


def _sum_up(findings: Sequence[Finding]) -> None:
    from wan_video_cli.checks import State
    from wan_video_cli.screen import say

    counts = {state: sum(one.state is state for one in findings) for state in State}
    say(", ".join(f"{count} {state}" for state, count in counts.items() if count) + ".")
