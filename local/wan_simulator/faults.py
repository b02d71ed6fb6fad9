"""Faults that a test can queue: each changes the next answers of one route in one way.

A kind of fault is one row of `KINDS`: a function that wraps the real answer.
"""

from __future__ import annotations

import json
import re
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from operator import index
from socket import SO_LINGER, SOL_SOCKET, socket
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from flask import request
from werkzeug.wrappers import Response

from wan_simulator.errors import documented

Route = Literal["create", "query", "list", "cancel", "upload", "quotas", "models", "result"]
_MOST_TIMES: Final = 10_000

_LINK_HOST: Final = re.compile(r'("video_url":\s*")https?://[^/]+/')

_HEADER_TEXT: Final = re.compile(r"[\x20-\x7e]{0,200}", re.ASCII)
_HALF: Final = "\ud83d"
_NEVER_READ: Final = frozenset({"task_id", "task_status", "status", "code", "model_name", "region", "video_url"})
"""The members that programs read; every other text in an answer is for people."""

Answer = Callable[[], Response]
Pause = Callable[[float], None]
"""Waits for a number of real seconds, or less if the faults are cleared in the meantime."""


class FaultError(Exception):
    """Raised for a fault that cannot be queued; says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble for the next `times` calls of `route`; a kind ignores the fields that it does not use.

    `after` lets the call take effect first (the task is accepted, only the answer suffers). `seconds` are real
    ones; an answer that hangs is sent earlier if the faults are cleared.
    `keep` is how many bytes of the body arrive before a cut, or the position of the changed one; None is the middle.
    `retry_after` is the `Retry-After` of the answer, whatever it is: seconds, a date, or neither.
    """

    route: Route
    kind: str
    times: int = 1
    after: bool = False
    code: str = "InternalError"
    status: int | None = None
    seconds: float = 30.0
    keep: int | None = None
    location: str = "https://wan.invalid/elsewhere"
    host: str = "wan.invalid"
    retry_after: str | None = None

    def __post_init__(self) -> None:
        if self.route not in get_args(Route):
            raise FaultError(f"route must be one of {', '.join(get_args(Route))}")
        if self.kind not in KINDS:
            raise FaultError(f"kind must be one of {', '.join(KINDS)}")
        try:
            documented(self.code)
        except KeyError:
            raise FaultError("code must be a documented error code, or <code>/<number of its message>") from None
        if self.retry_after is not None and not is_header_text(self.retry_after):
            raise FaultError("retry_after must be text that fits into a header")
        if not 1 <= index(self.times) <= _MOST_TIMES:
            raise FaultError(f"times must be from 1 to {_MOST_TIMES}")

    @classmethod
    def parse(cls, body: object) -> Fault:
        """Read a fault from JSON; raises FaultError."""
        if not isinstance(body, dict):
            raise FaultError("a fault is a JSON object")
        unknown = body.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise FaultError(f"unknown: {', '.join(sorted(unknown))}")
        try:
            return cls(**body)
        except TypeError as error:
            raise FaultError(str(error)) from error


def is_header_text(text: str) -> bool:
    """Return whether `text` can be the value of a header."""
    return _HEADER_TEXT.fullmatch(text) is not None


class FaultQueue:
    """The faults that are queued, first in, first out for each route."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._waiting: list[Fault] = []
        self._cleared = 0
        self._call = threading.local()

    def add(self, fault: Fault) -> None:
        """Queue `fault` for `fault.times` calls."""
        with self._lock:
            self._waiting += [fault] * fault.times

    def take(self, route: Route) -> Fault | None:
        """Remove and return the fault for a call of `route` that has just arrived, or None."""
        with self._lock:
            self._call.began = self._cleared
            due = next((fault for fault in self._waiting if fault.route == route), None)
            if due:
                self._waiting.remove(due)
            return due

    def waiting(self) -> list[Fault]:
        """Return all faults that are queued."""
        with self._lock:
            return list(self._waiting)

    def clear(self) -> None:
        """Remove all faults, and answer the calls that hang."""
        with self._lock:
            self._waiting.clear()
            self._cleared += 1
            self._lock.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait for `seconds`, or until the faults are cleared after the last `take` of this thread."""
        with self._lock:
            began: int = getattr(self._call, "began", self._cleared)
            self._lock.wait_for(lambda: self._cleared != began, seconds)


def spoil(fault: Fault, answer: Answer, pause: Pause) -> Response:
    """Return what the caller gets instead of `answer`; `pause` makes a call hang."""
    return KINDS[fault.kind](fault, answer, pause)


def _refuse(fault: Fault, answer: Answer, _: Pause) -> Response:
    if fault.after:
        answer()
    raise documented(fault.code)


def _status(fault: Fault, answer: Answer, _: Pause) -> Response:
    """Return a status without a documented body, as a gateway would answer."""
    if fault.after:
        answer()
    return Response("<html>upstream</html>", status=fault.status or 502, content_type="text/html")


def _reset(fault: Fault, answer: Answer, _: Pause) -> Response:
    if fault.after:
        answer()
    return _cut(Response(), b"")


def _hang(fault: Fault, answer: Answer, pause: Pause) -> Response:
    if not fault.after:
        pause(fault.seconds)
        return answer()
    real = answer()
    pause(fault.seconds)
    return real


def _garbage(fault: Fault, answer: Answer, _: Pause) -> Response:
    if fault.after:
        answer()
    return Response(b"\x00not json{", status=fault.status or 200, content_type="application/json")


def _truncate(fault: Fault, answer: Answer, _: Pause) -> Response:
    real = answer()
    body = real.get_data()
    real.headers["Content-Length"] = str(len(body))
    return _cut(real, body[: len(body) // 2 if fault.keep is None else fault.keep])


def _flip(fault: Fault, answer: Answer, _: Pause) -> Response:
    real = answer()
    body = bytearray(real.get_data())
    body[len(body) // 2 if fault.keep is None else fault.keep] ^= 0xFF
    real.set_data(bytes(body))
    return real


def _redirect(fault: Fault, answer: Answer, _: Pause) -> Response:
    if fault.after:
        answer()
    return Response(status=fault.status or 302, headers={"Location": fault.location})


def _foreign_host(fault: Fault, answer: Answer, _: Pause) -> Response:
    """Return the true answer with a link to another host."""
    real = answer()
    real.set_data(_LINK_HOST.sub(rf"\g<1>https://{fault.host}/", real.get_data(as_text=True)))
    return real


def _no_link(fault: Fault, answer: Answer, _: Pause) -> Response:
    """Return the true answer without its link."""
    return _edited(answer(), lambda output: output.pop("video_url", None))


def _no_task_id(fault: Fault, answer: Answer, _: Pause) -> Response:
    """Return the true answer without the id of its task."""
    return _edited(answer(), lambda output: output.pop("task_id", None))


def _halves(fault: Fault, answer: Answer, _: Pause) -> Response:
    """Return the true answer with half a surrogate pair at the end of every text that people read."""
    real = answer()
    document = json.loads(real.get_data())
    usage = document.pop("usage", None)
    document = _with_halves(document)
    if usage is not None:
        document["usage"] = usage
    # JSON writes such a half as an escape, because UTF-8 cannot encode it.
    real.set_data(json.dumps(document))
    return real


def _with_halves(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _with_halves(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_halves(part) for part in value]
    return f"{value}{_HALF}" if isinstance(value, str) and name not in _NEVER_READ else value


def _unknown(fault: Fault, answer: Answer, _: Pause) -> Response:
    """Return the answer about a task that does not exist."""

    def forget(output: dict[str, Any]) -> None:
        task_id = output.get("task_id")
        output.clear()
        output.update(task_id=task_id, task_status="UNKNOWN")

    return _edited(answer(), forget)


def _edited(response: Response, edit: Callable[[dict[str, Any]], object]) -> Response:
    """Edit the `output` of a response and remove its `usage`; a response without an `output` stays as it is."""
    document = json.loads(response.get_data())
    if isinstance(document.get("output"), dict):
        edit(document["output"])
        document.pop("usage", None)
        response.set_data(json.dumps(document))
    return response


def _xml(fault: Fault, answer: Answer, _: Pause) -> Response:
    """Return an error page of the object store with status 200."""
    return Response("<Error><Code>InternalError</Code></Error>", status=fault.status or 200, content_type="text/xml")


KINDS: Final[Mapping[str, Callable[[Fault, Answer, Pause], Response]]] = MappingProxyType(
    {
        "refuse": _refuse,
        "status": _status,
        "reset": _reset,
        "hang": _hang,
        "garbage": _garbage,
        "truncate": _truncate,
        "flip": _flip,
        "redirect": _redirect,
        "foreign_host": _foreign_host,
        "no_link": _no_link,
        "no_task_id": _no_task_id,
        "halves": _halves,
        "unknown": _unknown,
        "xml": _xml,
    }
)
"""Every kind of fault, with the function that changes an answer."""


def _cut(response: Response, kept: bytes) -> Response:
    """Send `kept` of a response and cut the connection; if it is empty, send nothing, not even a status."""
    connection: Any = request.environ.get("werkzeug.socket")

    def body() -> Iterator[bytes]:
        if kept:
            yield kept
        elif isinstance(connection, socket):
            connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionResetError

    response.response = body()
    return response
