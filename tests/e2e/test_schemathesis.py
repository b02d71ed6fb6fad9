"""The API under schemathesis, which reads its description and tries unexpected requests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests

from tests.e2e.conftest import Local, deployed
from tools.harness.patience import PATIENCE
from wan_video_local.stack import WORK, Plan

pytestmark = pytest.mark.slow

METHODS: Final = {"get", "put", "post", "delete", "patch"}

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
)
"""All checks but two: the models may refuse what a schema allows, and API Gateway does not accept TRACE."""


@pytest.fixture(scope="module")
def switched_off() -> Iterator[Local]:
    """Yield a stack in real time that starts nothing: every video waits, and there are few polls."""
    with deployed(Plan(speed=1, films="still", parameters={"Starts": "disabled"}), WORK / "schemathesis.log") as local:
        yield local


def test_no_fault_no_undocumented_status_and_no_answer_of_another_shape(switched_off: Local, tmp_path: Path) -> None:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{switched_off.stack.api_url}/openapi.json"),
        *("--header", f"Authorization: Bearer {switched_off.stack.token}"),
        *("--checks", ",".join(CHECKS)),
        *("--seed", "1", "--max-examples", "15", "--generation-database", "none"),
        *("--max-redirects", "0", "--continue-on-failure", "--no-color"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    paths = requests.get(f"{switched_off.stack.api_url}/openapi.json", timeout=PATIENCE).json()["paths"]
    operations = sum(method in METHODS for path in paths.values() for method in path)
    assert f"Operations:       {operations} selected / {operations} total" in done.stdout
    assert switched_off.simulator.entries("received") == []
