"""Invoke the functions as Lambda does, with real events, in one warm process for each test."""

from __future__ import annotations

import gc
import importlib
import json
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from tools.harness.calls import CALLS
from tools.harness.stack import Stack
from tools.words import WORDS
from wan_video import bootstrap, observe
from wan_video.bootstrap import adapters, api_services, clients, environment

EVENTS = Path(__file__).parents[2] / "tests" / "events"

Event = dict[str, Any]


def event(name: str) -> Event:
    """Return a real event of one trigger."""
    loaded: Event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


class Context:
    """The part of Lambda's context that the handlers use."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left at the start of a function with the longest timeout."""
        return 900_000


def invoke(word: str, given: Event) -> Any:
    """Call a function's handler and record its calls to AWS."""
    CALLS.listen(_session())
    CALLS.begin(word)
    collects = gc.isenabled()
    gc.disable()  # then `wan_video.bootstrap.once` does not freeze what ends with the test
    try:
        return importlib.import_module(f"functions.{word}.handler").lambda_handler(given, Context())
    finally:
        CALLS.end()
        if collects:
            gc.enable()


def warm(stack: Stack, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    """Give the functions the stack's environment, and let them log to this test's standard output."""
    # Powertools keeps a logger for each service name until the process ends.
    service = {"POWERTOOLS_SERVICE_NAME": f"service-{uuid.uuid4()}"}
    for name, value in {**stack.environment(), **service, **environment}.items():
        monkeypatch.setenv(name, value)
    CALLS.listen(_session())
    observe.logger.cache_clear()


def end_process() -> None:
    """Clear everything that a process keeps between invocations: settings, clients, loggers."""
    handlers = [importlib.import_module(f"functions.{word}.handler") for word in WORDS]
    for module in (bootstrap, adapters, api_services, clients, environment, observe, *handlers):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def _session() -> Session:
    """Return the session of the functions' clients, with descriptions of AWS's services that outlive it.

    To read them from disk again for each process that a test starts would take longer than most tests.
    """
    session = clients.session()
    session.register_component("data_loader", _descriptions())
    return session


@cache
def _descriptions() -> Loader:
    return create_loader()
