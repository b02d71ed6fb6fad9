"""The recipes of docs/rest-api.md, as they stand there, against the stack on this machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Local
from tests.fakes.samples import made, stored
from tests.rows import put_rows
from wan_video.domain.video import video_key
from wan_video_local.film import measure
from wan_video_local.stack import PROJECT

DOCS = PROJECT / "docs" / "rest-api.md"
VIDEO = "video_docs"


def recipe(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def test_every_curl_line_works(local: Local, tmp_path: Path) -> None:
    outputs = local.stack.outputs
    video = made(VIDEO, owner="local").completed(1, stored(VIDEO)).announced(1)
    put_rows(local.stack.aws.dynamodb, outputs["VideosTableName"], [video])
    local.stack.aws.s3.put_object(Bucket=outputs["VideosBucketName"], Key=video_key(VIDEO), Body=b"a film")

    def run(command: str) -> str:
        line = command.replace("<ApiUrl>", local.stack.api_url).replace("<id>", VIDEO).replace("curl ", "curl -sSf ", 1)
        done = subprocess.run(
            ["bash", "-euc", line],
            cwd=tmp_path,
            env={"TOKEN": local.stack.token, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout

    lines = recipe("sh aws").replace("\\\n", " ").splitlines()
    dry, ask, show, fetch, page, again, usage = (run(line) for line in lines)
    assert json.loads(dry)["valid"] is True
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
        timeout=300,
    )
    assert "invalid_request size" in done.stdout
    assert measure(tmp_path / "fox.mp4").video_codec == "h264"
