"""The HTTP routes: Wan's API in every region, the results, and the simulator's own controls."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Flask, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Response

from wan_simulator import answers
from wan_simulator.controls import controls, problem
from wan_simulator.errors import RefusalError
from wan_simulator.faults import Answer, Fault, FaultQueue, Pause, Route, spoil
from wan_simulator.links import LinkError
from wan_simulator.media import LARGEST_ENCODED_BODY, is_too_large
from wan_simulator.quotas import QuotaRoute
from wan_simulator.results import film_answer, oss_error
from wan_simulator.service import Call, Wan
from wan_simulator.uploads import BUCKET
from wan_video.domain.models import Region

DEFAULT_REGION: Final = Region.SINGAPORE
"""The region of `/api/v1`, without a prefix."""

_PREFIXES: Final = (
    {"": DEFAULT_REGION}
    | {f"/{region}": region for region in Region}
    | {f"/<workspace>.{region}": region for region in Region}
)
"""The prefixes of `/api/v1`: nothing, a region, or a workspace and its region."""


class QuietHandler(WSGIRequestHandler):
    """HTTP/1.1 without a log, because request lines hold signed links; a connection that was cut stays closed."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug named it
        """Log nothing."""

    def connection_dropped(self, error: BaseException, environ: dict[str, object] | None = None) -> None:
        """Close the connection, or the caller would wait for an answer that never comes."""
        self.close_connection = True


def create_app(wan: Wan, faults: FaultQueue, about: Callable[[], dict[str, object]]) -> Flask:
    """Return the simulator as a WSGI application; `about` returns what its health route adds."""
    app = Flask(__name__)
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    for prefix, region in _PREFIXES.items():
        name = f"api{prefix}".replace(".", " ")
        app.register_blueprint(_api(wan, faults, region), url_prefix=f"{prefix}/api/v1", name=name)
    app.register_blueprint(_objects(wan, faults))
    app.register_blueprint(controls(wan, faults, about), url_prefix="/_simulator")
    app.register_error_handler(HTTPException, lambda error: _http_error(wan, error))
    return app


def _api(wan: Wan, faults: FaultQueue, region: Region) -> Blueprint:
    api = Blueprint("api", __name__)

    @api.url_value_preprocessor
    def take_workspace(_: str | None, values: dict[str, str] | None) -> None:
        g.workspace = (values or {}).pop("workspace", None)

    @api.post("/services/aigc/video-generation/video-synthesis")
    def create() -> Response:
        body = request.get_data() if (request.content_length or 0) <= LARGEST_ENCODED_BODY else None
        if body is None or is_too_large(body):
            # A gateway sends this answer, and its body is not documented.
            return Response("<html>Request Entity Too Large</html>", status=413, content_type="text/html")
        call = _call(wan, region)
        fault = faults.take("create")
        wan.receive(call, body, fault.kind if fault else None)
        return _answer(wan, faults, call, fault, lambda: jsonify(wan.create(call, body)))

    @api.get("/tasks/<task_id>")
    def query(task_id: str) -> Response:
        call = _call(wan, region)
        return _answer(wan, faults, call, faults.take("query"), lambda: jsonify(wan.query(call, task_id)))

    @api.get("/tasks")
    def list_tasks() -> Response:
        call, asked = _call(wan, region), request.args.to_dict()
        return _answer(wan, faults, call, faults.take("list"), lambda: jsonify(wan.list_tasks(call, asked)))

    @api.post("/tasks/<task_id>/cancel")
    def cancel(task_id: str) -> Response:
        call = _call(wan, region)
        return _answer(wan, faults, call, faults.take("cancel"), lambda: jsonify(wan.cancel(call, task_id)))

    _add_account_routes(api, wan, faults, region)
    return api


def _add_account_routes(api: Blueprint, wan: Wan, faults: FaultQueue, region: Region) -> None:
    """Add what a caller can ask about the account rather than about a task."""

    @api.get("/quotas")
    def quotas() -> Response:
        return list_quotas("quotas")

    @api.get("/models/limits")
    def model_limits() -> Response:
        return list_quotas("models/limits")

    def list_quotas(route: QuotaRoute) -> Response:
        call, asked = _call(wan, region), request.args.to_dict()
        return _answer(wan, faults, call, faults.take("quotas"), lambda: jsonify(wan.list_quotas(call, route, asked)))

    @api.get("/models")
    def models() -> Response:
        call, asked = _call(wan, region), request.args.to_dict()
        return _answer(wan, faults, call, faults.take("models"), lambda: jsonify(wan.list_models(call, asked)))

    @api.get("/uploads")
    def upload_policy() -> Response:
        call, asked = _call(wan, region), request.args.to_dict()
        return _answer(wan, faults, call, faults.take("upload"), lambda: jsonify(wan.upload_policy(call, asked)))


def _answer(wan: Wan, faults: FaultQueue, call: Call, fault: Fault | None, real: Answer) -> Response:
    return _with_retry_after(_spoiled(call, fault, faults.pause, real), fault, wan.switches.retry_after)


def _call(wan: Wan, region: Region) -> Call:
    named = request.headers.get("X-DashScope-WorkSpace")
    return Call(
        region=region,
        authorization=request.headers.get("Authorization"),
        asynchronous=_is_enabled("X-DashScope-Async"),
        resolves_oss=_is_enabled("X-DashScope-OssResourceResolve"),
        workspaces=(named,) if named else (),
        request_id=wan.request_id(),
        host=g.workspace,
    )


def _is_enabled(header: str) -> bool:
    return request.headers.get(header, "").lower() == "enable"


def _with_retry_after(response: Response, fault: Fault | None, usual: str | None) -> Response:
    """Say when to call again: what a fault says, else `usual`, which may be None, for every 429 and 503."""
    if fault is not None and fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    elif usual is not None and response.status_code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        response.headers["Retry-After"] = usual
    return response


def _spoiled(call: Call, fault: Fault | None, pause: Pause, real: Answer) -> Response:
    def answer() -> Response:
        try:
            return real()
        except RefusalError as refusal:
            return _refusal(refusal, call.request_id)

    try:
        return spoil(fault, answer, pause) if fault else answer()
    except RefusalError as refusal:
        response = _refusal(refusal, call.request_id)
        response.status_code = (fault.status if fault else None) or refusal.status
        return response


def _refusal(refusal: RefusalError, request_id: str) -> Response:
    response = jsonify(answers.refused(refusal, request_id))
    response.status_code = refusal.status
    return response


def _objects(wan: Wan, faults: FaultQueue) -> Blueprint:
    """Return the routes of the object store, which serves results and takes uploads."""
    objects = Blueprint("objects", __name__)
    route: Route = "result"

    @objects.post(f"/{BUCKET}")
    def upload() -> Response:
        file = request.files.get("file")
        try:
            wan.upload(request.form.to_dict(), file.read() if file else b"")
        except LinkError as error:
            return oss_error(error, wan.request_id())
        return Response(status=200 if request.form.get("success_action_status") == "200" else 204)

    @objects.get("/<bucket>/<a>/<b>/<day>/<c>/<name>.mp4")
    def result(bucket: str, a: str, b: str, day: str, c: str, name: str) -> Response:
        request_id = wan.request_id()
        fault = faults.take(route)

        def answer() -> Response:
            try:
                resource = request.path.removeprefix("/")
                film, made_at = wan.result(request.method, resource, request.args.to_dict())
                return film_answer(film, request.headers, made_at, request_id)
            except LinkError as error:
                return oss_error(error, request_id)

        try:
            response = spoil(fault, answer, faults.pause) if fault else answer()
        except RefusalError as refusal:
            status = (fault.status if fault else None) or refusal.status
            response = oss_error(LinkError(status, refusal.code, refusal.message), request_id)
        return _with_retry_after(response, fault, wan.switches.retry_after)

    return objects


def _http_error(wan: Wan, error: HTTPException) -> Response:
    """Return Wan's answer for a route or method that does not exist, and Flask's own status for other errors."""
    if isinstance(error, MethodNotAllowed):
        refusal = RefusalError("InvalidParameter", f"Request method '{request.method}' is not supported.")
        return _refusal(refusal, wan.request_id())
    if error.code == 404:
        return _refusal(RefusalError("NotFound"), wan.request_id())
    return problem(error.name, error.code or 500)
