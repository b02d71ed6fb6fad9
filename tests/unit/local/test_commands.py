"""`make up` and `make down` take turns, and Ctrl-C is handled before anything slow is imported."""

from __future__ import annotations

import fcntl
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from tools.harness.patience import PATIENCE, until
from wan_video_local import commands
from wan_video_local.screen import Screen


def test_a_second_command_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "WORK", tmp_path)
    said = io.StringIO()
    entered = threading.Event()

    def second() -> None:
        with commands._alone(Screen(Console(file=said, width=200))):
            entered.set()

    with (tmp_path / "stack.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        thread = threading.Thread(target=second)
        thread.start()
        until(lambda: "waiting for it" in said.getvalue() or None, "the message that it waits")
        assert not entered.is_set()
    thread.join(PATIENCE)
    assert entered.is_set()


def test_ctrl_c_while_the_commands_load_prints_one_sentence(tmp_path: Path) -> None:
    # The first library that the commands need interrupts them.
    (tmp_path / "samtranslator").mkdir()
    (tmp_path / "samtranslator" / "__init__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "wan_video_local", "down"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "Interrupted; nothing is left running.\n")
