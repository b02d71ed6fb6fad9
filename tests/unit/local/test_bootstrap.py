"""How the environment is made before there is one."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from wan_video_local import bootstrap


@pytest.mark.parametrize("found", [(3, 10), (3, 15)])
def test_a_python_that_lambda_does_not_run_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, found: tuple[int, int]
) -> None:
    monkeypatch.setattr(sys, "version_info", (*found, 1, "final", 0))
    with pytest.raises(bootstrap.BootstrapError, match=r"Python 3\.11 to 3\.14, and .* is 3\.\d+; .* PYTHON=python3"):
        bootstrap.check_interpreter()


def test_a_missing_venv_module_is_named_with_the_package_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    with pytest.raises(bootstrap.BootstrapError, match=r"apt install python3\.\d+-venv"):
        bootstrap.check_interpreter()


def test_the_size_that_is_announced_is_about_what_gets_installed() -> None:
    files = (path for path in bootstrap.VENV.rglob("*") if path.is_file() and not path.is_symlink())
    megabytes = sum(path.stat().st_blocks for path in files if path.suffix != ".pyc") * 512 / 1e6
    # Whoever runs this test has the dev group, which pytest is in.
    assert megabytes == pytest.approx(bootstrap.MEGABYTES["dev"], rel=0.25)
