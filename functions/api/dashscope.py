"""The DashScope-compatible routes, with Wan's paths, bodies, statuses and errors; a token is used as the API key.

Callers are authorized here and not by API Gateway, because DashScope's SDKs cannot read API Gateway's 401.
"""

import json
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

from functions.api.app import App
from functions.api.callers import asks_for_head, base_url_of, instance_of
from wan_video import observe
from wan_video.domain.listing import VideoQuery
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.token import Token
from wan_video.domain.video import Status
from wan_video.errors import InvalidRequest
from wan_video.services.api.content import Content
from wan_video.services.api.dashscope import DashScope
from wan_video.services.authorize import Authorize
from wan_video.wire import dashscope as wire
from wan_video.wire.answers import to_json
from wan_video.wire.body import MAX_BODY_BYTES, MAX_BODY_WITH_IMAGES_BYTES, read_json

_STATUSES: Final = {
    "PENDING": (Status.QUEUED, Status.STARTING, Status.IN_PROGRESS),
    "RUNNING": (Status.IN_PROGRESS,),
    "SUCCEEDED": (Status.COMPLETED,),
    "FAILED": (Status.FAILED, Status.EXPIRED),
    "CANCELED": (Status.CANCELLED,),
}


def add_routes(app: App, dashscope: DashScope, content: Content, authorize: Authorize) -> None:
    """Add DashScope's routes to the resolver."""
    routes = _Routes(app, dashscope, content, authorize)
    for method, path, answer in (
        ("POST", "/api/v1/services/aigc/video-generation/video-synthesis", routes.create),
        ("GET", "/api/v1/tasks", routes.list),
        ("GET", "/api/v1/tasks/<task_id>", routes.retrieve),
        ("POST", "/api/v1/tasks/<task_id>/cancel", routes.cancel),
        ("GET", "/api/v1/uploads", routes.uploads),
    ):
        app.route(path, method=method, include_in_schema=False)(routes.with_its_errors(answer))
    app.route("/files/<video_id>/<name>", method="GET", include_in_schema=False)(routes.open_link)


class _Routes:
    def __init__(self, app: App, dashscope: DashScope, content: Content, authorize: Authorize) -> None:
        self._app = app
        self._dashscope = dashscope
        self._content = content
        self._authorize = authorize

    def create(self) -> Response[Any]:
        caller, event = self._caller(), self._app.current_event
        if event.headers.get("x-dashscope-async") != "enable":
            message = "current user api does not support synchronous calls."
            raise wire.DashScopeError(HTTPStatus.FORBIDDEN, "AccessDenied", message)
        order = _order(event.decoded_body or "")
        key, sender = wire.idempotency_key(event.headers), wire.sender(event.headers)
        accepted = self._dashscope.create(caller, order.fields, order.body, sender, key, order.images)
        observe.record("api", action="create", video_id=accepted.video.id, replayed=accepted.replayed)
        answer = _answer(wire.created(accepted.video, self._request_id()))
        if accepted.replayed:
            answer.headers["Idempotent-Replayed"] = "true"
        return answer

    def retrieve(self, task_id: str) -> Response[Any]:
        sender = wire.sender(self._app.current_event.headers)
        video = self._dashscope.retrieve(self._caller(), task_id, sender)
        if video is None:
            return _answer(wire.unknown(task_id, self._request_id()))
        path = self._content.lasting_path(video)
        link = f"{base_url_of(self._app)}{path}" if path else None
        return _answer(wire.task(video, link, self._request_id()))

    def list(self) -> Response[Any]:
        caller = self._caller()
        first, last, number, size = self._window()
        status, task_id = self._query("status"), self._query("task_id")
        wanted = VideoQuery(limit=size, model=self._query("model_name") or None, statuses=_STATUSES.get(status, ()))
        videos = [
            video
            for video in self._dashscope.list(caller, wanted, first, last)
            if status in ("", wire.status_of(video)) and task_id in ("", video.id)
        ]
        return _answer(wire.page(videos, number, size, self._request_id()))

    def cancel(self, task_id: str) -> Response[Any]:
        self._dashscope.cancel(self._caller(), task_id, wire.sender(self._app.current_event.headers))
        observe.record("api", action="cancel", video_id=task_id)
        return _answer({"request_id": self._request_id()})

    def uploads(self) -> Response[Any]:
        data = self._dashscope.upload_policy(self._caller(), self._query("model"))
        return _answer({"request_id": self._request_id(), "data": dict(data)})

    def open_link(self, video_id: str, name: str) -> Response[Any]:
        link = self._content.open_lasting_path(video_id, name, head=asks_for_head(self._app))
        return Response(HTTPStatus.FOUND, headers={"Location": link, "Cache-Control": "no-store"})

    def with_its_errors(self, handler: Callable[..., Response[Any]]) -> Callable[..., Response[Any]]:
        """Report errors as DashScope does."""

        @wraps(handler)
        def answer(**arguments: str) -> Response[Any]:
            try:
                return handler(**arguments)
            except Exception as error:  # noqa: BLE001  (the SDKs can read only DashScope's own errors)
                refusal = wire.as_dashscope_error(error)
                if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    observe.unforeseen(error, request_id=self._request_id())
                body = {"code": refusal.code, "message": str(refusal), "request_id": self._request_id()}
                answer = _answer(body, refusal.status)
                if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR and refusal.status != HTTPStatus.TOO_MANY_REQUESTS:
                    # A refused request would be refused again. A 5xx may be retried: it is recognized as a repeat.
                    answer.headers["x-should-retry"] = "false"
                return answer

        return answer

    def _window(self) -> tuple[int, int, int, int]:
        """Return start and end (Unix seconds, at most one day apart, by default the last day), page number and size."""
        now = self._dashscope.now()
        try:
            last = wire.parse_time(self._query("end_time")) if self._query("end_time") else now
            first = wire.parse_time(self._query("start_time")) if self._query("start_time") else last - DAY_SECONDS
            number, size = (
                wire.parse_number(self._query("page_no", "1")),
                wire.parse_number(self._query("page_size", "10")),
            )
        except ValueError:
            number = size = first = last = 0
        if not (number >= 1 and 1 <= size <= 100 and 0 <= last - first <= DAY_SECONDS):
            message = "The type or value of start_time, end_time, page_no or page_size is out of definition."
            raise wire.DashScopeError(HTTPStatus.BAD_REQUEST, "InvalidParameter", message)
        return first, last, number, size

    def _caller(self) -> Token:
        return self._authorize(self._app.current_event.headers.get("authorization") or "")

    def _query(self, name: str, default: str = "") -> str:
        return self._app.current_event.query_string_parameters.get(name) or default

    def _request_id(self) -> str:
        return instance_of(self._app.current_event.raw_event)


def _answer(body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response[Any]:
    return Response(status, "application/json", to_json(body))


def _order(text: str) -> wire.Order:
    size = _size(text)
    if size > MAX_BODY_WITH_IMAGES_BYTES:
        raise _too_large(MAX_BODY_WITH_IMAGES_BYTES)
    order = wire.read_order(_json(text))
    if size > MAX_BODY_BYTES and _size(json.dumps(order.body, ensure_ascii=False)) > MAX_BODY_BYTES:
        raise _too_large(MAX_BODY_BYTES)
    return order


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _too_large(most: int) -> wire.DashScopeError:
    detail = f"The body has more than {most} bytes{'' if most > MAX_BODY_BYTES else ' without its images'}."
    return wire.DashScopeError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "InvalidParameter", detail)


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except InvalidRequest:
        message = "Required body invalid, please check the request body format."
        raise wire.DashScopeError(HTTPStatus.BAD_REQUEST, "InvalidParameter", message) from None
