"""The functions as Lambda runs them: a real event in, the handler's answer out, one warm process for each test."""

from __future__ import annotations

import importlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tools.harness.calls import CALLS
from tools.harness.stack import Stack
from wan_video import bootstrap, observe
from wan_video.bootstrap import adapters, clients, environment

EVENTS = Path(__file__).parents[2] / "tests" / "events"
WORDS = (
    "api",
    "authorize",
    "ingest",
    "finish_batch",
    "dispatch",
    "submit",
    "poll",
    "deliver",
    "report_failure",
    "sweep",
)

Event = dict[str, Any]


def event(name: str) -> Event:
    """A real event of one trigger."""
    loaded: Event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


class Context:
    """As much of Lambda's context as the handlers look at."""

    def get_remaining_time_in_millis(self) -> int:
        """As at the beginning of a function with the longest time-out."""
        return 900_000


def invoke(word: str, given: Event) -> Any:
    """Call a function's handler, and note what it asks of AWS."""
    CALLS.listen(clients.core())
    CALLS.begin(word)
    try:
        return importlib.import_module(f"functions.{word}.handler").lambda_handler(given, Context())
    finally:
        CALLS.end()


def warm(stack: Stack, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    """Give the functions the stack's environment, and this test's own standard output to log to."""
    # A logger is kept by its service's name for as long as this process lives.
    service = {"POWERTOOLS_SERVICE_NAME": f"service-{uuid.uuid4()}"}
    for name, value in {**stack.environment(), **service, **environment}.items():
        monkeypatch.setenv(name, value)
    CALLS.listen(clients.core())
    observe.logger.cache_clear()


def forget() -> None:
    """End the process, as far as it remembers anything: settings, clients, loggers."""
    handlers = [importlib.import_module(f"functions.{word}.handler") for word in WORDS]
    for module in (bootstrap, adapters, clients, environment, observe, *handlers):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
