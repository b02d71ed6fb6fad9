"""The routes of the API, and how its errors are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from wan_video import observe
from wan_video.domain.document import document
from wan_video.domain.video import Video
from wan_video.errors import InvalidRequest, Problem, WanVideoError
from wan_video.ports import Token
from wan_video.services.api import Api
from wan_video.wire.body import MAX_BODY_BYTES, read_object
from wan_video.wire.problem import CONTENT_TYPE, problem, status_of
from wan_video.wire.video_body import read_fields

POLL_AFTER_SECONDS: Final = 15
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def resolver(api: Api) -> APIGatewayRestResolver:
    """The routes over one `Api`."""
    app = APIGatewayRestResolver()
    routes = _Routes(app, api)
    by_path: dict[str, dict[str, Callable[..., Response[str]]]] = {
        "/healthz": {"GET": routes.health},
        "/v1/videos": {"POST": routes.create},
        "/v1/videos/<video_id>": {"GET": routes.retrieve},
        "/v1/videos/<video_id>/content": {"GET": routes.content},
    }
    for path, by_method in by_path.items():
        for method, handler in by_method.items():
            app.route(path, method=method)(handler)
        others = [method for method in METHODS if method not in by_method]
        app.route(path, method=others)(routes.not_allowed(sorted(by_method)))
    app.not_found()(routes.not_found)
    app.exception_handler(WanVideoError)(routes.named_error)
    app.exception_handler(Exception)(routes.unnamed_error)
    return app


class _Routes:
    def __init__(self, app: APIGatewayRestResolver, api: Api) -> None:
        self._app = app
        self._api = api

    def health(self) -> Response[str]:
        return _json(HTTPStatus.OK, {"status": "ok"})

    def create(self) -> Response[str]:
        event = self._app.current_event
        content_type = event.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return self._problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Send application/json.")
        try:
            text = event.decoded_body or ""
        except ValueError:
            raise InvalidRequest([Problem("", "The body is not UTF-8 text.")]) from None
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
            return self._problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", f"A body has at most {MAX_BODY_BYTES} bytes."
            )
        body = read_object(text)
        video = self._api.create(self._caller(), read_fields(body), body, self._idempotency_key())
        observe.record("api", action="create", video_id=video.id)
        return self._video(HTTPStatus.ACCEPTED, video)

    def retrieve(self, video_id: str) -> Response[str]:
        return self._video(HTTPStatus.OK, self._api.retrieve(self._caller(), video_id))

    def content(self, video_id: str) -> Response[str]:
        variant = self._app.current_event.query_string_parameters.get("variant", "video")
        if variant not in ("video", "metadata"):
            raise InvalidRequest([Problem("/variant", f"variant is video or metadata, not {variant!r}.")])
        link = self._api.content(self._caller(), video_id, variant)
        return Response(HTTPStatus.FOUND, headers={"Location": link, "Cache-Control": "no-store"})

    def not_allowed(self, allowed: Sequence[str]) -> Callable[..., Response[str]]:
        def answer(**_: str) -> Response[str]:
            method = self._app.current_event.http_method
            detail = f"{method} is not possible here; {' and '.join(allowed)} is."
            response = self._problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            response.headers["Allow"] = ", ".join(allowed)
            return response

        return answer

    def not_found(self, _: NotFoundError) -> Response[str]:
        return self._problem(HTTPStatus.NOT_FOUND, "not_found", f"There is no {self._app.current_event.path}.")

    def named_error(self, error: WanVideoError) -> Response[str]:
        problems = error.problems if isinstance(error, InvalidRequest) else ()
        return self._problem(status_of(error), error.code, str(error), problems)

    def unnamed_error(self, error: Exception) -> Response[str]:
        # The class alone: the text of an unforeseen error may quote what the caller sent.
        observe.logger().error("unforeseen error", extra={"error": type(error).__name__})
        detail = "Something went wrong here; it was logged under the id of this request."
        response = self._problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)
        # The request may have taken effect; the SDKs would send it again, and without a key that is another video.
        response.headers["x-should-retry"] = "false"
        return response

    def _caller(self) -> Token:
        context: dict[str, Any] = self._app.current_event.raw_event["requestContext"]["authorizer"]
        daily_seconds = context.get("daily_seconds")
        return Token(
            owner=context["owner"],
            scopes=frozenset(context["scopes"].split()),
            daily_seconds=int(daily_seconds) if daily_seconds is not None else None,
        )

    def _idempotency_key(self) -> str | None:
        key: str | None = self._app.current_event.headers.get("idempotency-key")
        if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
            raise InvalidRequest([Problem("", "An Idempotency-Key has 1 to 255 printable ASCII characters.")])
        return key

    def _video(self, status: HTTPStatus, video: Video) -> Response[str]:
        headers = {}
        if not video.status.final:
            headers = {"Retry-After": str(POLL_AFTER_SECONDS), "openai-poll-after-ms": str(POLL_AFTER_SECONDS * 1000)}
        return _json(status, document(video, self._api.clock.now()), headers)

    def _problem(self, status: HTTPStatus, code: str, detail: str, problems: Sequence[Problem] = ()) -> Response[str]:
        instance = self._app.current_event.request_context.request_id or ""
        body = problem(status, code, detail, instance=instance, problems=problems)
        return Response(status, CONTENT_TYPE, json.dumps(body, ensure_ascii=False))


def _json(status: HTTPStatus, body: dict[str, Any], headers: dict[str, Any] | None = None) -> Response[str]:
    return Response(status, "application/json", json.dumps(body, ensure_ascii=False), headers)
