"""The HTTP routes: Wan's API in every region, the results, and beside them the simulator's own controls."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Flask, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Response

from wan_simulator import answers
from wan_simulator.controls import controls, problem
from wan_simulator.errors import RefusalError
from wan_simulator.faults import Answer, Fault, FaultQueue, Route, spoil
from wan_simulator.links import LinkError
from wan_simulator.results import film_answer, oss_error
from wan_simulator.service import Call, Wan
from wan_video.domain.models import Region

DEFAULT_REGION: Final = Region.SINGAPORE
"""The region of `/api/v1`, without a prefix."""

_PREFIXES: Final = {"": DEFAULT_REGION} | {f"/{region}": region for region in Region}


class QuietHandler(WSGIRequestHandler):
    """HTTP/1.1 without a log: request lines hold signed links. A connection that was cut stays cut."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug named it
        """Say nothing."""

    def connection_dropped(self, error: BaseException, environ: dict[str, object] | None = None) -> None:
        """Close for good, or the caller would wait on a connection that nobody answers."""
        self.close_connection = True


def create_app(wan: Wan, faults: FaultQueue, about: dict[str, object]) -> Flask:
    """The simulator as a WSGI application; `about` is what its health route tells."""
    app = Flask(__name__)
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    for prefix, region in _PREFIXES.items():
        app.register_blueprint(_api(wan, faults, region), url_prefix=f"{prefix}/api/v1", name=f"api{prefix}")
    app.register_blueprint(_results(wan, faults))
    app.register_blueprint(controls(wan, faults, about), url_prefix="/_simulator")
    app.register_error_handler(HTTPException, lambda error: _http_error(wan, error))
    return app


def _api(wan: Wan, faults: FaultQueue, region: Region) -> Blueprint:
    api = Blueprint("api", __name__)

    @api.post("/services/aigc/video-generation/video-synthesis")
    def create() -> Response:
        call, body = _call(wan, region), request.get_data()
        fault = faults.take("create")
        wan.receive(call, body, fault.kind if fault else None)
        return _answer(call, fault, lambda: jsonify(wan.create(call, body)))

    @api.get("/tasks/<task_id>")
    def query(task_id: str) -> Response:
        call = _call(wan, region)
        return _answer(call, faults.take("query"), lambda: jsonify(wan.query(call, task_id)))

    return api


def _call(wan: Wan, region: Region) -> Call:
    return Call(
        region=region,
        authorization=request.headers.get("Authorization"),
        asynchronous=request.headers.get("X-DashScope-Async"),
        request_id=wan.request_id(),
    )


def _answer(call: Call, fault: Fault | None, real: Answer) -> Response:
    def answer() -> Response:
        try:
            return real()
        except RefusalError as refusal:
            return _refusal(refusal, call.request_id)

    try:
        return spoil(fault, answer) if fault else answer()
    except RefusalError as refusal:
        response = _refusal(refusal, call.request_id)
        response.status_code = (fault.status if fault else None) or refusal.status
        return response


def _refusal(refusal: RefusalError, request_id: str) -> Response:
    response = jsonify(answers.refused(refusal, request_id))
    response.status_code = refusal.status
    return response


def _results(wan: Wan, faults: FaultQueue) -> Blueprint:
    results = Blueprint("results", __name__)
    route: Route = "result"

    @results.get("/<bucket>/<a>/<b>/<day>/<c>/<name>.mp4")
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
            return spoil(fault, answer) if fault else answer()
        except RefusalError as refusal:
            status = (fault.status if fault else None) or refusal.status
            return oss_error(LinkError(status, refusal.code, refusal.message), request_id)

    return results


def _http_error(wan: Wan, error: HTTPException) -> Response:
    """Wan's words for a route or method it does not have; Flask's own status for all else."""
    if isinstance(error, MethodNotAllowed):
        refusal = RefusalError("InvalidParameter", f"Request method '{request.method}' is not supported.")
        return _refusal(refusal, wan.request_id())
    if error.code == 404:
        return _refusal(RefusalError("NotFound"), wan.request_id())
    return problem(error.name, error.code or 500)
