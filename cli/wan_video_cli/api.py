"""The API client: every call ends, reads are retried a few times, and a POST is safe to repeat.

A POST is sent once; if the connection breaks, it is sent again, at most twice, with the same Idempotency-Key, so
that it makes one video however many copies arrive. No message of this module contains a token or a signed link.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self

from wan_video_cli.advice import refused
from wan_video_cli.download import Stored, Variant
from wan_video_cli.errors import Refused, Unreachable
from wan_video_cli.settings import Settings
from wan_video_cli.storage import ANSWER_SECONDS, CONNECT_SECONDS, cause, fetched, open_session
from wan_video_cli.words import checked_id

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

TRIES: Final = 3
FIRST_PAUSE: Final = 1.0
"""Seconds before the second try; each further try waits twice as long."""

PAGE: Final = 100

LONGEST_PAUSE: Final = 60.0
"""The longest wait in seconds; if the API asks for a longer one, the command reports it and ends."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """A video or a batch as it is now, and the seconds after which the API wants the next request."""

    document: Document
    ask_again: float | None


class Api:
    """One API and one token; a context manager that owns its connections."""

    def __init__(self, settings: Settings, pause: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._pause = pause
        self._session = open_session(settings.api_url)
        self._session.auth = self._authenticate

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @property
    def url(self) -> str:
        """The address of the API."""
        return self._settings.api_url

    def get(self, path: str, **query: object) -> Document:
        """Read a document; raises Refused and Unreachable, as all methods here do."""
        return _document(self._get(path, query))

    def video(self, video_id: str) -> Reading:
        """Read one video."""
        return self._read(path_of(video_id))

    def batch(self, batch_id: str) -> Reading:
        """Read one batch."""
        return self._read(batch_path(batch_id))

    def pages(self, path: str, limit: int | None, **filters: str | None) -> tuple[list[Document], bool]:
        """Read up to `limit` documents of a list (None for all), page by page, and whether there are more."""
        found: list[Document] = []
        after: str | None = None
        while True:
            wanted = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self.get(path, limit=wanted, after=after, **filters)
            found += page["data"]
            # A page may be empty because a filter excluded all of its documents.
            more, after = bool(page["has_more"] and page["last_id"]), page["last_id"]
            if not more or len(found) == limit:
                return found, more

    def post(self, path: str, body: Document | None = None, *, key: str | None = None, **query: object) -> Document:
        """Change a resource. The request must be safe to receive twice: by its nature or by its key."""
        headers = {"Idempotency-Key": key} if key else {}
        for left in reversed(range(TRIES)):
            try:
                return _document(self._send("POST", path, json=body, params=_text(query), headers=headers))
            except _NoAnswer as error:
                if not left:
                    raise self._unreachable(str(error), _repeat(key)) from None
                self._pause(FIRST_PAUSE * 2 ** (TRIES - left - 1))
        raise AssertionError  # the last try has returned or raised

    def post_once(self, path: str, body: Document | None, look: str) -> Document:
        """Send a request that is not safe to receive twice; `look` says how to find out whether it has arrived."""
        try:
            return _document(self._send("POST", path, json=body))
        except _NoAnswer as error:
            raise self._unreachable(str(error), f"The request may or may not have arrived. {look}") from None

    def delete(self, path: str, look: str = "Look with `wan-video show`.") -> Document:
        """Delete a resource; the request is sent once, because a second one would find nothing."""
        try:
            return _document(self._send("DELETE", path))
        except _NoAnswer as error:
            raise self._unreachable(str(error), f"It may have been deleted. {look}") from None

    def stored(self, video_id: str, variant: str) -> Stored:
        """Get a link to a video's file, or to the JSON beside it."""
        if variant == Variant.VIDEO:
            file = self.get(path_of(video_id, "file"))
            return Stored(file["url"], file["bytes"], file["crc64nvme"])
        answer = self._get(path_of(video_id, "content"), {"variant": variant})
        return Stored(answer.headers.get("Location", ""))

    def report(self, batch_id: str, name: str) -> Stored:
        """Get a link to a report of a batch that has ended."""
        reports = self.get(batch_path(batch_id))["reports"]
        if reports is None:
            raise Refused(f"Batch {batch_id} has no reports yet.", f"Wait for it: `wan-video batch wait {batch_id}`.")
        return Stored(reports[name])

    def fetch(self, link: str, start: int, etag: str | None) -> AbstractContextManager[Response]:
        """Open a link that this API returned, as a stream; the token is not sent."""
        return fetched(link, start, etag)

    def _read(self, path: str) -> Reading:
        answer = self._get(path, {})
        return Reading(_document(answer), _seconds(answer))

    def _get(self, path: str, query: Mapping[str, object]) -> Response:
        for tried in range(1, TRIES + 1):
            pause = FIRST_PAUSE * 2 ** (tried - 1)
            try:
                return self._send("GET", path, params=_text(query))
            except _NoAnswer as error:
                if tried == TRIES:
                    raise self._unreachable(str(error), "") from None
            except _Later as error:
                pause = error.seconds if error.seconds is not None else pause
                if tried == TRIES or pause > LONGEST_PAUSE:
                    raise error.reason from None
            self._pause(pause)
        raise AssertionError  # the last try has returned or raised

    def _send(self, method: str, path: str, **more: Any) -> Response:
        """Send one request; raises _NoAnswer, _Later and Refused."""
        from requests import RequestException

        try:
            answer = self._session.request(
                method,
                self._settings.api_url + path,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
                **more,
            )
        except RequestException as error:
            raise _NoAnswer(cause(error)) from None
        if answer.ok and (answer.status_code != HTTPStatus.FOUND or "Location" in answer.headers):
            return answer
        reason = self._error_of(answer)
        if method == "GET" and (answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.status_code >= 500):
            raise _Later(reason, _seconds(answer))
        raise reason

    def _error_of(self, answer: Response) -> Refused | Unreachable:
        """Turn an unsuccessful answer into an error."""
        try:
            problem = answer.json()
            if not isinstance(problem, dict) or "detail" not in problem:
                raise ValueError
        except ValueError:
            if answer.status_code >= 500:
                return self._unreachable(f"it answered {answer.status_code}", "")
            return _stranger(answer)
        if answer.status_code >= 500:
            request_id = f" (request {problem['instance']})" if problem.get("instance") else ""
            return Unreachable(f"The API is not working: {problem['detail']}{request_id}", "Try again later.")
        return refused(answer.status_code, problem, _seconds(answer), self._settings.token_from)

    def _unreachable(self, why: str, remedy: str) -> Unreachable:
        look = "Check your connection and the address."
        return Unreachable(f"{self._settings.api_url} cannot be reached: {why}.", f"{remedy or look}")

    def _authenticate(self, request: PreparedRequest) -> PreparedRequest:
        # Passed as `auth`: requests lets a .netrc replace a header of the session.
        request.headers["Authorization"] = f"Bearer {self._settings.token}"
        return request


class _NoAnswer(Exception):
    """Raised when a connection failed: the request may or may not have arrived."""


class _Later(Exception):
    """Raised when a read may succeed later; `seconds` is the wait, if the API states one."""

    def __init__(self, reason: Refused | Unreachable, seconds: float | None) -> None:
        super().__init__()
        self.reason = reason
        self.seconds = seconds


def new_key() -> str:
    """Create a key that makes a repeated POST the same request."""
    return secrets.token_urlsafe(16)


def path_of(video_id: str, *parts: str) -> str:
    """Build the path of a video, or of a resource below it; raises NotUsable for an id that would lead elsewhere."""
    return "/".join(("/v1/videos", checked_id(video_id), *parts))


def batch_path(batch_id: str, *parts: str) -> str:
    """Build the path of a batch in the same way."""
    return "/".join(("/v1/batches", checked_id(batch_id, "batch"), *parts))


def _document(answer: Response) -> Document:
    try:
        document = answer.json()
    except ValueError:
        raise _stranger(answer) from None
    if not isinstance(document, dict):
        raise _stranger(answer)
    return document


def _stranger(answer: Response) -> Unreachable:
    return Unreachable(
        f"The server at this address ({answer.status_code}) is not a Wan Video API.",
        "Check the address: it is the stack's output ApiUrl, with the stage at its end.",
    )


def _seconds(answer: Response) -> float | None:
    """Retry-After in seconds, the only form this API uses."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _text(query: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}


def _repeat(key: str | None) -> str:
    again = f"with --idempotency-key {key}, " if key else ""
    return f"The request may or may not have arrived. Repeat it {again}once you are connected: it counts once."
