"""The API's resolver, which reads bodies strictly, reports errors as problems, and answers every method of a path."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from functions.api.bodies import BodyRefused, read_body
from functions.api.callers import instance_of
from functions.api.dialects import spoken
from functions.api.paths import without_base_path
from wan_video import observe
from wan_video.bootstrap.once import kept
from wan_video.errors import InvalidRequest, Problem, WanVideoError, pointer, quoted
from wan_video.wire.answers import to_json
from wan_video.wire.problem import CONTENT_TYPE, problem, status_of
from wan_video.wire.video_body import VideoBody, problem_of

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class _Group:
    add_routes: Callable[[], None]
    prefixes: Sequence[str]

    def contains(self, path: str) -> bool:
        return any(f"{path}/".startswith(f"{prefix}/") for prefix in self.prefixes)


class App(APIGatewayRestResolver):
    """Powertools' resolver with this API's errors."""

    def __init__(self) -> None:
        super().__init__(enable_validation=True, serializer=to_json)
        self._methods_of: dict[str, set[str]] = defaultdict(set)
        self._with_body: list[tuple[re.Pattern[str], bool, bool]] = []
        self._groups: list[_Group] = []
        self.not_found()(self._not_found)
        self.exception_handler(RequestValidationError)(self._invalid)
        self.exception_handler(WanVideoError)(self._named)
        self.exception_handler(Exception)(self._unforeseen)
        self.use([_parameters_are_known])

    def add_group(self, add_routes: Callable[[], None], *prefixes: str) -> None:
        """Let `add_routes` add the routes of all paths below `prefixes` when one of them is first requested.

        Each path of the group must equal one of the prefixes, or continue it with a slash.
        """
        self._groups.append(_Group(add_routes, prefixes))

    def load(self, path: str | None = None) -> None:
        """Add the routes of the groups to which a path belongs, or of all groups; those that were added stay as is."""
        for group in [group for group in self._groups if path is None or group.contains(path)]:
            with kept():
                group.add_routes()
                self.answer_other_methods()
            self._groups.remove(group)

    def takes_body(self, path: str, *, optional: bool = False, images: bool = False) -> None:
        """Read the body of a POST to this path strictly, before Powertools does.

        If `optional`, no body means `{}`; if it may contain `images`, it may be larger than others.
        """
        self._with_body.append((self._compile_regex(path), optional, images))

    def resolve(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Answer API Gateway's proxy event with a proxy response."""
        observe.about(request_id=instance_of(event))
        event = without_base_path(event)
        self.load(event["path"])
        answer = self._answer(event, context)
        # Clients include this id in error reports; API Gateway's own answers carry it too.
        answer.setdefault("multiValueHeaders", {})["x-request-id"] = [instance_of(event)]
        return spoken(event, answer)

    def _answer(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        if event["httpMethod"] == "HEAD":
            # RFC 9110: HEAD has the same answer as GET, without the content.
            return {**super().resolve({**event, "httpMethod": "GET"}, context), "body": "", "isBase64Encoded": False}
        rules = [rule for path, *rule in self._with_body if path.match(event["path"])]
        if event["httpMethod"] == "POST" and rules:
            optional, images = rules[0]
            try:
                event = read_body(event, optional=optional, images=images)
            except (BodyRefused, InvalidRequest) as error:
                return self._refuse(event, error)
        return super().resolve(event, context)

    def _refuse(self, event: Mapping[str, Any], error: BodyRefused | InvalidRequest) -> dict[str, Any]:
        status, problems = (
            (error.status, ()) if isinstance(error, BodyRefused) else (HTTPStatus.BAD_REQUEST, error.problems)
        )
        body = problem(status, error.code, str(error), instance=instance_of(event), problems=problems)
        return {
            "statusCode": int(status),
            "multiValueHeaders": {"Content-Type": [CONTENT_TYPE]},
            "body": to_json(body),
            "isBase64Encoded": False,
        }

    def route(self, rule: str, method: str | list[str] | tuple[str], *args: Any, **kwargs: Any) -> Any:
        """Add a route and record the methods of its path."""
        self._methods_of[rule].update([method] if isinstance(method, str) else method)
        return super().route(rule, method, *args, **kwargs)

    def answer_other_methods(self) -> None:
        """Answer 405 to every method that a path does not have; call this after all routes of the path were added."""
        added, self._methods_of = self._methods_of, defaultdict(set)
        for path, known in added.items():
            methods = sorted(known | ({"HEAD"} if "GET" in known else set()))
            others = [method for method in METHODS if method not in methods]
            super().route(path, method=others, include_in_schema=False)(self._not_allowed(methods))

    def problem(self, status: HTTPStatus, code: str, detail: str, problems: Sequence[Problem] = ()) -> Response[Any]:
        """Return an error as an RFC 9457 problem."""
        body = problem(status, code, detail, instance=instance_of(self.current_event.raw_event), problems=problems)
        # SDKs of this convention retry a POST on 409 and 5xx, which without a key would create a second video.
        headers: dict[str, Any] = {"x-should-retry": "false"} if status in (HTTPStatus.CONFLICT, 500) else {}
        return Response(status, CONTENT_TYPE, to_json(body), headers)

    def _not_found(self, _: NotFoundError) -> Response[Any]:
        return self.problem(HTTPStatus.NOT_FOUND, "not_found", f"The path {self.current_event.path} does not exist.")

    def _not_allowed(self, methods: Sequence[str]) -> Callable[[], Response[Any]]:
        def answer() -> Response[Any]:
            method = self.current_event.http_method
            detail = f"The method {method} is not allowed here; the allowed methods are {', '.join(methods)}."
            response = self.problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            response.headers["Allow"] = ", ".join(methods)
            return response

        return answer

    def _invalid(self, error: RequestValidationError) -> Response[Any]:
        (body,) = [param.field_info.annotation for param in self.context["_route"].dependant.body_params] or [VideoBody]
        # The first part of a location is the source of the value: body, query, path or header.
        found = [problem_of(detail["loc"][1:], detail["type"], detail["msg"], body) for detail in error.errors()]
        return self._named(InvalidRequest([*dict.fromkeys(found)]))

    def _named(self, error: WanVideoError) -> Response[Any]:
        problems = error.problems if isinstance(error, InvalidRequest) else ()
        response = self.problem(status_of(error), error.code, str(error), problems)
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(ceil(error.retry_after))
            # Only requests that read say when to repeat them, so an SDK may do that by itself.
            response.headers.pop("x-should-retry", None)
        return response

    def _unforeseen(self, error: Exception) -> Response[Any]:
        observe.unforeseen(error)
        detail = "An internal error occurred; it is logged under the id of this request."
        return self.problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)


def _parameters_are_known(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Reject query parameters that a documented route does not have: ignoring `dry_run` would create a paid video.

    Routes outside the OpenAPI document (DashScope's, and the console's page) are not checked.
    """
    route = app.context["_route"]
    if route.responses:  # only documented routes declare responses; Powertools also makes a route for a 404
        known = [parameter.alias for parameter in route.dependant.query_params]
        accepted = f"the parameters are {', '.join(known)}" if known else "this request takes no parameters"
        problems = [
            Problem(pointer(name), f"Unknown parameter {quoted(name)}; {accepted}.")
            for name in app.current_event.resolved_query_string_parameters
            if name not in known
        ]
        if problems:
            raise InvalidRequest(problems)
    return next_middleware(app)
