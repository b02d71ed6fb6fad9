"""`make run FILE=...`: a prompt file through the whole stack on this machine, to its MP4s and its report in `out/`."""

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from wan_video.domain.batch import REPORT, report_key
from wan_video.domain.prompt_file import MAX_WHOLE_BYTES, PromptFile, batch_id
from wan_video.errors import PromptFileRefused
from wan_video.wire.prompt_file import check
from wan_video_local.client import FINAL, Client, Video
from wan_video_local.money import UNKNOWN, money, pace, paid
from wan_video_local.notices import Notices
from wan_video_local.run import OUT, VideoNotMadeError, billed_tasks, patience, save
from wan_video_local.screen import Screen
from wan_video_local.stack import Stack

REPORT_SECONDS = 120.0
"""Real seconds that the report may take after the upload."""

Report = Mapping[str, Any]


class NoReportError(Exception):
    """Raised when no report about an uploaded file appeared within the given real seconds."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"No report about {name} appeared within {seconds:.0f} seconds.")
        self.name = name


class RowsNotMadeError(Exception):
    """Raised when some rows of a prompt file became no video; `missing` is their number."""

    def __init__(self, missing: int) -> None:
        super().__init__(f"Rows of the file that became no video: {missing}.")
        self.missing = missing


@dataclass(frozen=True)
class MadeOfFile:
    """A finished run of a prompt file: its report, where that is saved, every video, and the tasks billed for them."""

    report: Report
    path: Path
    videos: Sequence[Video]
    billed: int
    simulated: bool
    speed: float

    def summarise(self, screen: Screen) -> None:
        """Print what was made; the very last line is the report's path. Raises RowsNotMadeError, after that line."""
        completed = [video for video in self.videos if video["status"] == "completed"]
        refused = self.report["refused"]
        lines = {
            "rows": f"{self.report['accepted']} accepted, {refused} refused",
            "videos": f"{len(completed)} completed, {len(self.videos) - len(completed)} not",
            "length": f"{sum(_seconds(video) for video in completed)} s in all",
            "price": paid(_price(completed), simulated=self.simulated),
            "time": pace(self.speed),
        }
        screen.say()
        for name, value in lines.items():
            screen.say(f"  {name:<8}{value}")
        if self.simulated:
            screen.say(f"  Wan tasks billed: {self.billed}")
        screen.say(str(self.path))
        missing = refused + len(self.videos) - len(completed)
        if missing:
            raise RowsNotMadeError(missing)


def read_file(path: Path, settings: Mapping[str, str | int]) -> PromptFile:
    """Read a prompt file as the bucket would store it, with `settings` as its user metadata.

    Raises OSError, and PromptFileRefused for a file that the stack would not read, or not as a whole.
    """
    with path.open("rb") as file:
        body = file.read(MAX_WHOLE_BYTES + 1)
    if len(body) > MAX_WHOLE_BYTES:
        raise PromptFileRefused(f"{path.name} is too large; at most {MAX_WHOLE_BYTES} bytes are read here.")
    check(path.name, len(body))
    metadata = {name: _header(_text(value)) for name, value in settings.items()}
    return PromptFile("", path.name, "", len(body), chunks=lambda: [body], metadata=metadata)


def make_videos(stack: Stack, file: PromptFile, screen: Screen, folder: Path = OUT) -> MadeOfFile:
    """Upload a prompt file to a running stack and save the results in a folder."""
    client = Client(stack.api_url, stack.token)
    notices = Notices(stack.aws, stack.outputs["TopicArn"], f"run-{secrets.token_hex(4)}")
    billed_before = billed_tasks(stack)
    bucket = stack.outputs["PromptsBucketName"]
    screen.now("uploading the file, and waiting for the report about it")
    stack.aws.s3.put_object(Bucket=bucket, Key=file.key, Body=b"".join(file.chunks()), Metadata=dict(file.metadata))
    screen.stage(f"uploaded to s3://{bucket}/{file.key}")
    report = _await_report(stack, batch_id(bucket, file.key, file.digest), file.key)
    screen.stage(f"report: {report['accepted']} accepted, {report['refused']} refused")
    folder.mkdir(exist_ok=True)
    path = folder / f"{report['batch_id']}.report.json"
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for row in report["rows"]:
        for error in row.get("errors", []):
            screen.stage(f"row {row['row']} refused: {' '.join(filter(None, (error['pointer'], error['detail'])))}")
    rows = {row["video_id"]: row["row"] for row in report["rows"] if "video_id" in row}
    videos: list[Video] = []
    screen.now(f"0 of {len(rows)} videos")
    for video in _as_they_end(client, notices, list(rows), within=patience(stack)):
        videos.append(video)
        screen.now(f"{len(videos)} of {len(rows)} videos")
        if video["status"] == "completed":
            screen.stage(f"row {rows[video['id']]}: {save(client, video, folder).name}")
        else:
            screen.stage(f"row {rows[video['id']]}: {VideoNotMadeError(video)}")
    billed = billed_tasks(stack) - billed_before
    return MadeOfFile(report, path, videos, billed=billed, simulated=bool(stack.simulator_url), speed=stack.speed)


def _await_report(stack: Stack, batch: str, name: str) -> Report:
    s3 = stack.aws.s3
    deadline = time.monotonic() + REPORT_SECONDS
    while True:
        try:
            stored = s3.get_object(Bucket=stack.outputs["VideosBucketName"], Key=report_key(batch, REPORT))
        except s3.exceptions.NoSuchKey:
            if time.monotonic() > deadline:
                raise NoReportError(name, REPORT_SECONDS) from None
            time.sleep(0.2)
        else:
            report: Report = json.loads(stored["Body"].read())
            return report


def _as_they_end(client: Client, notices: Notices, video_ids: Sequence[str], *, within: float) -> Iterator[Video]:
    """Yield each video once it is final; if the file was uploaded before, those that are final already come first."""
    waiting: list[str] = []
    for video_id in video_ids:
        video = client.video(video_id)
        if video["status"] in FINAL:
            yield video
        else:
            waiting.append(video_id)
    for event in notices.each_about(waiting, within=within):
        yield client.video(event["data"]["id"])


def _seconds(video: Video) -> int:
    return int(video["usage"]["seconds"] if video["usage"] else video["seconds"])


def _price(videos: Sequence[Video]) -> str:
    total: dict[str, Decimal] = {}
    for video in videos:
        cost = video["usage"] or video["estimate"]
        if cost is None or cost["price"] is None:
            return UNKNOWN
        total[cost["currency"]] = total.get(cost["currency"], Decimal(0)) + Decimal(cost["price"])
    return " and ".join(money(amount, currency) for currency, amount in total.items()) or "nothing"


def _text(value: str | int) -> str:
    """Return a setting as text; booleans are written as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _header(text: str) -> str:
    """Return a value of user metadata as a header value: unchanged, or encoded by RFC 2047."""
    if text.isascii() and text.isprintable():
        return text
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="
