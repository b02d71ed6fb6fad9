"""The result host: reads a video with as many requests as needed, and only bytes of one version of it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wan_video.adapters.connections import TROUBLE, Connection, Connections, PrivateAddress
from wan_video.errors import DeliveryInterrupted

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from wan_video.adapters.transfer.limits import Limits, Tally

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)
_STRONG_ETAG: Final = re.compile(r'"[\x21\x23-\x7e]*"', re.ASCII)
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_READ_BYTES: Final = 64 * 1024
"""Bytes read at once into the buffer; they are requested again if the connection is cut in the middle.

After a connection that returned no byte it is a sixteenth of that, and so on.
"""


Chunks = Generator[memoryview, None, None]


class Passing(Exception):
    """Raised for an error that may not occur again; if it does, it becomes DeliveryInterrupted.

    `retry_after` is the pause in seconds that the host asks for.
    """

    def __init__(self, code: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Version:
    """The identity of a version of the video: length, ETag and CRC-64/XZ, if the host states them."""

    bytes: int | None
    etag: str | None
    xz: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An open answer: `first` is the position of its first byte, and `last` that of its last byte if it is known."""

    response: HTTPResponse
    version: Version
    first: int
    last: int | None

    @property
    def ranged(self) -> bool:
        """Return whether the host sends a range."""
        return self.response.status == 206

    @property
    def whole(self) -> bool:
        """Return whether the answer holds a whole video of known length."""
        return self.last is not None and (self.first, self.last + 1) == (0, self.version.bytes)


class Source:
    """One video at a link. Threads share it, and each uses its own connection."""

    def __init__(self, ask: Callable[[], str], connections: Connections, limits: Limits, tally: Tally) -> None:
        self._ask = ask
        self._connections = connections
        self._limits = limits
        self._tally = tally
        self._lock = threading.Lock()
        self._link = ""
        self._version: Version | None = None

    def first(self, connection: Connection, head: Callable[[float], int] | None) -> Answer:
        """Request the first bytes, or all of them without `head`; the answer sets the version of the copy.

        `head` returns the number of bytes for the seconds in which the connection opened.
        """
        self._version = None
        with self._lock:
            if not self._link:
                self._link = self._ask()
        answer = self._patient(connection, 0, None, head=head)
        self._version = answer.version
        return answer

    def chunks(
        self,
        connection: Connection,
        first: int,
        last: int | None,
        answer: Answer | None = None,
        room: memoryview | None = None,
    ) -> Chunks:
        """Yield the bytes from `first` to `last` (None: to the end); a chunk is valid until the next is requested.

        With `room`, which has space for all of them, they are written there, and remain valid.
        Continues where a connection was cut. Raises DeliveryInterrupted, Cut, and what a request for a link raises.
        """
        size = self._limits.chunk_bytes
        buffer = memoryview(bytearray(size if room is None else 0))
        position, began, fruitless = first, first, 0
        try:
            while last is None or position <= last:
                if answer is None:
                    answer, began = self._patient(connection, position, last, fruitless), position
                if room is not None:
                    buffer = room[position - first :][:size]
                wanted = size if last is None else min(size, last + 1 - position)
                filled, over, broken = _fill(
                    answer.response, buffer[:wanted], _READ_BYTES >> 4 * fruitless, self._limits.chunk_seconds
                )
                self._connections.check()
                position += filled
                if position > self._limits.video_bytes:
                    raise DeliveryInterrupted(
                        "too_large", f"The result is longer than {self._limits.video_bytes} bytes."
                    )
                if filled:
                    yield buffer[:filled]
                if over and last is None and not broken:
                    return
                if over and (last is None or position <= last):
                    fruitless = fruitless + 1 if position == began else 0
                    self._broke_off(position, fruitless)
                    connection.close()
                    answer = None
        finally:
            if answer is not None and answer.response.length == 0:
                answer.response.close()
            else:
                connection.close()

    def _broke_off(self, position: int, fruitless: int) -> None:
        """Record that a connection ended at `position`; raises DeliveryInterrupted if it cannot continue."""
        version = self._version
        if version is None or version.etag is None or version.bytes is None:
            raise DeliveryInterrupted("truncated", f"The connection ended after {position} bytes.")
        if fruitless >= self._limits.fruitless:
            raise DeliveryInterrupted("truncated", f"Nothing more came after {position} of {version.bytes} bytes.")
        self._tally.count("source_resumed", self._limits.resumptions, "truncated")

    def _patient(
        self,
        connection: Connection,
        first: int,
        last: int | None,
        fruitless: int = 0,
        head: Callable[[float], int] | None = None,
    ) -> Answer:
        """Request a range, and retry after a growing pause while the error may not occur again."""
        retry_after = 0.0
        while True:
            if fruitless:
                pause = max(retry_after, self._limits.pause * 2 ** (fruitless - 1))
                self._connections.pause(min(pause, self._limits.longest_pause))
            try:
                return self._open(connection, first, last, head)
            except Passing as passing:
                fruitless += 1
                if fruitless >= self._limits.fruitless:
                    raise DeliveryInterrupted(passing.code, passing.message) from None
                self._tally.count("source_retried", self._limits.resumptions, passing.code)
                retry_after = passing.retry_after

    def _open(
        self, connection: Connection, first: int, last: int | None, head: Callable[[float], int] | None
    ) -> Answer:
        """Request a range once: to `last`, as long as `head` returns, or everything."""
        link = self._link
        headers = {"User-Agent": "wan-video", "Accept-Encoding": "identity"}
        # No header that begins with x-oss-, because the link's signature would have to cover it.
        if self._version is not None and self._version.etag is not None:
            headers["If-Match"] = self._version.etag
        try:
            url = urlsplit(link)
            if head is not None:
                connection.open(url)
                last = head(connection.opened_in) - 1
            if first or last is not None:
                headers["Range"] = f"bytes={first}-{'' if last is None else last}"
            response = connection.request("GET", url, headers)
        except TROUBLE as error:
            self._connections.check()
            raise Passing("download_failed", type(error).__name__) from None
        except PrivateAddress:
            raise DeliveryInterrupted("host_not_public", "The result host's name has no public address.") from None
        except ValueError:
            raise DeliveryInterrupted("link_unusable", "The link is not a usable URL.") from None
        if response.status in (200, 206):
            return self._checked(_answer(response), first, last)
        connection.close()
        if response.status == 403:
            return self._renewed(connection, link, first, last, head)
        if response.status in _PASSING:
            seconds = _retry_after(response.headers.get("Retry-After", ""))
            raise Passing("download_refused", f"The result host answers {response.status}.", seconds)
        raise DeliveryInterrupted(*_refusal(response.status))

    def _renewed(
        self,
        connection: Connection,
        refused: str,
        first: int,
        last: int | None,
        head: Callable[[float], int] | None,
    ) -> Answer:
        """Request a new link, unless another thread did, and continue with it."""
        with self._lock:
            if self._link == refused:
                self._connections.check()
                self._tally.count("link_renewed", self._limits.renewals, "link_expired")
                self._link = self._ask()
        return self._open(connection, first, last, head)

    def _checked(self, answer: Answer, first: int, last: int | None) -> Answer:
        """Refuse an answer that is of another version, or another range than the one that was requested."""
        if answer.version.bytes is not None and answer.version.bytes > self._limits.video_bytes:
            raise DeliveryInterrupted("too_large", f"The result has {answer.version.bytes} bytes.")
        known = self._version
        if known is not None:
            if (answer.version.bytes, answer.version.etag) != (known.bytes, known.etag) or (
                answer.version.xz not in (None, known.xz)
            ):
                raise DeliveryInterrupted("source_changed", "The result changed while it was copied.")
            if not answer.ranged:
                raise DeliveryInterrupted("source_changed", "The result host no longer serves ranges.")
        if answer.first != (first if answer.ranged else 0) or (
            answer.last is not None and last is not None and answer.ranged and answer.last > last
        ):
            raise DeliveryInterrupted("wrong_range", "The result host sends another range than was asked for.")
        return answer


def _answer(response: HTTPResponse) -> Answer:
    etag = response.headers.get("ETag", "").strip()
    xz = response.headers.get("x-oss-hash-crc64ecma", "")
    length = response.headers.get("Content-Length", "")
    first, last, total = 0, None, int(length) if _is_number(length) else None
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if match is None or not int(match[1]) <= int(match[2]) < int(match[3]):
            raise DeliveryInterrupted("wrong_range", "The result host does not say which range it sends.")
        first, last, total = int(match[1]), int(match[2]), int(match[3])
    elif total:
        last = total - 1
    version = Version(total, etag if _STRONG_ETAG.fullmatch(etag) else None, int(xz) if _is_number(xz) else None)
    return Answer(response, version, first, last)


def _retry_after(text: str) -> float:
    """Return the seconds of a `Retry-After` (RFC 9110: a number or a date); 0 for anything else."""
    text = text.strip()
    if _is_number(text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return 0.0


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20


def _fill(response: HTTPResponse, buffer: memoryview, step: int, seconds: float) -> tuple[int, bool, bool]:
    """Read until the buffer is full or time is up; return the bytes read, whether it ended, and if by an error."""
    filled, late = 0, time.monotonic() + seconds
    try:
        while filled < len(buffer) and (not filled or time.monotonic() < late):
            got = response.readinto(buffer[filled : filled + step])
            if not got:
                return filled, True, False
            filled += got
    except TROUBLE:
        return filled, True, True
    return filled, False, False


def _refusal(status: int) -> tuple[str, str]:
    if 300 <= status < 400:
        return "redirected", "The result host redirects, which is not followed."
    if status in (412, 416):
        return "source_changed", "The result changed while it was copied."
    return "download_refused", f"The result host answers {status}."
