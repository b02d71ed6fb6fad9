"""The output of a real `sam build`: every import under its name in the checkout, and nothing that is not shipped."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tools.harness.artifact import ENVIRONMENT, start_command
from tools.template import ROOT, WORDS, logical_id

NOT_SHIPPED = {
    "wan_simulator",
    "wan_video_local",
    "wan_video_cli",
    "bench",
    "tests",
    "tools",
    "local",
    "cli",
    "ministack",
    "samcli",
    "av",
}


def files(folder: Path) -> set[str]:
    """Return every file below a folder, as a relative path."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_layer_contains_the_package_unchanged(built: Path) -> None:
    source = ROOT / "layers/shared/wan_video"
    sources = {name for name in files(source) if "__pycache__" not in name}
    shipped = built / "SharedLayer/python/wan_video"

    assert {name for name in files(shipped) if "__pycache__" not in name} == sources
    assert all((shipped / name).read_bytes() == (source / name).read_bytes() for name in sources)


def test_the_layer_contains_the_packages_of_its_lock(built: Path) -> None:
    lock = (ROOT / "layers/shared/requirements.txt").read_text(encoding="utf-8")
    locked = {
        line.split("==")[0].replace("-", "_").lower()
        for line in lock.splitlines()
        if "==" in line and line[0] not in " #"
    }
    installed = {path.name.rsplit("-", 1)[0].lower() for path in (built / "SharedLayer/python").glob("*.dist-info")}
    installed = {name.rsplit("-", 1)[0].replace("-", "_").replace(".", "_") for name in installed}

    assert {name.replace(".", "_").split("[")[0] for name in locked} == installed


@pytest.mark.parametrize("word", WORDS)
def test_a_function_contains_only_its_own_folder_under_its_own_name(built: Path, word: str) -> None:
    sources = {f"functions/{word}/{name}" for name in files(ROOT / "functions" / word) if "__pycache__" not in name}

    assert {name for name in files(built / logical_id(word)) if "__pycache__" not in name} == sources


def test_an_artifact_contains_nothing_that_is_not_shipped(built: Path) -> None:
    packages = {path.name for path in built.glob("*/*")} | {
        path.name for path in (built / "SharedLayer/python").iterdir()
    }

    assert packages & NOT_SHIPPED == set()


@pytest.mark.parametrize("word", WORDS)
def test_lambda_finds_the_handler_and_importing_it_needs_no_environment(built: Path, word: str) -> None:
    path = [str(built / logical_id(word)), str(built / "SharedLayer/python")]
    script = (
        f"import sys; sys.path[:0] = {path!r}\n"
        f"from functions.{word}.handler import lambda_handler\n"
        f"import functions.{word}.handler as handler, wan_video\n"
        "print(handler.__file__); print(wan_video.__file__); print('boto3' in sys.modules)"
    )
    # With -I and -S Python sees neither this checkout nor this environment, as in Lambda.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], env={}, cwd=os.sep, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    handler, package, boto3 = done.stdout.splitlines()
    assert handler == f"{path[0]}/functions/{word}/handler.py"
    assert package == f"{path[1]}/wan_video/__init__.py"
    assert boto3 == "False", "importing is free: clients are created for the first call"


@pytest.mark.parametrize("word", WORDS)
def test_a_function_finds_everything_it_needs_for_its_first_call_in_its_artifact(built: Path, word: str) -> None:
    done = subprocess.run(
        start_command(built, word), env=ENVIRONMENT, cwd=os.sep, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_build_is_compiled_so_that_no_cold_start_compiles_it_again(built: Path) -> None:
    sources = [path for path in built.glob("*/**/*.py") if "__pycache__" not in path.parts]

    assert [path for path in sources if not Path(cache_from_source(str(path))).exists()] == []
