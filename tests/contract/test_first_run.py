"""What a stranger does: clone to an empty folder, and type the README's first command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.readme import commands
from wan_video_local.film import measure
from wan_video_local.stack import PROJECT

pytestmark = pytest.mark.slow


def test_a_fresh_clone_makes_a_video_and_says_where_it_is(tmp_path: Path) -> None:
    clone = tmp_path / "wan video"
    subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(clone)], check=True)
    (run,) = commands("make run", aws=False)
    done = subprocess.run(["bash", "-c", run], cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    path = Path(done.stdout.splitlines()[-1])
    film = measure(path)
    assert path.parent == clone / "out"
    assert (film.width, film.height, film.seconds, film.video_codec) == (1280, 720, 5.0, "h264")
    assert "Wan tasks billed: 1" in done.stdout
    assert {path.with_suffix(suffix).exists() for suffix in (".json", ".png")} == {True}
