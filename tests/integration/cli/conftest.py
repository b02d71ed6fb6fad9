"""The command as its users have it: with a working folder, a home folder, and an API that it is logged in to."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from tests.integration.cli.served import TOKEN, Served, served
from wan_video_cli import api as api_module
from wan_video_cli.main import app
from wan_video_cli.settings import API_URL, BEARER, PROFILE


@dataclass(frozen=True)
class Run:
    """The result of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """Runs commands."""

    def __call__(self, *arguments: str, stdin: str | bytes | None = None) -> Run:
        result = CliRunner().invoke(app, arguments, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert TOKEN not in result.stdout + result.stderr
        assert "CANARY-LINK" not in result.stdout + result.stderr
        return Run(result.exit_code, result.stdout, result.stderr)

    def good(self, *arguments: str, stdin: str | bytes | None = None) -> Run:
        """Run a command that must succeed."""
        run = self(*arguments, stdin=stdin)
        assert run.code == 0, run
        return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any settings, in a separate folder."""
    for name in (API_URL, BEARER, PROFILE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(api_module, "FIRST_PAUSE", 0.0)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def api(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An API, and an environment with its address."""
    with served() as running:
        monkeypatch.setenv(API_URL, running.api_url)
        monkeypatch.setenv(BEARER, TOKEN)
        yield running


COMMANDS = functools.cache(typer.main.get_command)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command. Typer would build all its commands again for each run, which takes longer than most of them."""
    monkeypatch.setattr("typer.testing._get_command", COMMANDS)
    return Cli()
