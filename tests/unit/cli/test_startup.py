"""The command starts quickly, because slow modules are imported only when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = ("boto3", "requests", "rich", "tomlkit")


@pytest.mark.parametrize("arguments", [[], ["profiles", "--json"]], ids=["import", "a command without an API"])
def test_starting_imports_nothing_slow(arguments: list[str], tmp_path: object) -> None:
    script = (
        "import sys\n"
        "from wan_video_cli.main import app\n"
        f"if {arguments!r}: app({arguments!r}, standalone_mode=False)\n"
        f"print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)"
    )
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
