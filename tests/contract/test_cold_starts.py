"""What a function does before its first call, in terms that do not depend on the speed of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tools.harness.artifact import ENVIRONMENT, start_lines
from tools.words import WORDS

CALLS_WAN: Final = {"submit", "poll", "deliver", "sweep"}

MODULES: Final[dict[str, set[str]]] = {
    "anycrc": {"deliver"},
    "asyncio": set(),
    "aws_lambda_powertools.event_handler": {"api"},
    "aws_lambda_powertools.event_handler.appsync": set(),
    "aws_lambda_powertools.metrics": set(),
    "aws_lambda_powertools.tracing": {"api"},
    "aws_lambda_powertools.utilities.data_classes.s3_event": set(),
    "awscrt": set(),
    "boto3": set(),
    "botocore.docs.method": set(),
    "charset_normalizer.api": set(),
    "functions.api.account": set(),
    "functions.api.batches": set(),
    "functions.api.console": set(),
    "functions.api.dashscope": set(),
    "functions.api.inputs": set(),
    "functions.api.webhooks": set(),
    "html.parser": set(),
    "multipart": set(),
    "pydantic": {"api", "ingest"},
    "requests": CALLS_WAN,
    "wan_video.adapters.transfer": {"deliver"},
    "wan_video.adapters.wan": CALLS_WAN,
    "wan_video.domain.batch": {"ingest", "finish_batch", "deliver", "report_failure", "notify", "sweep"},
    "wan_video.domain.prompt_file": {"ingest", "finish_batch", "sweep"},
    "wan_video.services.api.account": set(),
    "wan_video.services.api.batches": set(),
    "wan_video.services.api.dashscope": set(),
    "wan_video.services.api.webhooks": set(),
    "wan_video.services.batch_rows": set(),
    "wan_video.services.cancel_task": set(),
    "wan_video.services.poll": {"poll"},
    "wan_video.wire": {"api", "ingest"},
    "wan_video.wire.documents": {"api"},
    "wan_video.wire.documents.account": set(),
    "wan_video.wire.documents.batches": set(),
    "wan_video.wire.documents.webhooks": set(),
}
"""Modules that take time to import, and the only functions that may import them before their first call.

The first call of `api` is one of a video.
"""

CLIENTS: Final[dict[str, set[str]]] = {
    "dynamodb": set(WORDS),
    "functions": {"sweep"},
    "s3": {"ingest", "finish_batch", "deliver", "sweep"},
    "secretsmanager": CALLS_WAN,
    "sns": {"finish_batch", "deliver", "report_failure", "sweep"},
    "sqs": set(),
    "stepfunctions": {"dispatch", "sweep"},
}
"""The clients, and the only functions that may create them before their first call."""

BEFORE: Final = """
import gc, json
def collections(): return sum(generation["collections"] for generation in gc.get_stats())
before = collections()
"""

AFTER: Final = """
during = collections() - before
from wan_video.bootstrap import clients
kept = {name: make.cache_info().currsize for name, make in vars(clients).items() if hasattr(make, "cache_info")}
print(json.dumps({
    "modules": sorted(sys.modules),
    "clients": [name for name, size in kept.items() if size],
    "collections": during,
    "enabled": gc.isenabled(),
    "frozen": gc.get_freeze_count(),
    "young": gc.get_count()[0],
}))
"""


@cache
def started(built: Path, word: str) -> dict[str, Any]:
    """Start a function as Lambda does until it could send its first request, and describe its process."""
    imports, service = start_lines(built, word)
    command = [sys.executable, "-B", "-I", "-S", "-c", f"{imports}\n{BEFORE}\n{service}\n{AFTER}"]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=os.sep, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


@pytest.mark.parametrize("word", WORDS)
def test_a_function_imports_only_what_its_first_call_needs(built: Path, word: str) -> None:
    loaded = set(started(built, word)["modules"])

    assert {module for module, words in MODULES.items() if module in loaded and word not in words} == set()


@pytest.mark.parametrize("word", WORDS)
def test_a_function_creates_only_the_clients_that_its_first_call_needs(built: Path, word: str) -> None:
    created = set(started(built, word)["clients"]) - {"session", "config"}

    assert "dynamodb" in created
    assert {name for name in created if word not in CLIENTS.get(name, set())} == set()


@pytest.mark.parametrize("word", WORDS)
def test_a_function_starts_without_looking_for_garbage_and_never_visits_what_it_created(built: Path, word: str) -> None:
    report = started(built, word)

    assert report["collections"] == 0, "bootstrap creates each service with @once"
    assert report["enabled"], "the collector runs again for the calls"
    assert report["frozen"] > 10_000
    assert report["young"] < 10_000
