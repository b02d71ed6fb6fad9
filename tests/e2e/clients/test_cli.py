"""`wan-video` as its users run it: in its own process, against the stack on this machine."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, MODEL, accepted, await_that
from tools.harness.patience import PATIENCE
from wan_video_cli.errors import ExitCode
from wan_video_local.film import measure

COMMAND = Path(sys.executable).parent / "wan-video"
SMALL = ("--model", MODEL, "--size", "832x480", "--seconds", "5")
SOON = ("--every", "0.2s", "--timeout", f"{FINAL_SECONDS:.0f}s")


@dataclass(frozen=True)
class Cli:
    """The command in its own folder, with the environment that `make up` prints."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen([COMMAND, *arguments], cwd=self.folder, env=self.environment, text=True, **streams)

    def __call__(self, *arguments: str, code: int = ExitCode.OK, **environment: str) -> Any:
        """Run a command, which must end with `code`; return the JSON document that it prints, or else its output."""
        done = subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * PATIENCE,  # longer than SOON, whose end the command reports itself
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert self.environment["WAN_VIDEO_TOKEN"] not in done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout + done.stderr


@pytest.fixture
def cli(local: Local, tmp_path: Path) -> Cli:
    return Cli(
        tmp_path,
        {
            "HOME": str(tmp_path),
            "PATH": os.defpath,
            "TERM": "xterm-256color",
            "WAN_VIDEO_API_URL": local.stack.api_url,
            "WAN_VIDEO_TOKEN": local.stack.token,
        },
    )


def spent(local: Local, cli: Cli, since: str) -> int:
    """Return the seconds spent since the beginning of a month; the stack's clock passes a midnight every 24 minutes."""
    usage = cli("usage", "--json")
    days: list[dict[str, int]] = usage["days"]
    if since != usage["month"]:
        headers = {"Authorization": f"Bearer {local.stack.token}"}
        url = f"{local.stack.api_url}/v1/usage?month={since}"
        days += requests.get(url, headers=headers, timeout=PATIENCE).json()["days"]
    return sum(day["spent_seconds"] for day in days)


def test_a_prompt_becomes_a_file_that_is_listed_shown_accounted_for_and_deleted(local: Local, cli: Cli) -> None:
    prompt = "a fox types a command"
    month = cli("usage", "--json")["month"]
    before = spent(local, cli, month)
    video = cli("generate", prompt, *SMALL, "--wait", "--download", "films", "--json", *SOON)

    film = cli.folder / video["path"]
    assert film == cli.folder / "films" / f"{video['id']}.mp4"
    assert film.read_bytes() == local.simulator.film(video["upstream"]["task_id"])
    assert (measure(film).width, measure(film).seconds) == (832, 5.0)
    assert len(accepted(local, prompt)) == 1
    assert video["id"] in cli("list", "--status", "completed", "--model", MODEL)
    # The thumbnail is made later than the video.
    shown = {**cli("show", video["id"], "--json"), "thumbnail": video["thumbnail"]}
    assert shown == {name: value for name, value in video.items() if name != "path"}
    await_that(lambda: spent(local, cli, month) >= before + 5 or None, "the seconds spent")
    assert "already exists" in cli("download", video["id"], "-o", str(film), code=ExitCode.NOT_USABLE)
    local.notices.await_about(video["id"], within=FINAL_SECONDS)
    assert cli("delete", video["id"], "--json")["deleted"] is True
    assert "does not exist" in cli("show", video["id"], code=ExitCode.REFUSED)


def test_a_queued_video_is_cancelled_free_of_charge_and_can_be_made_again(local: Local, cli: Cli) -> None:
    prompt = "a fox changes its mind"
    with local.nothing_starts():
        video = cli("generate", prompt, *SMALL, "--json")
        assert (video["status"], video["queue_position"]) == ("queued", 0)
        assert "nothing is billed" in cli("cancel", video["id"])
    assert "is cancelled" in cli("wait", video["id"], code=ExitCode.VIDEO_NOT_MADE)
    assert accepted(local, prompt) == []

    again = cli("retry", video["id"], "--wait", "--json", *SOON)
    assert (again["status"], again["seed"]) == ("completed", video["seed"])
    refused = cli("cancel", again["id"], code=ExitCode.REFUSED)
    assert "only a video that is waiting, here or at Wan, can be cancelled" in refused
    task_id = again["upstream"]["task_id"]
    assert "belongs to another video" in cli("import", task_id, "--model", MODEL, code=ExitCode.REFUSED)


def test_a_dry_run_and_a_key_cost_nothing_and_once(local: Local, cli: Cli) -> None:
    prompt = "a fox counts its coins"
    price = cli("generate", prompt, *SMALL, "--dry-run", "--json")["estimate"]["price"]
    assert "above your max_price" in cli("generate", prompt, "--max-price", "0.01", code=ExitCode.REFUSED)
    first = cli("generate", prompt, *SMALL, "--idempotency-key", prompt, "--json")
    assert cli("generate", prompt, *SMALL, "--idempotency-key", prompt, "--json")["id"] == first["id"]
    assert cli("wait", first["id"], "--json", *SOON)["usage"]["price"] == price
    assert len(accepted(local, prompt)) == 1


def test_what_wan_refuses_ends_with_its_reason(cli: Cli) -> None:
    prompt = "a fox [simulate:task:DataInspectionFailed]"
    output = cli("generate", prompt, *SMALL, "--wait", *SOON, code=ExitCode.VIDEO_NOT_MADE)
    assert "is failed: " in output
    assert "(DataInspectionFailed)" in output


def test_the_models_are_those_of_the_stack(cli: Cli) -> None:
    assert MODEL in {model["id"] for model in cli("models", "--json")["data"]}
    assert "832x480" in cli("models", MODEL)


def test_a_login_is_checked_by_the_stack(local: Local, cli: Cli) -> None:
    def login(token: str) -> subprocess.CompletedProcess[str]:
        command = [str(COMMAND), "login", "--api-url", local.stack.api_url]
        environment = {"HOME": str(cli.folder), "PATH": os.defpath}
        return subprocess.run(
            command, input=token, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    assert login("wv_wrong").returncode == ExitCode.REFUSED
    assert login(local.stack.token).returncode == ExitCode.OK
    assert cli("profiles", "--json") == [{"profile": "default", "api_url": local.stack.api_url}]
    assert cli("usage", "--profile", "default", "--json", WAN_VIDEO_TOKEN="wv_wrong", WAN_VIDEO_API_URL="")


def test_a_wrong_token_is_reported_with_the_way_to_make_one(cli: Cli) -> None:
    output = cli("list", code=ExitCode.REFUSED, WAN_VIDEO_TOKEN="wv_wrong")
    assert "does not know the token of WAN_VIDEO_TOKEN" in output
    assert "wan-video token create" in output


def test_a_network_that_is_down_is_reported_as_such(cli: Cli) -> None:
    output = cli("list", code=ExitCode.UNREACHABLE, WAN_VIDEO_API_URL="http://127.0.0.1:1/live")
    assert "cannot be reached: connection refused" in output


def test_an_address_of_no_api_is_reported_as_such(local: Local, cli: Cli) -> None:
    output = cli("list", code=ExitCode.REFUSED, WAN_VIDEO_API_URL=f"{local.stack.api_url}/elsewhere")
    assert "ApiUrl" in output


def arriving(terminal: int) -> Iterator[bytes]:
    """Yield what a program prints on a terminal; raises AssertionError if it prints nothing for PATIENCE seconds."""
    while True:
        ready, _, _ = select.select([terminal], [], [], PATIENCE)
        assert ready, f"the program printed nothing for {PATIENCE:.0f} seconds"
        if not (more := os.read(terminal, 65536)):
            return
        yield more


def test_ctrl_c_on_a_terminal_leaves_the_video_and_the_cursor_as_they_should_be(local: Local, cli: Cli) -> None:
    with local.nothing_starts():
        video_id = cli("generate", "a fox waits", *SMALL, "--json")["id"]
        mine, theirs = pty.openpty()
        with cli.start("wait", video_id, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            try:
                shown = b""
                for more in arriving(mine):
                    shown += more
                    if b"next in line" in shown:
                        break
                process.send_signal(signal.SIGINT)
                with suppress(OSError):  # A terminal returns this error when its last program has ended.
                    for more in arriving(mine):
                        shown += more
                assert process.wait(PATIENCE) == ExitCode.INTERRUPTED
            finally:
                process.kill()
        os.close(mine)
        assert f"wan-video wait {video_id}" in shown.decode()
        assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l") > 0
        cli("cancel", video_id)
