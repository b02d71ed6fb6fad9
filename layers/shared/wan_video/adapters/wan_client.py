"""Wan's HTTP API: create a task, query a task.

A create is one POST and never more: no retry, no reused connection, no redirect. What is not plainly a yes or a no is
`WanUncertain`. Queries are free to repeat and say `WanUnavailable`.
Source: Model Studio, "Wan text-to-video API reference" and "Error messages".
"""

from __future__ import annotations

import json as jsonlib
import math
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError
from urllib3.exceptions import SSLError as TlsError
from urllib3.util.retry import Retry

from wan_video.domain.models import MODELS, Region
from wan_video.domain.request import VideoRequest
from wan_video.domain.video import TASK_ID
from wan_video.errors import (
    WanError,
    WanRefused,
    WanThrottled,
    WanUnauthorized,
    WanUnavailable,
    WanUncertain,
    WanUnreachable,
)
from wan_video.ports import TaskAnswer

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 30.0
"""From the start of a request to the last byte of its answer; shorter than the functions' own time-outs."""

MAX_ANSWER_BYTES: Final = 1024 * 1024

ENDPOINTS: Final[Mapping[Region, str]] = {
    Region.BEIJING: "https://dashscope.aliyuncs.com/api/v1",
    Region.SINGAPORE: "https://dashscope-intl.aliyuncs.com/api/v1",
    Region.VIRGINIA: "https://dashscope-us.aliyuncs.com/api/v1",
    Region.FRANKFURT: "https://{workspace}.eu-central-1.maas.aliyuncs.com/api/v1",
}

MESSAGE_LIMIT: Final = 1000
PROMPT_LIMIT: Final = 10_000
LINK_LIMIT: Final = 8192
"""Characters kept of what Wan says: a row holds 400 KB, a notice 256."""

THROTTLE_CODES: Final = frozenset({"ModelServingError", "ModelUnavailable"})
"""Codes of a 503 that say "not now"; any other 503 to a submission is no clear answer."""

OVERDUE_CODES: Final = frozenset({"PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased"})
"""Codes that come as 429 and mean an unpaid bill, not a busy moment."""


class Keys(Protocol):
    """Where API keys come from."""

    def key(self, region: Region) -> str:
        """The region's key; raises WanUnauthorized where there is none."""
        ...

    def refresh(self, region: Region) -> bool:
        """Read the keys again; True where the region's has changed."""
        ...


class _Bearer(AuthBase):
    """Puts the key into the header itself, so that no netrc entry can replace it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class _NoAnswer(Exception):
    """The request went out and nothing usable came back."""


class WanClient:
    """The port `Wan`.

    `endpoints` replaces base URLs by region; `workspace` is needed where the base URL names one; `on_unauthorized` is
    called whenever a key is missing or refused, so that somebody is told.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        endpoints: Mapping[Region, str] | None = None,
        workspace: str = "",
        on_unauthorized: Callable[[], None] = lambda: None,
    ) -> None:
        self._keys = keys
        self._endpoints = {**ENDPOINTS, **(endpoints or {})}
        self._workspace = workspace
        self._on_unauthorized = on_unauthorized

    def prepare(self, request: VideoRequest) -> Callable[[], TaskAnswer]:
        region = request.region
        if "{workspace}" in self._endpoints[region] and not self._workspace:
            raise WanRefused("WorkspaceMissing", f"Wan in {region} needs a workspace: set WanWorkspaceId.")
        with self._watched():
            return partial(self._create, region, request_body(request), self._keys.key(region))

    def _create(self, region: Region, body: Mapping[str, Any], key: str) -> TaskAnswer:
        with self._watched():
            return self._post(region, body, key)

    def _post(self, region: Region, body: Mapping[str, Any], key: str) -> TaskAnswer:
        try:
            status, answer = self._send(
                "POST",
                region,
                "/services/aigc/video-generation/video-synthesis",
                key,
                headers=_headers(body),
                json=body,
            )
        except _NoAnswer as error:
            raise WanUncertain("AnswerLost", str(error)) from None
        code, message, request_id = _error(answer)
        if code is not None:
            if _throttled(status, code):
                raise WanThrottled(code, message, status=status, request_id=request_id)
            if status == 401:
                raise WanUnauthorized(code, message, status=status, request_id=request_id)
            if 400 <= status < 500:
                raise WanRefused(code, message, status=status, request_id=request_id)
        task = _task(answer) if status == 200 else None
        if task is None or not TASK_ID.fullmatch(task.task_id):
            raise WanUncertain(code or "AnswerUnclear", f"HTTP {status} without a task id", status=status)
        return task

    def query(self, region: Region, task_id: str) -> TaskAnswer:
        with self._watched():
            try:
                return self._query(region, task_id)
            except WanUnauthorized:
                if not self._keys.refresh(region):
                    raise
                return self._query(region, task_id)

    def policy(self, region: Region, model: str) -> Mapping[str, Any]:
        """The port `Uploads`."""
        path = f"/uploads?action=getPolicy&model={quote(model, safe='')}"
        with self._watched():
            try:
                status, answer = self._send("GET", region, path, self._keys.key(region))
            except _NoAnswer as error:
                raise WanUnavailable("AnswerLost", str(error)) from None
            code, message, request_id = _error(answer)
            data = answer.get("data")
            if status == 200 and isinstance(data, dict):
                return data
            error_class = WanUnauthorized if status == 401 else WanUnavailable if status >= 500 else WanRefused
            raise error_class(code or f"Http{status}", message, status=status, request_id=request_id)

    def refresh_key(self, region: Region) -> bool:
        return self._keys.refresh(region)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except WanUnauthorized:
            self._on_unauthorized()
            raise

    def _query(self, region: Region, task_id: str) -> TaskAnswer:
        try:
            status, answer = self._send("GET", region, f"/tasks/{quote(task_id, safe='')}", self._keys.key(region))
        except _NoAnswer as error:
            raise WanUnavailable("AnswerLost", str(error)) from None
        code, message, request_id = _error(answer)
        code = code or f"Http{status}"
        error_class: type[WanError] = WanUnavailable
        if status == 429 or _throttled(status, code):
            error_class = WanThrottled
        elif status == 401:
            error_class = WanUnauthorized
        elif 400 <= status < 500:
            error_class = WanRefused
        elif status == 200 and (task := _task(answer)) is not None and task.status:
            return task
        raise error_class(code, message, status=status, request_id=request_id)

    def _send(
        self,
        method: str,
        region: Region,
        path: str,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> tuple[int, Mapping[str, Any]]:
        """One request on a connection of its own; returns the status and the JSON object of the answer, {} for none.

        Raises WanUnreachable where no byte was sent, _NoAnswer where an answer did not arrive whole and in time.
        """
        url = self._endpoints[region].format(workspace=self._workspace) + path
        deadline = time.monotonic() + ANSWER_SECONDS
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
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    return response.status_code, _json(_body(response, deadline))
            except (requests.RequestException, HTTPError) as error:
                if _before_any_byte(error):
                    raise WanUnreachable("ConnectionFailed", f"No connection to Wan in {region}.") from None
                raise _NoAnswer(f"{type(error).__name__} from Wan in {region}") from None


def request_body(request: VideoRequest) -> dict[str, Any]:
    """The body of a create, in the protocol of the request's model."""
    model = MODELS[request.model]
    inputs: dict[str, Any] = {"prompt": request.prompt}
    if request.negative_prompt:
        inputs["negative_prompt"] = request.negative_prompt
    if request.audio_url:
        inputs["audio_url"] = request.audio_url
    parameters: dict[str, Any] = {
        "prompt_extend": request.prompt_extend,
        "watermark": request.watermark,
        "seed": request.seed,
    }
    if model.protocol == "size":
        parameters["size"] = f"{request.size.width}*{request.size.height}"
    else:
        parameters["resolution"] = str(model.tier_of(request.size))
        parameters["ratio"] = model.ratio_of(request.size)
    if len(model.durations) > 1:
        parameters["duration"] = request.seconds
    if request.shot_type:
        parameters["shot_type"] = request.shot_type
    return {"model": request.model, "input": inputs, "parameters": parameters}


def _body(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    # One read of the socket at a time: a host that drips bytes comes back to the deadline after each.
    while chunk := response.raw.read1(16 * 1024, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise requests.RequestException("the answer is too large")
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer took too long")
    return bytes(body)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        answer = jsonlib.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _headers(body: Mapping[str, Any]) -> dict[str, str]:
    headers = {"X-DashScope-Async": "enable"}
    if str(body["input"].get("audio_url", "")).startswith("oss://"):
        headers["X-DashScope-OssResourceResolve"] = "enable"
    return headers


def _throttled(status: int, code: str) -> bool:
    return (status == 429 and code not in OVERDUE_CODES) or (status == 503 and code in THROTTLE_CODES)


def _error(answer: Mapping[str, Any]) -> tuple[str | None, str, str | None]:
    """Code, message and request id of an error answer."""
    return _text(answer.get("code")), _text(answer.get("message"), MESSAGE_LIMIT) or "", _text(answer.get("request_id"))


def _task(answer: Mapping[str, Any]) -> TaskAnswer | None:
    """The task of an answer, its status empty where it has none; None where it names no task."""
    output = answer.get("output")
    if not isinstance(output, dict):
        return None
    task_id = _text(output.get("task_id"))
    if task_id is None:
        return None
    return TaskAnswer(
        task_id=task_id,
        status=_text(output.get("task_status")) or "",
        request_id=_text(answer.get("request_id")),
        code=_text(output.get("code")),
        message=_text(output.get("message"), MESSAGE_LIMIT),
        submit_time=_text(output.get("submit_time")),
        scheduled_time=_text(output.get("scheduled_time")),
        end_time=_text(output.get("end_time")),
        orig_prompt=_text(output.get("orig_prompt"), PROMPT_LIMIT),
        actual_prompt=_text(output.get("actual_prompt"), PROMPT_LIMIT),
        video_url=_text(output.get("video_url"), LINK_LIMIT),
        seconds=_seconds(answer.get("usage")),
    )


def _seconds(usage: Any) -> int | None:
    """Billed seconds: `duration` from wan2.6 on, `video_duration` before."""
    if isinstance(usage, dict):
        for name in ("duration", "video_duration", "output_video_duration"):
            value = usage.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 3600:
                return math.ceil(value)
    return None


def _text(value: Any, limit: int = 200) -> str | None:
    """A text of Wan's, cut to what a row has room for."""
    return value[:limit] if isinstance(value, str) and value else None


def _before_any_byte(error: Exception) -> bool:
    """Whether a request certainly never left: no usable address, no connection, or a certificate that is not good."""
    if isinstance(error, requests.ConnectTimeout | InvalidURL | InvalidSchema | MissingSchema):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(reason, TlsError):
        return any(isinstance(part, ssl.SSLCertVerificationError) for part in reason.args)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
