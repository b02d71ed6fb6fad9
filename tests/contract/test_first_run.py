"""The first steps of a new user: clone into an empty folder, and run the README's first commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tools.readme import blocks, commands
from wan_simulator.testing import frames_of, shows
from wan_video_local.film import measure
from wan_video_local.stack import PROJECT

pytestmark = pytest.mark.slow

ONE, FILE, IMAGE = (line for line in commands("make run", aws=False) if "WAN=" not in line)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh clone at a path with a space."""
    folder = tmp_path_factory.mktemp("stranger") / "wan video"
    subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(folder)], check=True)
    return folder


def run(command: str, clone: Path) -> list[str]:
    """Run a command of the README without the variables of a surrounding `make`, and return its lines."""
    own = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    done = subprocess.run(
        ["bash", "-c", command], cwd=clone, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


def test_a_fresh_clone_makes_a_video_and_prints_its_path(clone: Path) -> None:
    output = run(ONE, clone)
    path = Path(output[-1])
    film = measure(path)
    assert path.parent == clone / "out"
    assert (film.width, film.height, film.seconds, film.video_codec) == (1280, 720, 5.0, "h264")
    assert "  Wan tasks billed: 1" in output
    assert {path.with_suffix(suffix).exists() for suffix in (".json", ".png")} == {True}


def test_a_running_stack_accepts_the_commands_that_it_shows(clone: Path) -> None:
    start, end = next(block.commands for block in blocks() if "make up" in block.commands)
    output = run(start, clone)
    exports = [line for line in output if line.startswith("export ")]
    (generate,) = [line for line in output if " generate " in line]
    assert any(re.match(r"  Console +http://127\.0\.0\.1:\d+/\S+/ ", line) for line in output)
    try:
        made = run(" && ".join([*exports, generate]), clone)
        assert measure(clone / made[-1]).video_codec == "h264"
        assert "It is already running; `make down` stops it." in run(start, clone)
    finally:
        assert run(end, clone) == ["The local stack has stopped."]
    assert run(end, clone) == ["Nothing is running."]


def test_a_video_begins_with_the_image_of_the_readme(clone: Path) -> None:
    film = Path(run(IMAGE, clone)[-1]).read_bytes()
    (first,) = frames_of(film, 0)
    assert shows(first, (clone / "examples/den.jpg").read_bytes())


def test_three_prompts_in_a_file_make_three_videos_and_one_report(clone: Path) -> None:
    output = run(FILE, clone)
    path = Path(output[-1])
    report = json.loads(path.read_text(encoding="utf-8"))
    assert path == clone / "out" / f"{report['batch_id']}.report.json"
    assert (report["accepted"], report["refused"]) == (3, 0)
    films = [measure(clone / "out" / f"{row['video_id']}.mp4") for row in report["rows"]]
    assert [film.width for film in films] == [1280, 1280, 832]
    assert "  Wan tasks billed: 3" in output
