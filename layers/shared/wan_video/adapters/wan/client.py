"""Wan's HTTP API: create a task, query a task, cancel a task, list tasks, read quotas.

A create call sends exactly one POST: no retry, no reused connection, no redirect. An answer that is not clearly a yes
or a no raises `WanUncertain`. Queries can be repeated, and raise `WanUnavailable`.
Source: Model Studio, "Wan text-to-video API reference" and "Error messages".
"""

from __future__ import annotations

import json as jsonlib
import ssl
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError
from urllib3.exceptions import SSLError as TlsError
from urllib3.util.retry import Retry
from urllib3.util.timeout import Timeout

from wan_video.adapters.wan.bodies import error_of, headers, request_body, task_of
from wan_video.adapters.wan.quotas import read_quota, read_retirements
from wan_video.adapters.wan.task_list import read_list
from wan_video.domain.endpoints import WANS_OWN, Endpoints
from wan_video.domain.image import NO_ADDRESSES
from wan_video.domain.names import TASK_ID
from wan_video.domain.task import TaskList
from wan_video.domain.text import without_halves
from wan_video.errors import (
    WanError,
    WanRefused,
    WanThrottled,
    WanUnauthorized,
    WanUnavailable,
    WanUncertain,
    WanUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wan_video.domain.image import ImageAddresses
    from wan_video.domain.models import Region
    from wan_video.domain.quota import Quota
    from wan_video.domain.request import VideoRequest
    from wan_video.domain.task import TaskAnswer

T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 30.0
"""Seconds from the start of a request to the last byte of its answer; shorter than the timeouts of the functions."""

MAX_ANSWER_BYTES: Final = 1024 * 1024

THROTTLE_CODES: Final = frozenset({"ModelServingError", "ModelUnavailable"})
"""Codes of a 503 that say "not now"; any other 503 to a submission is not a clear answer."""

OVERDUE_CODES: Final = frozenset({"PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased"})
"""Codes with status 429 that mean an unpaid bill, not a temporary limit."""

TOO_LARGE: Final = 413
"""The status of a gateway that does not pass a request on, whatever its answer looks like.

Source: Model Studio, "Rate limits" (limits of the body).
"""

KEY_REFUSED: Final = (401, 403)
"""Statuses of an answer that does not describe a task, because the host refuses the key."""


class Keys(Protocol):
    """The source of API keys."""

    def key(self, region: Region) -> str:
        """Return the region's key. Raises WanUnauthorized if there is none."""
        ...

    def refresh(self, region: Region) -> bool:
        """Read the keys again; return whether the region's key has changed."""
        ...


class _Bearer(AuthBase):
    """The authentication with a key; it sets the header itself, so that no netrc entry can replace it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class _NoAnswer(Exception):
    """Raised if a request was sent and no usable answer was received."""


class WanClient:
    """The ports `Wan`, `Uploads` and `WanQuotas`.

    The client does not wait for a `Retry-After`, because each second of a function costs: the state machine waits, for
    limited times. `endpoints` contains the base URLs, `on_unauthorized` is called whenever a key is missing or refused,
    and `pause` waits between the pages of a list. `answer_seconds` limits the time of one answer; None means
    ANSWER_SECONDS.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        endpoints: Endpoints = WANS_OWN,
        on_unauthorized: Callable[[], None] = lambda: None,
        pause: Callable[[float], None] = time.sleep,
        answer_seconds: float | None = None,
    ) -> None:
        self._keys = keys
        self._endpoints = endpoints
        self._on_unauthorized = on_unauthorized
        self._pause = pause
        self._answer_seconds = answer_seconds

    def base_url(self, region: Region, model: str | None = None) -> str:
        url = self._endpoints.base_url(region, model)
        if url is None:
            raise WanRefused("WorkspaceMissing", f"Wan in {region} needs a workspace: set WanWorkspaceId.")
        return url

    def prepare(self, request: VideoRequest, addresses: ImageAddresses = NO_ADDRESSES) -> Callable[[], TaskAnswer]:
        region = request.region
        base_url = self.base_url(region, request.model)
        with self._watched():
            return partial(self._create, region, base_url, request_body(request, addresses), self._keys.key(region))

    def _create(self, region: Region, base_url: str, body: Mapping[str, Any], key: str) -> TaskAnswer:
        with self._watched():
            return self._post(region, base_url, body, key)

    def _post(self, region: Region, base_url: str, body: Mapping[str, Any], key: str) -> TaskAnswer:
        try:
            status, answer = self._send(
                "POST",
                region,
                base_url + "/services/aigc/video-generation/video-synthesis",
                key,
                headers=headers(body),
                json=body,
            )
        except _NoAnswer as error:
            raise WanUncertain("AnswerLost", str(error)) from None
        code, message, request_id = error_of(answer)
        if code is not None:
            if _throttled(status, code):
                raise WanThrottled(code, message, status=status, request_id=request_id)
            if status == 401:
                raise WanUnauthorized(code, message, status=status, request_id=request_id)
            if 400 <= status < 500:
                raise WanRefused(code, message, status=status, request_id=request_id)
        if status == TOO_LARGE:
            message = "Wan's gateway refused the request because it is too large; no task was made."
            raise WanRefused(f"Http{status}", message, status=status, request_id=request_id)
        task = task_of(answer) if status == 200 else None
        if task is None or not TASK_ID.fullmatch(task.task_id):
            raise WanUncertain(code or "AnswerUnclear", f"HTTP {status} without a task id", status=status)
        return replace(task, base_url=base_url)

    def query(self, region: Region, task_id: str, base_url: str | None = None) -> TaskAnswer:
        return self._asked(region, base_url, partial(self._query, region, task_id))

    def cancel(self, region: Region, task_id: str, base_url: str | None = None) -> None:
        self._asked(region, base_url, partial(self._cancel, region, task_id))

    def tasks(self, region: Region, model: str, since: int, until: int, base_url: str | None = None) -> TaskList:
        def read(base_url: str) -> TaskList:
            ask = partial(self._ask, region, base_url)
            return TaskList(base_url, read_list(ask, model, since, until, pause=self._pause))

        return self._asked(region, base_url, read)

    def _asked(self, region: Region, base_url: str | None, ask: Callable[[str], T]) -> T:
        """Ask a base URL, or the region's current one if the first refuses the key or cannot be reached."""
        current = self._endpoints.base_url(region)
        with self._watched():
            if base_url is not None and base_url != current:
                try:
                    return self._with_good_key(region, partial(ask, base_url))
                except WanUnreachable:
                    if current is None:
                        raise
                except WanRefused as error:
                    if current is None or error.status not in KEY_REFUSED:
                        raise
            return self._with_good_key(region, partial(ask, self.base_url(region)))

    def _with_good_key(self, region: Region, ask: Callable[[], T]) -> T:
        """Send a request, and repeat it if the key is refused and the secret now contains another key."""
        try:
            return ask()
        except WanUnauthorized:
            if not self._keys.refresh(region):
                raise
            return ask()

    def policy(self, region: Region, model: str) -> Mapping[str, Any]:
        """The port `Uploads`."""
        url = f"{self.base_url(region, model)}/uploads?action=getPolicy&model={quote(model, safe='', errors='replace')}"
        with self._watched():
            try:
                status, answer = self._send("GET", region, url, self._keys.key(region))
            except _NoAnswer as error:
                raise WanUnavailable("AnswerLost", str(error)) from None
            code, message, request_id = error_of(answer)
            data = answer.get("data")
            if status == 200 and isinstance(data, dict):
                return data
            error_class = WanUnauthorized if status == 401 else WanUnavailable if status >= 500 else WanRefused
            raise error_class(code or f"Http{status}", message, status=status, request_id=request_id)

    def quota(self, region: Region, model: str) -> Quota | None:
        """The port `WanQuotas`, like `retirements`.

        A key that is refused here raises no alarm, because it may be valid for tasks and not for this API.
        """
        ask = partial(self._ask, region, self._account_url(region))
        return self._with_good_key(region, partial(read_quota, ask, model, self._endpoints.workspace_of(region)))

    def retirements(self, region: Region) -> Mapping[str, int | None]:
        ask = partial(self._ask, region, self._account_url(region))
        return self._with_good_key(region, partial(read_retirements, ask))

    def _account_url(self, region: Region) -> str:
        url = self._endpoints.account_url(region)
        if url is None:
            raise WanRefused("WorkspaceMissing", f"Wan in {region} needs a workspace: set WanWorkspaceId.")
        return url

    def refresh_key(self, region: Region) -> bool:
        return self._keys.refresh(region)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except WanUnauthorized:
            self._on_unauthorized()
            raise

    def _query(self, region: Region, task_id: str, base_url: str) -> TaskAnswer:
        answer = self._ask(region, base_url, f"/tasks/{quote(task_id, safe='')}")
        task = task_of(answer)
        code, message, request_id = error_of(answer)
        if task is None or not task.status:
            raise WanUnavailable(code or "Http200", message, status=200, request_id=request_id)
        if task.task_id != task_id:
            message = "Wan's answer is about another task than the one that was asked for."
            raise WanUnavailable("OtherTask", message, status=200, request_id=request_id)
        return replace(task, base_url=base_url)

    def _cancel(self, region: Region, task_id: str, base_url: str) -> None:
        answer = self._ask(region, base_url, f"/tasks/{quote(task_id, safe='')}/cancel", method="POST")
        code, message, request_id = error_of(answer)
        if code is not None or request_id is None:
            raise WanUnavailable(code or "AnswerUnclear", message, status=200, request_id=request_id)

    def _ask(self, region: Region, base_url: str, path: str, *, method: str = "GET") -> Mapping[str, Any]:
        """Return the answer to a free call. Raises WanThrottled, WanUnreachable, WanRefused and WanUnavailable."""
        try:
            status, answer = self._send(method, region, base_url + path, self._keys.key(region))
        except _NoAnswer as error:
            raise WanUnavailable("AnswerLost", str(error)) from None
        if status == 200:
            return answer
        code, message, request_id = error_of(answer)
        code = code or f"Http{status}"
        error_class: type[WanError] = WanUnavailable
        if status == 429 or _throttled(status, code):
            error_class = WanThrottled
        elif status == 401:
            error_class = WanUnauthorized
        elif 400 <= status < 500:
            error_class = WanRefused
        raise error_class(code, message, status=status, request_id=request_id)

    def _send(
        self,
        method: str,
        region: Region,
        url: str,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> tuple[int, Mapping[str, Any]]:
        """Send one request on a new connection; return the status and the JSON object of the answer, or {}.

        Raises WanUnreachable if no byte was sent, and _NoAnswer if no complete answer arrived in time.
        """
        patience = self._answer_seconds or ANSWER_SECONDS
        deadline = time.monotonic() + patience
        # requests also accepts urllib3's Timeout, whose `total` limits connecting and waiting together.
        timeout: Any = Timeout(total=patience, connect=CONNECT_SECONDS, read=READ_SECONDS)
        with requests.Session() as session:
            session.mount("https://", HTTPAdapter(max_retries=Retry(total=0, redirect=False)))
            session.mount("http://", HTTPAdapter(max_retries=Retry(total=0, redirect=False)))
            try:
                with session.request(
                    method,
                    url,
                    headers={"Accept": "application/json", "User-Agent": "wan-video", **(headers or {})},
                    json=json,
                    auth=_Bearer(key),
                    timeout=timeout,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    return response.status_code, _json(_body(response, deadline))
            except (requests.RequestException, HTTPError) as error:
                if _before_any_byte(error):
                    raise WanUnreachable("ConnectionFailed", f"No connection to Wan in {region}.") from None
                raise _NoAnswer(f"{type(error).__name__} from Wan in {region}") from None


def _body(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    # Read from the socket once at a time, so that the deadline is checked even if a host sends single bytes.
    while chunk := response.raw.read1(16 * 1024, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise requests.RequestException("the answer is too large")
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer took too long")
    return bytes(body)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        # An invalid text must not hide the rest of the answer, which may contain a paid task.
        answer = jsonlib.loads(body.decode("utf-8-sig", "replace"), strict=False)
        return _without_halves(answer) if isinstance(answer, dict) else {}
    except (ValueError, RecursionError):
        return {}


def _without_halves(value: Any) -> Any:
    """Return an answer whose names and texts can all be stored, because JSON can contain lone surrogates."""
    if isinstance(value, str):
        return without_halves(value)
    if isinstance(value, dict):
        return {without_halves(name): _without_halves(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_halves(part) for part in value]
    return value


def _throttled(status: int, code: str) -> bool:
    return (status == 429 and code not in OVERDUE_CODES) or (status == 503 and code in THROTTLE_CODES)


def _before_any_byte(error: Exception) -> bool:
    """Return whether a request was certainly not sent: no usable address, no connection, or an invalid certificate."""
    if isinstance(error, requests.ConnectTimeout | InvalidURL | InvalidSchema | MissingSchema):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(reason, TlsError):
        return any(isinstance(part, ssl.SSLCertVerificationError) for part in reason.args)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
