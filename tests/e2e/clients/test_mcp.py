"""`wan-video mcp` in its own process, with the official clients of the Model Context Protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import BlobResourceContents, ResourceLink

from tests.e2e.clients import node
from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, MODEL, accepted
from tools.harness.patience import PATIENCE
from tools.readme import snippet

SETTINGS: Final = json.loads(snippet("docs/mcp.md", "json"))["mcpServers"]["wan-video"]
"""What the page asks people to put into the settings of their agents."""

COMMAND: Final = str(Path(sys.executable).parent / SETTINGS["command"])
TIME_OUT_SECONDS: Final = 2.0
"""Seconds after which the clients give up on a call that is never answered; calls that must succeed have no limit."""

FINAL: Final = ("completed", "failed", "cancelled", "expired")


def fox(prompt: str) -> dict[str, Any]:
    return {"prompt": prompt, "model": MODEL, "size": "832x480", "seconds": 5, "max_price": "5"}


@contextmanager
def never_answering_the_first(url: str) -> Iterator[str]:
    """Yield a proxy to `url` on which the first POST arrives and is not answered until the test is over."""
    target, over, posts = urlsplit(url), threading.Event(), []

    class Passage(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.append(body)
            self._pass_on(body)

        def do_GET(self) -> None:
            self._pass_on(None)

        def _pass_on(self, body: bytes | None) -> None:
            path = urlunsplit((target.scheme, target.netloc, "", "", "")) + self.path
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = requests.request(
                self.command, path, data=body, headers=headers, timeout=PATIENCE, allow_redirects=False
            )
            if body is not None and len(posts) == 1:
                over.wait(PATIENCE)
            with suppress(OSError):  # The client has closed the connection.
                self._answer(answer)

        def _answer(self, answer: requests.Response) -> None:
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Location", "Retry-After"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Passage) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield urlunsplit((target.scheme, f"127.0.0.1:{server.server_port}", target.path, "", ""))
        finally:
            over.set()
            server.shutdown()


def environment(local: Local, url: str, home: Path) -> dict[str, str]:
    return {
        "HOME": str(home), "PATH": os.defpath, "WAN_VIDEO_API_URL": url, "WAN_VIDEO_TOKEN": local.stack.token
    }  # fmt: skip


def test_an_agent_whose_call_timed_out_calls_again_and_gets_one_video(local: Local, tmp_path: Path) -> None:
    prompt = "a fox delegates to an agent"

    async def work(url: str) -> tuple[dict[str, Any], ResourceLink, bytes]:
        server = StdioServerParameters(command=COMMAND, args=SETTINGS["args"], env=environment(local, url, tmp_path))
        async with Client(server) as client:
            timed_out = False
            try:
                await client.call_tool("generate_video", fox(prompt), read_timeout_seconds=TIME_OUT_SECONDS)
            except MCPError:
                timed_out = True
            assert timed_out
            made = await client.call_tool("generate_video", fox(prompt))
            assert not made.is_error, made
            one = {"video_id": made.structured_content["id"]}
            shown = await client.call_tool("get_video", one)
            async with asyncio.timeout(PATIENCE + FINAL_SECONDS):
                while shown.structured_content["status"] not in FINAL:
                    await asyncio.sleep(0.2)
                    shown = await client.call_tool("get_video", one)
            link = shown.content[1]
            assert isinstance(link, ResourceLink)
            read = (await client.read_resource(link.uri)).contents[0]
            assert isinstance(read, BlobResourceContents)
            return shown.structured_content, link, base64.b64decode(read.blob)

    with never_answering_the_first(local.stack.api_url) as url:
        video, link, content = asyncio.run(work(url))
    assert video["status"] == "completed"
    assert link.mime_type == "video/mp4"
    assert content == local.simulator.film(video["upstream"]["task_id"])
    assert len(accepted(local, prompt)) == 1


@pytest.mark.slow
def test_the_typescript_client_too_gets_one_video_after_a_time_out(local: Local, tmp_path: Path) -> None:
    prompt = "a fox delegates in TypeScript"
    with never_answering_the_first(local.stack.api_url) as url:
        asked = {
            "command": COMMAND,
            "args": SETTINGS["args"],
            "env": environment(local, url, tmp_path),
            "request": fox(prompt),
            "timeoutMs": TIME_OUT_SECONDS * 1000,
            "patienceMs": PATIENCE * 1000,
        }
        answer = node.run("mcp.mjs", asked)
    assert answer["tools"] == ["generate_video", "get_video", "list_videos", "cancel_video", "usage"]
    assert "timed out" in answer["timedOut"].lower()
    assert answer["ended"]["status"] == "completed"
    assert answer["made"]["id"] == answer["ended"]["id"]
    assert base64.b64decode(answer["bytes"]) == local.simulator.film(answer["ended"]["upstream"]["task_id"])
    assert len(accepted(local, prompt)) == 1
