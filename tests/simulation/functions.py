"""The functions of the stack as processes of a history: their handlers, and what a process keeps."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from functions.api.app import App
from functions.api.routes import resolver
from wan_video import bootstrap, observe
from wan_video.bootstrap import adapters, api_services, clients, environment

if TYPE_CHECKING:
    from tests.simulation.scheduler import Process
    from tests.simulation.world import World

WORDS: Final = (
    "api", "ingest", "finish_batch", "dispatch", "submit", "poll", "deliver", "report_failure", "sweep", "notify",
)  # fmt: skip


class _Current:
    """The history that the process plays."""

    world: World

    @property
    def begun(self) -> bool:
        """Whether there is one."""
        return hasattr(self, "world")


CURRENT: Final = _Current()


def current() -> World:
    """Return the history that the process plays."""
    return CURRENT.world


@cache
def handler(word: str) -> Callable[[Any, Any], Any]:
    """Return the handler of a function."""
    found: Callable[[Any, Any], Any] = importlib.import_module(f"functions.{word}.handler").lambda_handler
    return found


class Apps:
    """The resolvers of the API: one for each request that is being served, as each Lambda process has its own."""

    def __init__(self) -> None:
        self._free: list[App] = []
        self._used: dict[int, App] = {}

    def enter(self) -> App:
        """Return the resolver of the process that runs."""
        app = self._free.pop() if self._free else resolver(bootstrap.api(), bootstrap.authorize)
        self._used[id(CURRENT.world.scheduler.current())] = app
        return app

    def leave(self, process: Process) -> None:
        """Let the next request use the resolver of a process that has ended."""
        app = self._used.pop(id(process), None)
        if app is not None:
            app.context.clear()
            self._free.append(app)

    def cache_clear(self) -> None:
        """Forget all of them."""
        self._free.clear()
        self._used.clear()


APPS: Final = Apps()


def end_process() -> None:
    """Forget all that a process keeps between invocations."""
    handlers = [importlib.import_module(f"functions.{word}.handler") for word in WORDS]
    for module in (bootstrap, adapters, api_services, clients, environment, observe, *handlers):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
