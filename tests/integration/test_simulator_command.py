"""`python -m wan_simulator`, started as a separate process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tools.harness.patience import PATIENCE

COMMAND = (sys.executable, "-m", "wan_simulator")


def test_it_serves_until_it_is_stopped_with_its_port_and_ledger_in_files(tmp_path: Path) -> None:
    port_file, ledger = tmp_path / "port", tmp_path / "ledger.jsonl"
    options = ["--port-file", port_file, "--ledger", ledger, "--keys", "beijing=sk-mine", "--clock", "0@1780000000"]
    with subprocess.Popen([*COMMAND, *map(str, options)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            origin = f"http://127.0.0.1:{int(port_file.read_text())}"
            health = requests.get(f"{origin}/_simulator/health", timeout=PATIENCE).json()
            answer = requests.post(
                f"{origin}/beijing/api/v1/services/aigc/video-generation/video-synthesis",
                json={"model": "wan2.6-t2v", "input": {"prompt": "[simulate:task:InternalError]"}},
                headers={"Authorization": "Bearer sk-mine", "X-DashScope-Async": "enable"},
                timeout=PATIENCE,
            )
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=PATIENCE)

    assert code == 0
    assert origin in ready
    assert health["regions"]["beijing"] == {"base_url": f"{origin}/beijing/api/v1", "key": "sk-mine"}
    assert answer.status_code == 200
    assert [json.loads(line)["event"] for line in ledger.read_text().splitlines()] == ["received", "accepted"]


@pytest.mark.parametrize(
    "options",
    [["--host", "0.0.0.0"], ["--host", "nowhere"], ["--clock", "fast"], ["--keys", "mars=sk"], ["--latency", "-1"]],
)
def test_it_refuses_impossible_options(options: list[str]) -> None:
    result = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert result.returncode == 2
    assert "error:" in result.stderr
