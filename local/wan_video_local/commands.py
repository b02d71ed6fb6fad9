"""The commands behind `make run`, `make up` and `make down`."""

import fcntl
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region
from wan_video.domain.price import Estimate
from wan_video.errors import InvalidRequest, PromptFileRefused
from wan_video.wire.prompt_file import parse
from wan_video_local import running
from wan_video_local.client import RequestRefusedError, TooSlowError
from wan_video_local.log import RunLog
from wan_video_local.money import money
from wan_video_local.notices import NoNoticeError
from wan_video_local.quote import quote, quote_rows
from wan_video_local.run import Made, VideoNotMadeError, make_video, run
from wan_video_local.run_file import MadeOfFile, NoReportError, RowsNotMadeError, make_videos, read_file
from wan_video_local.running import Running
from wan_video_local.sam import Sam, SamError
from wan_video_local.screen import Screen
from wan_video_local.servers import ServerError
from wan_video_local.settings import SettingError, Settings, read_settings
from wan_video_local.stack import PROJECT, SIMULATED_REGIONS, SIMULATED_WORKSPACE, WORK, LocalStack, Plan, Stack

RECORD = WORK / "stack.json"
TEMPLATE = PROJECT / "template.yaml"
COMMAND = ".venv/bin/wan-video"
PLAIN_ERRORS = (
    SettingError,
    RequestRefusedError,
    VideoNotMadeError,
    RowsNotMadeError,
    InvalidRequest,
    PromptFileRefused,
)
"""Errors whose message is complete, so that the log would add nothing."""

NAMED_ERRORS = (ServerError, SamError, TooSlowError, NoNoticeError, NoReportError)
"""Errors whose cause is already in the log."""


class DeclinedError(SettingError):
    """Raised when the user did not agree to pay."""


def run_command(verb: str) -> int:
    """Run one command and return its exit code. Raises KeyboardInterrupt."""
    command = {"run": _run, "up": _up, "down": _down}[verb]
    with RunLog(WORK / f"{verb}.log") as log:
        try:
            with Screen() as screen:
                command(screen, log)
        except PLAIN_ERRORS as error:
            print(error, file=sys.stderr)
            return 1
        except Exception as error:  # noqa: BLE001  # for any error the user gets a sentence and the end of the log
            if not isinstance(error, NAMED_ERRORS):
                log.file.write(traceback.format_exc().encode())
            print(f"{error}\nThe end of {log.path.relative_to(PROJECT)}:\n{log.tail()}", file=sys.stderr)
            return 1
    return 0


def _run(screen: Screen, log: RunLog) -> None:
    settings = read_settings(os.environ)
    # A request that the stack would refuse is refused here, before anything is started or paid.
    price, work = _make_all(settings, screen) if settings.file else _make_one(settings, screen)
    if settings.wan:
        _ask_to_pay(settings, price, screen)
    elif reusable := _reusable(settings, log):
        screen.stage(f"using the stack that `make up` left running at {reusable.api_url}")
        work(reusable).summarise(screen)
        return
    run(settings, screen, log, work).summarise(screen)


Job = tuple[Estimate, Callable[[Stack], Made | MadeOfFile]]
"""What a run would cost at the real service, and how it uses a running stack."""


def _make_one(settings: Settings, screen: Screen) -> Job:
    price = quote(TEMPLATE, settings.request, _regions(settings), _workspace(settings))
    return price, lambda stack: make_video(stack, settings.request, screen, _base_url(settings))


def _make_all(settings: Settings, screen: Screen) -> Job:
    assert settings.file
    try:
        file = read_file(settings.file, settings.request)
    except OSError as error:
        raise SettingError(f"FILE={settings.file} cannot be read: {error.strerror}.") from None
    price = quote_rows(TEMPLATE, parse(file, file.chunks()), _regions(settings), _workspace(settings))
    return price, lambda stack: make_videos(stack, file, screen)


def _regions(settings: Settings) -> Sequence[str]:
    return [settings.wan] if settings.wan else SIMULATED_REGIONS


def _workspace(settings: Settings) -> str:
    return settings.workspace if settings.wan else SIMULATED_WORKSPACE


def _base_url(settings: Settings) -> str:
    """The base URL of the real service, as the stack asks it for this request; empty for the simulator."""
    if not settings.wan:
        return ""
    model = settings.request.get("model")
    endpoints = Endpoints(workspace=settings.workspace)
    return endpoints.base_url(Region(settings.wan), None if model is None else str(model)) or ""


def _up(screen: Screen, log: RunLog) -> None:
    settings = read_settings(os.environ)
    if settings.wan:
        raise SettingError("`make up` works only with the simulator; omit WAN.")
    with _alone(screen):
        _show(_started(settings, screen, log), screen)


def _started(settings: Settings, screen: Screen, log: RunLog) -> Stack:
    """Start the stack of this checkout unless it is already running."""
    found = running.load(RECORD)
    if found and found.is_alive():
        screen.say("It is already running; `make down` stops it.")
        return found.stack
    if found:
        found.end()
    with LocalStack(Plan(speed=settings.speed), log.file, screen.stage) as local:
        screen.now("starting the AWS engine, building and deploying template.yaml")
        stack = local.start()
        guards = [server.record for server in local.servers]
        running.save(Running(stack, Sam(PROJECT, WORK, log.file).fingerprint(), guards), RECORD)
        local.detach()
    return stack


def _down(screen: Screen, log: RunLog) -> None:
    with _alone(screen):
        found = running.load(RECORD)
        if found is None:
            screen.say("Nothing is running.")
            return
        screen.now("stopping the local stack")
        found.end()
        RECORD.unlink()
        screen.say("The local stack has stopped.")


def _reusable(settings: Settings, log: RunLog) -> Stack | None:
    """Return the stack of `make up` if it is running at this speed and was built from the current sources."""
    found = running.load(RECORD)
    if found is None or not found.is_alive() or found.stack.speed != settings.speed:
        return None
    return found.stack if found.fingerprint == Sam(PROJECT, WORK, log.file).fingerprint() else None


def _ask_to_pay(settings: Settings, price: Estimate, screen: Screen) -> None:
    screen.say(f"This requests {price.seconds} s of video from the real service in {settings.wan}: {_in_words(price)}.")
    if settings.confirmed:
        return
    if not sys.stdin.isatty():
        raise DeclinedError("No terminal is connected to confirm this; set CONFIRM=yes.")
    with screen.paused():
        if input("Pay that? Type yes: ").strip() != "yes":
            raise DeclinedError("The real service was not called.")


def _in_words(price: Estimate) -> str:
    if price.price is None:
        return "its price is not known"
    source = "by a third party's statement of" if price.unconfirmed else "by the price list of"
    return f"{money(price.price, price.currency)} {source} {price.priced_on}"


def _show(stack: Stack, screen: Screen) -> None:
    """Print all addresses, the variables to set, and example calls with the command and with curl."""
    curl, videos = "curl --fail-with-body", "$WAN_VIDEO_API_URL/v1/videos"
    bearer = '-H "Authorization: Bearer $WAN_VIDEO_TOKEN"'
    for line in (
        "",
        f"  AWS        {stack.engine_url} (AWS_ENDPOINT_URL; any credentials, region us-east-1)",
        f"  Simulator  {stack.simulator_url}",
        f"  Console    {stack.api_url}/ (sign in with the token below)",
        "",
        f"export WAN_VIDEO_API_URL={stack.api_url}",
        f"export WAN_VIDEO_TOKEN={stack.token}",
        "",
        f'{COMMAND} generate "a fox in a trench coat reads a case file" --wait --download .',
        "",
        f"{curl} -s {videos} {bearer} -H 'Content-Type: application/json' -d '{{\"prompt\": \"a fox reads\"}}'",
        f"{curl} -s {videos}/VIDEO_ID {bearer}",
        f"{curl} -sL {videos}/VIDEO_ID/content {bearer} -o fox.mp4",
    ):
        screen.say(line)


@contextmanager
def _alone(screen: Screen) -> Iterator[None]:
    """Let one `make up` or `make down` of this checkout run at a time: two at once would each start a stack."""
    WORK.mkdir(exist_ok=True)
    with (WORK / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            screen.say("Another `make up` or `make down` is running here; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
