"""Faults that a test can queue: each spoils the next answers of one route in one way.

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
"""What programs go by; everything else in an answer is text for people."""

Answer = Callable[[], Response]
Pause = Callable[[float], None]
"""Waits for so many real seconds, or less where the faults are cleared meanwhile."""


class FaultError(Exception):
    """A fault that cannot be queued, and why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble for the next `times` calls of `route`; what a kind does not use, it ignores.

    `after` lets the call take effect first (the task is accepted, only the answer suffers). `seconds` are real
    ones; an answer that hangs comes sooner where the faults are cleared.
    `keep` is how many bytes of the body still arrive before a cut, or the place of the flipped one; None is half.
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
    """Whether `text` can be the value of a header."""
    return _HEADER_TEXT.fullmatch(text) is not None


class FaultQueue:
    """The faults still to come, first in, first out for each route."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._waiting: list[Fault] = []
        self._cleared = 0
        self._call = threading.local()

    def add(self, fault: Fault) -> None:
        """Queue `fault` for as many calls as it says."""
        with self._lock:
            self._waiting += [fault] * fault.times

    def take(self, route: Route) -> Fault | None:
        """The fault for a call of `route` that has just arrived, if one is due."""
        with self._lock:
            self._call.began = self._cleared
            due = next((fault for fault in self._waiting if fault.route == route), None)
            if due:
                self._waiting.remove(due)
            return due

    def waiting(self) -> list[Fault]:
        """All faults still to come."""
        with self._lock:
            return list(self._waiting)

    def clear(self) -> None:
        """Forget them all, and let the calls that hang go on."""
        with self._lock:
            self._waiting.clear()
            self._cleared += 1
            self._lock.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait for `seconds`, or until the faults are cleared after this thread's last `take`."""
        with self._lock:
            began: int = getattr(self._call, "began", self._cleared)
            self._lock.wait_for(lambda: self._cleared != began, seconds)


def spoil(fault: Fault, answer: Answer, pause: Pause) -> Response:
    """What the caller gets instead of `answer`; `pause` is how a call hangs."""
    return KINDS[fault.kind](fault, answer, pause)


def _refuse(fault: Fault, answer: Answer, _: Pause) -> Response:
    if fault.after:
        answer()
    raise documented(fault.code)


def _status(fault: Fault, answer: Answer, _: Pause) -> Response:
    """A status without any documented body, as a gateway in between would answer."""
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
    """The true answer, whose link leads to another host."""
    real = answer()
    real.set_data(_LINK_HOST.sub(rf"\g<1>https://{fault.host}/", real.get_data(as_text=True)))
    return real


def _no_link(fault: Fault, answer: Answer, _: Pause) -> Response:
    """The true answer without its link."""
    return _edited(answer(), lambda output: output.pop("video_url", None))


def _no_task_id(fault: Fault, answer: Answer, _: Pause) -> Response:
    """The true answer without the id of its task."""
    return _edited(answer(), lambda output: output.pop("task_id", None))


def _halves(fault: Fault, answer: Answer, _: Pause) -> Response:
    """The true answer, with half a surrogate pair at the end of every text that people read."""
    real = answer()
    document = json.loads(real.get_data())
    usage = document.pop("usage", None)
    document = _with_halves(document)
    if usage is not None:
        document["usage"] = usage
    # JSON writes such a half as an escape, for UTF-8 cannot.
    real.set_data(json.dumps(document))
    return real


def _with_halves(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _with_halves(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_halves(part) for part in value]
    return f"{value}{_HALF}" if isinstance(value, str) and name not in _NEVER_READ else value


def _unknown(fault: Fault, answer: Answer, _: Pause) -> Response:
    """The answer about a task that nobody knows."""

    def forget(output: dict[str, Any]) -> None:
        task_id = output.get("task_id")
        output.clear()
        output.update(task_id=task_id, task_status="UNKNOWN")

    return _edited(answer(), forget)


def _edited(response: Response, edit: Callable[[dict[str, Any]], object]) -> Response:
    """The response, its `output` edited and what was billed left out; anything without an `output` stays as it is."""
    document = json.loads(response.get_data())
    if isinstance(document.get("output"), dict):
        edit(document["output"])
        document.pop("usage", None)
        response.set_data(json.dumps(document))
    return response


def _xml(fault: Fault, answer: Answer, _: Pause) -> Response:
    """An error page of the object store that says 200."""
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
"""Every kind of fault and what it makes of an answer."""


def _cut(response: Response, kept: bytes) -> Response:
    """Send `kept` of a response and drop the connection; nothing at all, not even a status, where it is empty."""
    connection: Any = request.environ.get("werkzeug.socket")

    def body() -> Iterator[bytes]:
        if kept:
            yield kept
        elif isinstance(connection, socket):
            connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionResetError

    response.response = body()
    return response
