"""The storage client: it downloads and uploads by the API's signed links, without the API's token."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from wan_video_cli.errors import NotUsable, Unreachable
from wan_video_cli.settings import is_loopback

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 35
"""Seconds to wait for an answer. API Gateway gives up after 29; the storage answers much sooner."""

CHUNK_BYTES: Final = 1 << 20

SENDINGS: Final = 3
FIRST_PAUSE: Final = 1.0
"""Seconds before a file is sent again."""

TAKEN: Final = (HTTPStatus.OK, HTTPStatus.PRECONDITION_FAILED)
"""The statuses that mean the file has arrived, perhaps by an earlier try whose answer was lost."""


@contextmanager
def fetched(link: str, start: int = 0, etag: str | None = None) -> Iterator[Response]:
    """Open the object behind a link as a stream, from byte `start` on if the storage supports that; raises Unreachable.

    With an `etag`, the rest is sent only if the object still has that ETag (RFC 9110, If-Range).
    """
    from requests import RequestException

    headers = {"Accept-Encoding": "identity"}
    if start and etag:
        headers |= {"Range": f"bytes={start}-", "If-Range": etag}
    with ExitStack() as closing:
        session = closing.enter_context(anonymous(link))
        try:
            stored = closing.enter_context(
                session.get(
                    link,
                    stream=True,
                    timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                    headers=headers,
                )
            )
            resumed = stored.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            if stored.status_code != HTTPStatus.OK and not (
                stored.status_code == HTTPStatus.PARTIAL_CONTENT and resumed
            ):
                raise Unreachable(
                    f"The storage answered {stored.status_code}.", "Try again: every try gets a new link."
                )
            yield stored
        except RequestException as error:
            raise Unreachable(f"The download was interrupted: {cause(error)}.", "Try again.") from None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Check a file before the first request. Raises NotUsable."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise NotUsable(f"{path} cannot be read: {error.strerror}.", "Give a prompt file.") from None
    with file:
        if not os.fstat(file.fileno()).st_size:
            raise NotUsable(f"{path} is empty.", "Give a prompt file.")
        yield file


def key_of(name: str, file: IO[bytes]) -> str:
    """Return the key that makes a file of this name and content one batch, however often it is sent.

    The console makes the same key (`functions/api/console/batches.js`).
    """
    digest = hashlib.sha256(os.fsencode(name) + b"\0")
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return f"file-{digest.hexdigest()}"


def send(upload: Mapping[str, Any], file: IO[bytes], pause: Callable[[float], None] = time.sleep) -> None:
    """Upload a file as the API's `upload` says; repeated at most twice, it counts once. Raises Unreachable."""
    from requests import RequestException

    why = ""
    with anonymous(upload["url"]) as session:
        for left in reversed(range(SENDINGS)):
            file.seek(0)
            try:
                answer = session.put(
                    upload["url"], data=file, headers=upload["headers"], timeout=(CONNECT_SECONDS, ANSWER_SECONDS)
                )
            except RequestException as error:
                why = cause(error)
            else:
                if answer.status_code in TAKEN:
                    return
                why = f"the storage answered {answer.status_code}"
                if answer.status_code < 500:
                    break
            if left:
                pause(FIRST_PAUSE * 2 ** (SENDINGS - left - 1))
    raise Unreachable(f"The file could not be sent: {why}.", "Repeat the command: no video was requested yet.")


def open_session(url: str) -> Session:
    """Create a session of connections; requests to this machine use no proxy."""
    from requests import Session

    session = Session()
    session.headers["User-Agent"] = "wan-video"
    session.trust_env = not is_loopback(url)
    return session


def anonymous(link: str) -> Session:
    """Create a session for signed links: it sends neither the token nor credentials of a .netrc."""
    session = open_session(link)
    session.auth = _nobody
    return session


def cause(error: BaseException) -> str:
    """Describe why a connection failed in the system's own words; requests' message would quote the whole URL."""
    from requests import exceptions

    if isinstance(error, exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, exceptions.SSLError):
        return "its certificate is not accepted"
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, OSError) and one.strerror:
            return one.strerror[0].lower() + one.strerror[1:]
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return "the connection broke"


def _nobody(request: PreparedRequest) -> PreparedRequest:
    return request
