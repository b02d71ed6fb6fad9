"""A worker that dies at a chosen call of its ports, just before or just after the call takes effect."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from tests.fakes.world import Killed

Port = TypeVar("Port")
Moment = Literal["before", "after"]


@dataclass
class Fate:
    """The call at which one worker dies: number `at`, from 0, or never."""

    at: int | None = None
    moment: Moment = "before"
    calls: list[str] = field(default_factory=list)

    def of(self, port: Port, names: Collection[str]) -> Port:
        """Return a port for a worker with this fate; calls of these names are counted."""
        return cast(Port, _Mortal(port, names, self))


class _Mortal:
    def __init__(self, port: object, names: Collection[str], fate: Fate) -> None:
        self._port = port
        self._names = names
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._counted(name, found) if name in self._names else found

    def _counted(self, name: str, call: Any) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            fate, number = self._fate, len(self._fate.calls)
            if fate.at is not None and number > fate.at:
                raise Killed  # nor does a dead worker clean up
            fate.calls.append(name)
            if number == fate.at and fate.moment == "before":
                raise Killed
            try:
                return call(*arguments, **named)
            finally:
                if number == fate.at:
                    raise Killed

        return counted
