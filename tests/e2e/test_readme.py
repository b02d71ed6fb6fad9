"""The README's first requests, unchanged, against the stack on this machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS
from tools.readme import commands
from wan_video_local.film import measure


def test_the_three_curl_lines_ask_for_a_video_show_it_and_download_it(local: Local, tmp_path: Path) -> None:
    ask, show, fetch = commands("curl", aws=True)

    def run(command: str, video_id: str = "") -> str:
        line = command.replace("<ApiUrl>", local.stack.api_url).replace("<id>", video_id)
        done = subprocess.run(
            ["bash", "-euc", line.replace("curl ", "curl -sS ", 1)],
            cwd=tmp_path,
            env={"TOKEN": local.stack.token, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout

    video_id = json.loads(run(ask))["id"]
    local.client.await_final(video_id, within=FINAL_SECONDS)
    assert json.loads(run(show, video_id))["status"] == "completed"
    run(fetch, video_id)
    assert measure(tmp_path / "fox.mp4").video_codec == "h264"
