"""The recipes of docs/rest-api.md, unchanged, against the stack on this machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Local
from tests.e2e.steps import await_that, request
from tests.rows import put_rows
from tools.harness.patience import PATIENCE
from tools.harness.samples import made, stored
from wan_video.domain.names import video_key
from wan_video_local.film import measure
from wan_video_local.stack import PROJECT

DOCS = PROJECT / "docs" / "rest-api.md"
VIDEO = "video_docs"


def recipe(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def curl(local: Local, folder: Path, command: str, **placeholders: str) -> str:
    """Run one line of the recipes, and return what it prints."""
    for name, value in {"ApiUrl": local.stack.api_url, **placeholders}.items():
        command = command.replace(f"<{name.replace('_', ' ')}>", value)
    done = subprocess.run(
        ["bash", "-euc", command.replace("curl ", "curl -sSf ", 1)],
        cwd=folder,
        env={"TOKEN": local.stack.token, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


def test_every_curl_line_about_batches_works(local: Local, tmp_path: Path) -> None:
    requests = [request("a fox follows a recipe"), request("a fox [simulate:task:DataInspectionFailed]")]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in requests), encoding="utf-8")
    lines = recipe("sh batch").replace("\\\n", " ").splitlines()
    opening, sending, showing, paging, saving, listing, again, stopping = lines

    opened = json.loads(curl(local, tmp_path, opening))
    curl(local, tmp_path, sending, upload_url=opened["upload"]["url"])

    def ended() -> dict[str, Any] | None:
        batch: dict[str, Any] = json.loads(curl(local, tmp_path, showing, batch_id=opened["id"]))
        return batch if batch["reports"] else None

    batch = await_that(ended, "the end of the batch")
    counts = batch["request_counts"]
    assert (batch["status"], counts["completed"], counts["failed"]) == ("completed", 1, 1)
    page = json.loads(curl(local, tmp_path, paging, batch_id=batch["id"]))
    assert [video["prompt"] for video in page["data"]] == [one["prompt"] for one in requests]
    curl(local, tmp_path, saving, results_url=batch["reports"]["results"])
    results = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["video_id"] for line in results] == [video["id"] for video in page["data"]]
    retried = json.loads(curl(local, tmp_path, again, batch_id=batch["id"]))
    assert retried["retry_of"] == batch["id"]
    assert retried["id"] in [each["id"] for each in json.loads(curl(local, tmp_path, listing))["data"]]
    other = json.loads(curl(local, tmp_path, opening.replace("monday", "tuesday")))["id"]
    assert json.loads(curl(local, tmp_path, stopping, another_batch_id=other))["status"] == "cancelling"


def test_every_curl_line_works(local: Local, tmp_path: Path) -> None:
    outputs = local.stack.outputs
    video = made(VIDEO, owner="local").completed(1, stored(VIDEO)).announced(1)
    put_rows(local.stack.aws.dynamodb, outputs["VideosTableName"], [video])
    local.stack.aws.s3.put_object(Bucket=outputs["VideosBucketName"], Key=video_key(VIDEO), Body=b"a film")

    lines = recipe("sh aws").replace("\\\n", " ").splitlines()
    dry, ask, show, fetch, page, priced, again, usage = (curl(local, tmp_path, line, id=VIDEO) for line in lines)
    assert json.loads(dry)["valid"] is json.loads(priced)["valid"] is True
    assert json.loads(ask)["status"] == "queued"
    assert (json.loads(show)["id"], json.loads(show)["status"]) == (VIDEO, "completed")
    assert (fetch, (tmp_path / "fox.mp4").read_bytes()) == ("", b"a film")
    assert VIDEO in [each["id"] for each in json.loads(page)["data"]]
    assert json.loads(again)["id"] != VIDEO
    assert json.loads(usage)["object"] == "usage"


def test_the_program_for_the_openai_sdk_works(local: Local, tmp_path: Path) -> None:
    environment = {
        "WAN_VIDEO_API_URL": local.stack.api_url,
        "WAN_VIDEO_TOKEN": local.stack.token,
        "PATH": "/usr/bin:/bin",
    }
    program = recipe("python")
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert "invalid_request size" in done.stdout
    assert measure(tmp_path / "fox.mp4").video_codec == "h264"
