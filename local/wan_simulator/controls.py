"""The simulator's own routes under /_simulator: its health, ledger, clock, limits and faults, for people and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from math import isfinite

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from wan_simulator.faults import Fault, FaultError, FaultQueue
from wan_simulator.service import Wan
from wan_simulator.tasks import Phase
from wan_video.domain.models import Region


def controls(wan: Wan, faults: FaultQueue, about: Callable[[], dict[str, object]]) -> Blueprint:
    """The controls as routes; `about` says what the health route tells."""
    routes = Blueprint("controls", __name__)
    routes.add_url_rule("/health", "health", lambda: jsonify({"status": "ok", **about()}))
    _add_records(routes, wan)
    _add_faults(routes, faults)
    _add_clock(routes, wan)
    _add_limits(routes, wan)
    _add_keys(routes, wan)
    return routes


def problem(detail: str, status: int) -> Response:
    """An answer that says what was wrong with a call of a control."""
    response = jsonify({"error": detail})
    response.status_code = status
    return response


def _add_records(routes: Blueprint, wan: Wan) -> None:
    @routes.get("/ledger")
    def ledger() -> Response:
        wan.settle()
        return jsonify({"entries": wan.ledger.entries(request.args.get("event"))})

    @routes.get("/calls")
    def calls() -> Response:
        """How many calls the limits admitted and refused."""
        return jsonify(wan.calls)

    @routes.get("/tasks/<task_id>/video")
    def video(task_id: str) -> Response:
        """The bytes behind a task's link, without signature, expiry or faults."""
        task = wan.task(task_id)
        if task is None or task.phase is not Phase.SUCCEEDED:
            return problem("no such video", 404)
        film = wan.studio.film(task)
        return Response(film.read(0, film.size - 1), content_type="video/mp4")


def _add_faults(routes: Blueprint, faults: FaultQueue) -> None:
    def waiting() -> Response:
        return jsonify({"waiting": [asdict(fault) for fault in faults.waiting()]})

    routes.add_url_rule("/faults", "faults", waiting)

    @routes.post("/faults")
    def queue() -> Response:
        try:
            faults.add(Fault.parse(_body()))
        except FaultError as error:
            return problem(str(error), 400)
        return waiting()

    @routes.delete("/faults")
    def clear() -> Response:
        faults.clear()
        return waiting()


def _add_clock(routes: Blueprint, wan: Wan) -> None:
    def clock() -> Response:
        return jsonify({"now": wan.clock.now(), "speed": wan.clock.speed})

    routes.add_url_rule("/clock", "clock", clock)

    @routes.post("/clock")
    def advance() -> Response:
        seconds = _body().get("advance")
        if not isinstance(seconds, int | float) or not seconds >= 0:
            return problem('send {"advance": seconds}, not below 0', 400)
        wan.clock.advance(seconds)
        wan.settle()
        return clock()


def _add_limits(routes: Blueprint, wan: Wan) -> None:
    def limits() -> Response:
        return jsonify(asdict(wan.limits))

    routes.add_url_rule("/limits", "limits", limits)

    @routes.post("/limits")
    def change() -> Response:
        given = _body()
        if not all(_is_limit(name, value) for name, value in given.items()):
            return problem('send {"rates": true or false, "queue": true or false, "list_lag": seconds}', 400)
        for name, value in given.items():
            setattr(wan.limits, name, value)
        return limits()


def _is_limit(name: str, value: object) -> bool:
    if name == "list_lag":
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0
    return name in ("rates", "queue") and isinstance(value, bool)


def _add_keys(routes: Blueprint, wan: Wan) -> None:
    @routes.post("/keys")
    def rotate() -> Response:
        """Replace a region's key; the old one opens nothing any more."""
        given = _body()
        region, key = given.get("region"), given.get("key")
        if region not in tuple(Region) or not isinstance(key, str) or not key:
            return problem('send {"region": name, "key": text}', 400)
        wan.accounts.rotate(Region(str(region)), key)
        return jsonify({"region": region, "key": key})


def _body() -> dict[str, object]:
    """The JSON object that came with the call; anything else counts as an empty one."""
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}
