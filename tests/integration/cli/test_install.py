"""The package as `pipx install .` does it: built, installed in its own environment, and run."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.cli.served import TOKEN, served
from wan_video_local.stack import PROJECT

pytestmark = pytest.mark.slow

UV = Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this checkout, and return its path."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, PROJECT], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_contains_only_the_command_of_the_project(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folder = PROJECT / "cli"
    files = [path for path in (folder / "wan_video_cli").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    here = {path.relative_to(folder).as_posix() for path in files}
    assert {name for name in names if ".dist-info/" not in name} == here


def test_the_installed_command_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / "bin/python"
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, wheel], check=True)

    def run(*arguments: str, **variables: str) -> str:
        command = [str(environment / "bin/wan-video"), *arguments]
        settings = {"HOME": str(tmp_path), "PATH": os.defpath, **variables}
        return subprocess.run(command, cwd=tmp_path, env=settings, check=True, stdout=subprocess.PIPE, text=True).stdout

    assert run("--version").startswith("wan-video 0.")
    with served() as api:
        assert run("generate", "a fox", WAN_VIDEO_API_URL=api.api_url, WAN_VIDEO_TOKEN=TOKEN).startswith("video_")
        assert run("login", "--help")
