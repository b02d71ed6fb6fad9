"""`make run`: one prompt through the whole stack on this machine, to an MP4 in `out/`."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wan_video_local.client import Client, Video
from wan_video_local.evidence import copy_function_logs
from wan_video_local.film import draw_contact_sheet, measure
from wan_video_local.log import RunLog
from wan_video_local.money import UNKNOWN, money, pace
from wan_video_local.money import paid as money_paid
from wan_video_local.notices import Event, Notices
from wan_video_local.screen import Screen
from wan_video_local.settings import Settings
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import PROJECT, LocalStack, Plan, Stack
from wan_video_local.waiting import Waiting

T = TypeVar("T")

OUT = PROJECT / "out"
NOTICE_SECONDS = 30.0
"""Real seconds by which a notice may arrive after the final status."""


class VideoNotMadeError(Exception):
    """Raised when the video ended without content; `error` is the stack's error."""

    def __init__(self, video: Video) -> None:
        error: Mapping[str, Any] = video["error"] or {"code": video["status"], "message": "no reason was given"}
        super().__init__(f"Video {video['id']} {video['status']}: {error['code']}: {error['message']}")
        self.error = error


@dataclass(frozen=True)
class Made:
    """A finished run: the video, the notice about it, where the file is, and the tasks the simulator billed."""

    video: Video
    event: Event
    path: Path
    billed: int
    simulated: bool
    speed: float

    def summarise(self, screen: Screen) -> None:
        """Print what was made; the very last line is the MP4's path."""
        film = measure(self.path)
        paid = self.video["usage"] or self.video["estimate"]
        price = money(paid["price"], paid["currency"]) if paid else UNKNOWN
        sound = film.audio_codec.upper() or "silent"
        lines = {
            "size": f"{film.width}x{film.height}, {film.video_codec.upper()}, {film.fps:g} frames a second, {sound}",
            "length": f"{film.seconds:.1f} s",
            "bytes": f"{self.path.stat().st_size:,}",
            "price": money_paid(price, simulated=self.simulated),
            "time": pace(self.speed),
            "notice": f"{self.event['type']} {self.event['id']}, from the topic through a subscribed queue",
            "beside": "the same name with .json (the Video) and .png (a contact sheet)",
        }
        screen.say()
        for name, value in lines.items():
            screen.say(f"  {name:<8}{value}")
        if self.simulated:
            screen.say(f"  Wan tasks billed: {self.billed}")
        screen.say(str(self.path))


def run(settings: Settings, screen: Screen, log: RunLog, work: Callable[[Stack], T]) -> T:
    """Start a stack, use it, and stop it. Raises the errors of each step."""
    plan = Plan(speed=settings.speed, wan=settings.wan, wan_key=settings.wan_key, workspace=settings.workspace)
    with LocalStack(plan, log.file, screen.stage) as local:
        screen.now("starting the AWS engine, building and deploying template.yaml")
        stack = local.start()
        try:
            return work(stack)
        finally:
            copy_function_logs(stack, log.file)


def make_video(stack: Stack, request: Mapping[str, str | int], screen: Screen, base_url: str = "") -> Made:
    """Send one request to the API of a running stack and save the results.

    `base_url` is that of the real service. Raises PaidTaskLeft if it is stopped after Wan may have begun.
    """
    client = Client(stack.api_url, stack.token)
    notices = Notices(stack.aws, stack.outputs["TopicArn"], f"run-{secrets.token_hex(4)}")
    billed_before = billed_tasks(stack)
    screen.now("requesting the video")
    accepted = client.create(request)
    video_id: str = accepted["id"]
    shape = accepted["size"] or f"{accepted['resolution']} {accepted['aspect_ratio']}"
    length = "any length" if accepted["seconds"] == "-1" else f"{accepted['seconds']} s"
    screen.stage(f"POST /v1/videos: {video_id} ({accepted['model']}, {shape}, {length})")

    waiting = Waiting(screen, base_url)
    try:
        video = client.await_final(video_id, within=patience(stack), watch=waiting.seen)
    except KeyboardInterrupt:
        raise waiting.stopped(video_id) from None
    took = video["completed_at"] - video["created_at"] if video["completed_at"] else None
    screen.stage(video["status"] + (f" after {took:.0f} s on the stack's clock" if took else ""))
    screen.now("receiving the notice, and the video")
    event = notices.await_about(video_id, within=NOTICE_SECONDS)
    screen.stage(f"notice {event['type']} received through SNS and SQS")
    if video["status"] != "completed":
        raise VideoNotMadeError(video)
    path = save(client, video, OUT)
    screen.stage("downloaded through GET /v1/videos/{id}/content")
    return Made(
        video,
        event,
        path,
        billed=billed_tasks(stack) - billed_before,
        simulated=bool(stack.simulator_url),
        speed=stack.speed,
    )


def save(client: Client, video: Video, folder: Path) -> Path:
    """Save a completed video as an MP4 in a folder, with its description and a contact sheet beside it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{video['id']}.mp4"
    client.download(video["id"], path)
    path.with_suffix(".json").write_text(json.dumps(video, indent=2, ensure_ascii=False) + "\n")
    draw_contact_sheet(path, path.with_suffix(".png"))
    return path


def patience(stack: Stack) -> float:
    """Return the real seconds that a video may take: two hours of the stack's clock, and this machine's own time."""
    return 120 + 7200 / stack.speed


def billed_tasks(stack: Stack) -> int:
    """Return the number of tasks that the simulator's ledger has billed; 0 with the real service."""
    return len(SimulatorControls(stack.simulator_url).entries("billed")) if stack.simulator_url else 0
