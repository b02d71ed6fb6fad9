"""How the environment is created by code that runs before it exists."""

from __future__ import annotations

import ast
import errno
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wan_video_local import bootstrap, interpreter
from wan_video_local.bootstrap import BootstrapError, Installer

INTERPRETER = Path(interpreter.__file__)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a checkout without an environment, at a path with a space and an umlaut."""
    folder = tmp_path / "wän video"
    (folder / "requirements").mkdir(parents=True)
    (folder / "requirements" / "dev.txt").touch()
    (folder / "pyproject.toml").touch()
    return folder


@pytest.mark.parametrize("found", [(2, 7), (3, 10), (3, 15)])
def test_a_python_that_lambda_does_not_run_is_refused_with_a_remedy(found: tuple[int, int]) -> None:
    sentence = interpreter.refusal(found, "/usr/bin/python")
    assert sentence == (
        f"This needs Python 3.11 to 3.14, and /usr/bin/python is {found[0]}.{found[1]};"
        " choose another one, as in `make run PYTHON=python3.12`."
    )


@pytest.mark.parametrize("found", [(3, 11), (3, 14)])
def test_a_python_that_lambda_runs_is_accepted(found: tuple[int, int]) -> None:
    assert interpreter.refusal(found, "/usr/bin/python") == ""


def test_the_check_of_the_version_runs_on_any_python() -> None:
    tree = ast.parse(INTERPRETER.read_text(encoding="ascii"), feature_version=(3, 0))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr | ast.AsyncFunctionDef)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not any(argument.annotation for argument in node.args.args)
        if isinstance(node, ast.ImportFrom | ast.Import) and node.col_offset == 0:
            assert [name.name for name in node.names] == ["sys"]


def test_a_missing_venv_module_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    with pytest.raises(BootstrapError, match=r"apt install python3\.\d+-venv"):
        bootstrap.check_modules()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full: .venv needs about 880 MB. Free some space"),
        ("error: dns error: failed to lookup address", "the package index cannot be reached. Check the network"),
        ("ERROR: No matching distribution found for uv", "the package index cannot be reached. Check the network"),
    ],
)
def test_a_common_problem_is_explained_in_one_sentence(project: Path, said: str, sentence: str) -> None:
    installer = Installer(project, "dev")
    with installer.alone(), pytest.raises(BootstrapError) as caught:
        installer.run("install something", [sys.executable, "-c", f"import sys; sys.exit({said!r})"])
    assert sentence in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_any_other_problem_shows_the_end_of_the_log(project: Path) -> None:
    installer = Installer(project, "dev")
    with (
        installer.alone(),
        pytest.raises(BootstrapError, match=r"The end of \.run/install\.log:\nno wings"),
    ):
        installer.run("fly", [sys.executable, "-c", "import sys; sys.exit('no wings')"])


def test_a_full_disk_is_explained_in_one_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def full(self: Installer) -> Iterator[None]:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    monkeypatch.setattr(Installer, "alone", full)
    assert bootstrap.main("dev", project) == 1
    assert capsys.readouterr().err == (
        "The disk is full: .venv needs about 880 MB. Free some space and run this again.\n"
    )


def test_an_environment_that_was_never_completed_is_not_used(project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(sys.executable)
    assert not Installer(project, "dev").is_installed("dev")


def test_the_announced_size_is_about_the_installed_size() -> None:
    venv = Installer(bootstrap.PROJECT, "dev").venv
    files = (path for path in venv.rglob("*") if path.is_file() and not path.is_symlink())
    megabytes = sum(path.stat().st_blocks for path in files if path.suffix != ".pyc") * 512 / 1e6
    # This test runs in the dev group, which contains pytest.
    assert megabytes == pytest.approx(bootstrap.MEGABYTES["dev"], rel=0.25)
