"""The README's first AWS steps on other machines: with another Python, with pyenv, for another processor."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.readme import blocks
from tools.template import Json
from wan_video_local.stack import PROJECT

MACHINES = {"x86_64": 62, "arm64": 183}
"""`e_machine` of ELF files for each architecture of Lambda."""

LINUX = {"x86_64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
"""The architectures in the names of compiled modules."""

TOOLS = ("make", "sh", "cp", "dirname", "find", "mkdir", "realpath", "rm", "sed", "tr")
"""What the build needs besides Python and SAM; every system but Windows has it, or gets it with make."""


def pyenv() -> Path:
    """The folder of pyenv, if it is installed."""
    return Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))


def wanted(source: Json) -> str:
    """Return the Python that the README's commands build for."""
    return str(source["Parameters"]["PythonRuntime"]["Default"])


def interpreter(name: str) -> Path | None:
    """Return the path of a Python that is not a shim of pyenv."""
    versions = sorted(pyenv().glob(f"versions/{name.removeprefix('python')}.*/bin/{name}"))
    found = shutil.which(name)
    if versions:
        return versions[-1]
    return None if found is None or "shims" in found else Path(found)


def build_commands() -> list[str]:
    """Return the README's commands up to the first that needs an account."""
    block = next(block for block in blocks() if "sam build" in block.commands)
    return [command for command in block.commands if not command.startswith("sam deploy")]


def path_with(folder: Path, **programs: Path) -> Path:
    """Make a folder with only these programs, and return it."""
    folder.mkdir()
    for name, program in programs.items():
        (folder / name.replace("_", ".")).symlink_to(program)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the project as git has it, including changes, and return the folder."""
    folder = tmp_path / "checkout"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (PROJECT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    return folder


def run(checkout: Path, path: str, *overrides: str, **variables: str) -> None:
    """Run the README's commands, with other parameters if they are given."""
    options = f" --parameter-overrides {' '.join(overrides)}" if overrides else ""
    env = {"PATH": path, "HOME": str(Path.home()), "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    for command in build_commands():
        done = subprocess.run(
            ["/bin/sh", "-c", command + options], cwd=checkout, env={**env, **variables}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def assert_built_for_lambda(checkout: Path, architecture: str, version: str = "313") -> None:
    """Check that every compiled package and file is for this processor and Python."""
    built = checkout / ".aws-sam/build/SharedLayer/python"
    native = sorted(built.rglob("*.so"))
    assert len(native) > 3
    assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in native} == {MACHINES[architecture]}
    assert {path.name.split(".")[1] for path in native} <= {f"cpython-{version}-{LINUX[architecture]}", "abi3"}
    compiled = list((checkout / ".aws-sam/build").glob("*/**/*.pyc"))
    sources = list((checkout / ".aws-sam/build").glob("*/**/*.py"))
    assert len(compiled) == len(sources) > 600
    assert {path.name.split(".")[-2] for path in compiled} == {f"cpython-{version}"}


def test_nothing_in_the_checkout_selects_a_python() -> None:
    # pyenv would hide the Python of the functions from `sam build`.
    assert not (PROJECT / ".python-version").exists()


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="builds for the other processor")
def test_with_only_the_python_of_the_functions_the_build_is_for_the_other_processor(
    checkout: Path, tmp_path: Path, source: Json
) -> None:
    found = interpreter(wanted(source))
    if found is None:
        pytest.skip(f"needs {wanted(source)}")
    # `sam` is a script that finds its environment by its own path.
    tools = {name: Path(str(shutil.which(name))) for name in TOOLS}
    sam = Path(sys.executable).with_name("sam")
    run(checkout, str(path_with(tmp_path / "bin", sam=sam, python3_13=found, **tools)))
    assert_built_for_lambda(checkout, "arm64")


@pytest.mark.slow
def test_with_pyenv_nothing_has_to_be_activated_and_the_parameters_select_what_is_built(
    checkout: Path, tmp_path: Path, source: Json
) -> None:
    version = wanted(source).removeprefix("python")
    if not list(pyenv().glob(f"versions/{version}.*")):
        pytest.skip(f"needs pyenv with {version}")
    sam = path_with(tmp_path / "bin", sam=Path(sys.executable).with_name("sam"))
    path = f"{sam}:{pyenv() / 'shims'}:/usr/bin:/bin"

    run(checkout, path, PYENV_ROOT=str(pyenv()))
    assert_built_for_lambda(checkout, "arm64")

    # SAM caches builds, and passes no parameters to make: an artifact of the former architecture would fail on Lambda.
    run(checkout, path, "Architecture=x86_64", PYENV_ROOT=str(pyenv()))
    assert_built_for_lambda(checkout, "x86_64")

    if list(pyenv().glob("versions/3.12.*")):
        run(checkout, path, "Architecture=x86_64", "PythonRuntime=python3.12", PYENV_ROOT=str(pyenv()))
        assert_built_for_lambda(checkout, "x86_64", "312")
