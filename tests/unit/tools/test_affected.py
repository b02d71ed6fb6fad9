"""`make quick` runs the tests that a change can affect: never fewer, and never none."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest

from tools.affected import UnitTests, changes

SUBMIT = "layers/shared/wan_video/services/submit.py"


@cache
def graph() -> UnitTests:
    return UnitTests()


def test_a_change_runs_the_tests_that_import_it_directly_or_not_and_skips_others() -> None:
    chosen = graph().affected([SUBMIT])
    assert "tests/unit/services/test_submit.py" in chosen
    assert "tests/unit/services/test_ledger_of_submissions.py" in chosen, "through a helper"
    assert "tests/unit/services/test_poll.py" not in chosen
    assert "tests/unit/domain/test_hosts.py" not in chosen


def test_a_changed_test_runs_also_if_nothing_else_changed() -> None:
    assert "tests/unit/domain/test_hosts.py" in graph().affected(["tests/unit/domain/test_hosts.py"])


def test_the_tests_of_two_changes_are_those_of_each() -> None:
    one, other = SUBMIT, "layers/shared/wan_video/services/poll.py"
    assert set(graph().affected([one, other])) == {*graph().affected([one]), *graph().affected([other])}


def test_a_changed_package_runs_the_tests_of_all_its_modules() -> None:
    package = "layers/shared/wan_video/services/__init__.py"
    chosen = graph().affected([package, "tests/unit/domain/test_hosts.py"])
    assert set(graph().affected([SUBMIT])) <= set(chosen) < set(graph().files)


@pytest.mark.parametrize(
    "path",
    [
        "template.yaml",
        "pyproject.toml",
        "Makefile",
        "tests/golden/error_advice.json",
        "statemachine/generate_video.asl.json",
        "tests/conftest.py",
        "tests/unit/conftest.py",
        "tools/template.py",  # a conftest.py imports it
        "layers/shared/wan_video/services/a_deleted_module.py",
    ],
)
def test_all_tests_run_if_the_imports_do_not_say_which_are_affected(path: str) -> None:
    assert graph().affected([path]) == graph().files
    assert graph().affected([SUBMIT, path]) == graph().files


def test_all_tests_run_if_none_depends_on_the_change() -> None:
    assert graph().affected(["tests/e2e/steps.py"]) == graph().files
    assert graph().affected(["tests/e2e/steps.py", SUBMIT]) == graph().affected([SUBMIT])


def test_a_changed_page_runs_the_tests_that_read_files_or_start_processes() -> None:
    chosen = graph().affected(["README.md", "docs/architecture.md"])
    assert {"tests/unit/simulator/test_readme.py", "tests/unit/cli/test_startup.py"} <= set(chosen)
    assert "tests/unit/chaos/test_plan.py" in chosen, "through a helper"
    assert "tests/unit/services/test_submit.py" not in chosen
    assert set(chosen) <= set(graph().affected([SUBMIT])), "these tests always run"


def test_every_module_and_every_unit_test_is_known() -> None:
    found = {path.relative_to(Path.cwd()).as_posix() for path in Path("tests/unit").resolve().rglob("test_*.py")}
    assert set(graph().files) == found
    assert all(file in graph().affected([file]) for file in found)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A Fox", "-c", "user.email=fox@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout of a branch that began at main."""
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    for name in ("committed.py", "edited.py", "deleted.py", "moved.py", "same.py"):
        (tmp_path / name).write_text(f"NAME = {name!r}\n")
    (tmp_path / ".gitignore").write_text("out/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    git(tmp_path, "switch", "--quiet", "--create", "branch")
    return tmp_path


def test_commits_edits_and_new_files_are_changes(checkout: Path) -> None:
    assert changes(checkout) == []
    (checkout / "committed.py").write_text("")
    git(checkout, "commit", "--quiet", "--all", "--message", "Change")
    (checkout / "edited.py").write_text("")
    (checkout / "deleted.py").unlink()
    git(checkout, "mv", "moved.py", "moved_to.py")
    (checkout / "new.py").write_text("")
    (checkout / "füchse.py").write_text("")
    (checkout / "out").mkdir()
    (checkout / "out" / "ignored.py").write_text("")
    changed = ["committed.py", "deleted.py", "edited.py", "füchse.py", "moved.py", "moved_to.py", "new.py"]
    assert changes(checkout) == sorted(changed)


def test_what_main_got_in_the_meantime_is_not_a_change(checkout: Path) -> None:
    (checkout / "edited.py").write_text("")
    git(checkout, "commit", "--quiet", "--all", "--message", "On the branch")
    git(checkout, "switch", "--quiet", "main")
    (checkout / "same.py").write_text("")
    git(checkout, "commit", "--quiet", "--all", "--message", "On main")
    git(checkout, "switch", "--quiet", "branch")
    assert changes(checkout) == ["edited.py"]


def test_changes_are_unknown_without_main_and_outside_a_checkout(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    git(checkout, "branch", "--delete", "--force", "main")
    assert changes(checkout) is None
    assert changes(tmp_path_factory.mktemp("export")) is None
