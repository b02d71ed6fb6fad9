"""The code on the pages for people who come from other services: their code before, and what it becomes here."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.clients import node
from tests.e2e.conftest import Local
from tests.e2e.steps import accepted
from tools.harness.patience import PATIENCE
from tools.readme import snippet
from wan_video_local.film import measure

PROMPT: Final = "a fox reads a case file"
FILM: Final = b"a film of a service that has ended"
ARN: Final = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/fox"
QUICK: Final = "import time\n_sleep = time.sleep\ntime.sleep = lambda seconds: _sleep(min(seconds, 0.2))\n"
"""Shorter pauses for the pages' code, because the stack's clock runs faster than the reader's."""

VIDEO: Final = {
    "id": "video_1", "object": "video", "model": "sora-2", "status": "queued", "progress": 0, "created_at": 1,
    "size": "1280x720", "seconds": "4", "prompt": PROMPT, "error": None, "completed_at": None, "expires_at": None,
    "remixed_from_video_id": None,
}  # fmt: skip


@contextmanager
def ended_services() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield the services that have ended, as far as the pages use them: OpenAI's videos, Bedrock's invocations."""
    seen: list[tuple[str, Any]] = []

    class Services(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, json.loads(body) if "json" in self.headers["Content-Type"] else body))
            self._answer({"invocationArn": ARN} if self.path == "/async-invoke" else VIDEO)

        def do_GET(self) -> None:
            if self.path.endswith("/content"):
                self._send("video/mp4", FILM)
            elif self.path.startswith("/async-invoke/"):
                output = {"s3OutputDataConfig": {"s3Uri": "s3://my-videos/fox"}}
                times = {"submitTime": "2026-09-01T00:00:00Z"}
                self._answer(
                    {"invocationArn": ARN, "modelArn": ARN, "status": "Completed", **times, "outputDataConfig": output}
                )
            else:
                self._answer({**VIDEO, "status": "completed", "progress": 100, "completed_at": 2})

        def _answer(self, document: Any) -> None:
            self._send("application/json", json.dumps(document).encode())

        def _send(self, kind: str, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Services) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()


def run_python(code: str, folder: Path, **environment: str) -> str:
    """Run the code of a page in a folder; return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", QUICK + code],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE * 2,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ours(local: Local) -> dict[str, str]:
    return {"WAN_VIDEO_API_URL": local.stack.api_url, "WAN_VIDEO_TOKEN": local.stack.token}


def changed_lines(before: str, after: str) -> int:
    """Count the lines of the code that a reader has to write."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return sum(line.startswith("+") and not line.startswith("+++") for line in lines)


def test_code_for_openai_changes_its_client_and_its_model(local: Local, tmp_path: Path) -> None:
    before, after = (snippet("docs/from-openai-videos.md", f"python {when}") for when in ("before", "after"))
    with ended_services() as (url, seen):
        run_python(before, tmp_path, OPENAI_BASE_URL=f"{url}/v1", OPENAI_API_KEY=local.stack.token)
    assert [path for path, _ in seen] == ["/v1/videos"]
    assert (tmp_path / "fox.mp4").read_bytes() == FILM

    tasks = len(accepted(local, PROMPT))
    run_python(after, tmp_path, **ours(local))
    film = measure(tmp_path / "fox.mp4")
    assert (film.width, film.height, film.seconds) == (1280, 720, 4.0)
    assert len(accepted(local, PROMPT)) == tasks + 1
    assert changed_lines(before, after) == 3


def test_code_for_nova_reel_becomes_two_requests(local: Local, tmp_path: Path) -> None:
    before, after = (snippet("docs/from-nova-reel.md", f"python {when}") for when in ("before", "after"))
    with ended_services() as (url, seen):
        keys = {"AWS_ACCESS_KEY_ID": "old", "AWS_SECRET_ACCESS_KEY": "old", "AWS_DEFAULT_REGION": "us-east-1"}
        printed = run_python(before, tmp_path, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=url, **keys)
    assert printed.strip() == "s3://my-videos/fox/output.mp4"
    ((path, body),) = seen
    assert (path, body["clientRequestToken"]) == ("/async-invoke", "fox-7")

    bucket = local.stack.outputs["VideosBucketName"]
    here = {**ours(local), "VIDEOS_BUCKET": bucket}
    printed_bucket, _, key = run_python(after, tmp_path, **here).strip().removeprefix("s3://").partition("/")
    assert printed_bucket == bucket
    (tmp_path / "fox.mp4").write_bytes(local.stack.aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert measure(tmp_path / "fox.mp4").seconds == 6.0
    tasks = len(accepted(local, PROMPT))
    again = run_python(after, tmp_path, **here).strip()
    assert again == f"s3://{bucket}/{key}", "the same key is the same video"
    assert len(accepted(local, PROMPT)) == tasks


@pytest.mark.slow
def test_code_for_the_ai_sdk_changes_one_line(local: Local, tmp_path: Path) -> None:
    page = "docs/vercel-ai-sdk.md"
    before, after, download = (snippet(page, f"js {kind}") for kind in ("before", "after", "local"))
    assert changed_lines(before, after) == 1

    entry = local.simulator.health()["regions"]["singapore"]
    wan, here = "https://dashscope-intl.aliyuncs.com", entry["base_url"].removesuffix("/api/v1")
    redirected = f"""
const fetchAtWan = globalThis.fetch;
globalThis.fetch = (url, options) => fetchAtWan(String(url).replace("{wan}", "{here}"), options);
"""
    film = tmp_path / "fox.mp4"
    for code, prelude, environment in (
        (before, redirected, {"ALIBABA_API_KEY": entry["key"]}),
        (after, "", ours(local)),
    ):
        tasks = len(accepted(local, PROMPT))
        run_js(code, prelude + download, tmp_path, environment)
        assert measure(film).seconds == 5.0
        film.unlink()
        assert len(accepted(local, PROMPT)) == tasks + 1


def run_js(code: str, more: str, folder: Path, environment: dict[str, str]) -> None:
    """Run the code of the page at the stack's pace, with the `download` that loopback addresses need."""
    command, script = node.node(), node.FOLDER / "node_modules" / "on_ramp.mjs"
    assert code.count("duration: 5,") == 1
    code = code.replace("duration: 5,", "duration: 5,\n  download,\n  poll: { intervalMs: 300, timeoutMs: 300_000 },")
    imports, rest = code.split("\n\n", 1)
    script.write_text(f"{imports}\n{more}\n{rest}", encoding="utf-8")
    done = subprocess.run(
        [command, script],
        cwd=folder,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE * 2,
    )
    assert done.returncode == 0, done.stderr
