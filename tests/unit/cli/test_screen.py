"""The output on a terminal of any width and with any encoding."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tools.harness.patience import PATIENCE
from wan_video_cli.errors import NotUsable
from wan_video_cli.screen import print_fields, print_rows, say, tell

VIDEO_ID = f"video_{'0123456789abcdef' * 2}"
BATCH_ID = f"batch_{'0123456789abcdef' * 2}"
COLUMNS = ("id", "status", "made of", "price", "created at", "prompt")
VIDEO = (VIDEO_ID, "in_progress", "wan2.6-t2v 1280x720 5s", "3.67 CNY", "2026-05-28 20:26", "a fox reads " * 20)
BATCH = (
    BATCH_ID,
    "in_progress",
    "2026-05-28 20:26",
    "prompts.jsonl",
    "2,900 of 10,000 done (12 failed), 6 in progress",
)


@pytest.fixture(params=[20, 40, 60, 80, 120, 200])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Set the width of the terminal for standard output and standard error."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    return int(request.param)


def plain(text: str) -> list[str]:
    """Return the lines without styles."""
    return [
        line.rstrip() for line in text.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "").split("\n")
    ]


def test_an_id_is_never_cut(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(COLUMNS, [VIDEO], elastic="prompt", spare=("price", "made of", "created at"))
    shown = plain(capsys.readouterr().out)
    assert any(VIDEO_ID in line for line in shown)
    assert any("a fox reads" in line for line in shown)
    assert all(len(line) <= max(width, len(VIDEO_ID)) for line in shown)


def test_the_outcome_of_a_batch_is_shown_at_any_width(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("id", "status", "made at", "file", "requests"), [BATCH], spare=("made at", "file"))
    shown = plain(capsys.readouterr().out)
    assert any(BATCH_ID in line for line in shown)
    assert BATCH[-1] in " ".join(" ".join(shown).split())


def test_long_values_wrap_between_words_below_their_first_line(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    words = "somewhere beyond the mountains a fox reads under a lamp"
    print_fields([("prompt", words)])
    shown = plain(capsys.readouterr().out)
    assert shown[0].startswith("prompt        somewhere")
    assert all(line.startswith(" " * 14) for line in shown[1:] if line)
    assert " ".join(" ".join(shown).split()) == f"prompt {words}"


def test_only_the_names_of_fields_are_dim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    print_fields([("prompt", "a fox")])
    assert capsys.readouterr().out == "\x1b[2mprompt\x1b[0m        a fox\n"


@pytest.mark.parametrize("width", [40, 80], indirect=True)
def test_sentences_wrap_between_words(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    what, remedy = (
        "There is a video of that id already, and it was asked for otherwise.",
        "Use another key for this one.",
    )
    tell(NotUsable(what, remedy))
    say("The batch has its file, which will be read next, and then it is in progress.")
    shown = plain(capsys.readouterr().err)
    assert all(len(line) <= width for line in shown)
    known = {
        *f"Error: {what} {remedy} The batch has its file, which will be read next, and then it is in progress.".split(),
        "",
    }
    assert {word for line in shown for word in line.split(" ")} <= known


def test_output_to_a_pipe_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    tell(NotUsable("a word " * 40, ""))
    assert capsys.readouterr().err == f"Error: {'a word ' * 40}\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
@pytest.mark.parametrize("arguments", [["show"], ["list"], ["list", "--json"]])
def test_output_in_any_encoding_causes_no_traceback(encoding: str, arguments: list[str]) -> None:
    script = """
import sys
from wan_video_cli.commands import App, Commands
from wan_video_cli.screen import emit, print_fields, print_rows, say
app = App(cls=Commands)
@app.command()
def show() -> None:
    print_fields([("prompt", "\u72d0 \U0001f98a")])
    say("\u72d0")
@app.command("list")
def list_(as_json: bool = False) -> None:
    print_rows(("id", "prompt"), [("video_1", "\u72d0 \U0001f98a")])
@app.command("json")
def json_() -> None:
    emit({"prompt": "\u72d0"})
app(sys.argv[1:])
"""
    arguments = ["json"] if "--json" in arguments else arguments
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert rb"\u72d0" in done.stdout


def test_ctrl_c_while_the_command_loads_causes_no_traceback(tmp_path: Path) -> None:
    # The first module that the command imports interrupts it, a few milliseconds after the start of `wan-video`.
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "wan_video_cli", "list"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize("arguments", [["list", "--nope"], ["list", "--limit", "x"], ["nope"], ["generate"]])
def test_usage_errors_are_json_if_that_is_requested(arguments: list[str]) -> None:
    import json

    done = subprocess.run(
        [sys.executable, "-m", "wan_video_cli", *arguments, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "not_usable"
    assert done.stderr.startswith("Error: ")


def test_flags_show_no_type() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wan_video_cli", "generate", "--help"], capture_output=True, text=True, check=True
    )
    assert "--dry-run" in done.stdout
    assert "bool" not in done.stdout


def test_delete_asks_on_a_terminal_and_does_nothing_after_no(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "WAN_VIDEO_API_URL": "http://127.0.0.1:9", "WAN_VIDEO_TOKEN": "wv_x"}
    command = [sys.executable, "-m", "wan_video_cli", "delete", VIDEO_ID]
    with subprocess.Popen(command, stdin=follower, stderr=subprocess.PIPE, env=environment) as process:
        os.write(leader, b"n\n")
        _, said = process.communicate(timeout=PATIENCE)
    os.close(leader)
    os.close(follower)
    assert f"Delete {VIDEO_ID} and its file for good?".encode() in said
    assert process.returncode == 1
