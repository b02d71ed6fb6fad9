"""No server of the local stack outlives its owner, and none leaves a folder behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.harness.patience import PATIENCE, until
from wan_video_local.servers import GuardRecord, Server, ServerError, end_detached

SERVE = """
import http.server, pathlib, subprocess, sys, tempfile
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(tempfile.mkdtemp(), "leak").touch()
folder = pathlib.Path(tempfile.gettempdir())
(folder / "worker").write_text(str(worker.pid))
pathlib.Path(sys.argv[2]).write_text(str(server.server_port))
server.serve_forever()
"""
"""A server that behaves like the engine: it has a child process, and it leaves temporary files."""

OWN = """
import sys, time
from wan_video_local.servers import Server
server = Server("test", [sys.executable, "-c", sys.argv[1]], sys.stderr.buffer)
server.await_url("/")
print(server.temp_dir, flush=True)
time.sleep(600)
"""

DETACH = """
import dataclasses, json, sys
from wan_video_local.servers import Server
with Server("test", [sys.executable, "-c", sys.argv[1]], sys.stderr.buffer) as server:
    server.await_url("/")
    server.detach()
print(json.dumps(dataclasses.asdict(server.record)))
"""


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def await_end(pid: int) -> None:
    """Wait for the end of a process that was killed, which takes the kernel a moment."""
    until(lambda: not is_running(pid), "the end of the process")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The file to which the servers of a test print."""
    return tmp_path / "log"


def test_stopping_a_server_ends_its_children_and_removes_its_folder(log: Path) -> None:
    with log.open("wb") as file, Server("test", [sys.executable, "-c", SERVE], file) as server:
        server.await_url("/")
        worker = int((server.temp_dir / "worker").read_text())
        assert is_running(worker)
    await_end(worker)
    assert not server.temp_dir.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_server_ends_with_its_owner_in_any_case(number: signal.Signals) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWN, SERVE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().decode().strip())
        worker = int((folder / "worker").read_text())
        assert is_running(worker)
        owner.send_signal(number)
        owner.wait(timeout=PATIENCE)
    until(lambda: not folder.exists(), "the end of the folder")
    await_end(worker)


def test_a_detached_server_outlives_its_owner_until_it_is_ended_by_its_record() -> None:
    owner = subprocess.run([sys.executable, "-c", DETACH, SERVE], stdout=subprocess.PIPE, check=True)
    record = GuardRecord(**json.loads(owner.stdout))
    folder = Path(record.temp_dir)
    worker = int((folder / "worker").read_text())
    assert record.is_ours()
    assert is_running(worker)
    assert end_detached(record)
    await_end(worker)
    assert not folder.exists()
    assert not end_detached(record)


def test_a_server_that_ends_while_it_starts_is_reported_by_name(log: Path) -> None:
    with (
        log.open("wb") as file,
        Server("broken", [sys.executable, "-c", "raise SystemExit(3)"], file) as server,
        pytest.raises(ServerError, match="The broken ended while it was starting"),
    ):
        server.await_url("/")


def test_a_server_inherits_no_credentials_no_proxy_and_no_python_settings(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "DASHSCOPE_API_KEY", "HTTPS_PROXY", "PYTHONPATH"):
        monkeypatch.setenv(name, "canary")
    show = "import os, sys; print(dict(os.environ)); sys.stdout.flush()"
    with (
        log.open("wb") as file,
        Server("test", [sys.executable, "-c", show], file) as server,
        pytest.raises(ServerError),
    ):
        server.await_url("/")
    assert "PATH" in log.read_text()
    assert "canary" not in log.read_text()
