"""docs/cli.md: every command in it works, and it describes every command and option."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.integration.cli.conftest import Cli
from tests.integration.cli.served import TOKEN, Served
from tools.harness.images import image_bytes
from wan_video_cli.errors import ExitCode
from wan_video_cli.main import app
from wan_video_local.stack import PROJECT

TEXT = (PROJECT / "docs/cli.md").read_text(encoding="utf-8")
SHELL_SIGNS = "|<>$;&"


def commands(kind: str = "") -> list[str]:
    """Return the lines of the blocks of one kind in order."""
    blocks = re.findall(r"^```sh *(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return [line for found, body in blocks if found == kind for line in body.splitlines()]


def tree(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with its parameters."""
    below: dict[str, Any] = getattr(command, "commands", {})
    if not below:
        yield path, command
    for name, one in below.items():
        yield from tree(one, (*path, name))


def run(command: str, cli: Cli, api: Served, **placeholders: str) -> None:
    """Run a command with its placeholders filled in; it must succeed."""
    for name, value in {"ApiUrl": api.api_url, "token": TOKEN, "task id": "task-1", **placeholders}.items():
        command = command.replace(f"<{name}>", value)
    if command.startswith("wan-video ") and not any(sign in command for sign in SHELL_SIGNS):
        cli.good(*shlex.split(command)[1:], stdin=f"{api.api_url}\n{TOKEN}\n")
        return
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    shell = ["bash", "-euo", "pipefail", "-c", command]
    done = subprocess.run(shell, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def made(command: str, api: Served, cli: Cli) -> dict[str, str]:
    """Make what a command needs: a completed video, a newer one that waits, batches, and an endpoint."""
    done = cli.good("generate", "a fox").out.strip()
    api.start()
    api.complete()
    api.clock.advance(60)
    waiting = cli.good("generate", "a hare").out.strip()
    api.clock.advance(60)
    ids = {"id": waiting if "cancel" in command else done}
    if "batch" in command:
        ids |= batches(api, cli)
    if "webhook" in command:
        ids |= webhooks(cli)
    return ids


def webhooks(cli: Cli) -> dict[str, str]:
    """Make an endpoint with a delivery."""
    endpoint = cli.good("webhook", "add", "https://example.com/first", "--json").json["id"]
    delivery = cli.good("webhook", "test", endpoint, "--json").json["id"]
    return {"endpoint id": endpoint, "delivery id": delivery}


def batches(api: Served, cli: Cli) -> dict[str, str]:
    """Make a completed batch, one with a failure, and a newer one that waits."""
    Path("prompts.jsonl").write_text('{"prompt": "a fox reads"}\n', encoding="utf-8")
    ids: dict[str, str] = {}
    for failed, name in enumerate(("batch id", "failed batch id")):
        ids[name] = cli.good("batch", "prompts.jsonl", "--again").out.strip()
        api.ingest()
        api.finish(failed)
        api.clock.advance(60)
    ids["open batch id"] = cli.good("batch", "prompts.jsonl", "--again").out.strip()
    api.clock.advance(60)
    return ids


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_page_works(api: Served, cli: Cli, home: Path, command: str) -> None:
    ids = made(command, api, cli)
    Path("prompt.txt").write_text("a fox reads\n")
    Path("fox.png").write_bytes(image_bytes())
    api.web.served["https://example.com/owl.png"] = image_bytes()
    if "--callback-url" in command:
        cli.good("webhook", "add")
    if re.search(r"batch prompts.*--(wait|download)", command):
        api.meanwhile += [api.ingest, api.finish]
        command += " --every 0.01s"
    if re.search(r"generate .*--(wait|download)", command):
        api.meanwhile += [api.start, api.complete]
        command += " --every 0.01s"
    run(command, cli, api, **ids)


def test_the_commands_about_profiles_work_in_their_order(
    api: Served, cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("token.txt").write_text(f"{TOKEN}\n")
    for name in ("WAN_VIDEO_API_URL", "WAN_VIDEO_TOKEN"):
        monkeypatch.delenv(name)
    for command in commands("login"):
        run(command, cli, api)
    assert cli.good("profiles", "--json").json == [{"profile": "default", "api_url": api.api_url}]


@pytest.mark.parametrize("command", [line for line in commands("setup") + commands("aws") if "pipx" not in line])
def test_every_other_command_is_valid(cli: Cli, command: str) -> None:
    arguments = shlex.split(command)[1:]
    shown = cli.good(*[word for word in arguments if word != "--version"], "--help").out
    assert all(word in shown for word in arguments if word.startswith("--"))


COMMANDS = dict(tree(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_page_describes_every_command_and_option(path: tuple[str, ...]) -> None:
    assert f"wan-video {' '.join(path)}" in TEXT
    options = [param for param in COMMANDS[path].params if param.param_type_name == "option" and not param.is_eager]
    assert [one.name for one in options if not any(name in TEXT for name in one.opts + one.secondary_opts)] == []


def test_the_table_contains_the_exit_codes_of_the_command() -> None:
    documented = [int(number) for number in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)]
    assert documented == list(ExitCode)
