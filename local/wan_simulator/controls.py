"""The simulator's own routes under /_simulator, for people and tests: health, ledger, clock, quotas, faults, keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from math import isfinite
from typing import Final, get_args

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from wan_simulator.faults import Fault, FaultError, FaultQueue, is_header_text
from wan_simulator.models import MODELS
from wan_simulator.quotas import QUOTA_ROUTES, QuotaError
from wan_simulator.service import ListKey, Wan
from wan_simulator.tasks import Phase
from wan_video.domain.models import Region


def controls(wan: Wan, faults: FaultQueue, about: Callable[[], dict[str, object]]) -> Blueprint:
    """Return the controls as routes; `about` returns what the health route adds."""
    routes = Blueprint("controls", __name__)
    routes.add_url_rule("/health", "health", lambda: jsonify({"status": "ok", **about()}))
    _add_records(routes, wan)
    _add_faults(routes, faults)
    _add_clock(routes, wan)
    _add_switches(routes, wan)
    _add_quotas(routes, wan)
    _add_keys(routes, wan)
    return routes


def problem(detail: str, status: int) -> Response:
    """Return an answer that says what is wrong with a call of a control."""
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
        """Return how many calls the limits admitted and refused."""
        return jsonify(wan.calls)

    @routes.get("/tasks/<task_id>/video")
    def video(task_id: str) -> Response:
        """Return the bytes of a task's video, without signature, expiry or faults."""
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


def _add_switches(routes: Blueprint, wan: Wan) -> None:
    def switches() -> Response:
        return jsonify(asdict(wan.switches))

    routes.add_url_rule("/switches", "switches", switches)

    @routes.post("/switches")
    def change() -> Response:
        given = _body()
        wrong = [name for name, value in given.items() if name not in _SWITCHES or not _SWITCHES[name](value)]
        if wrong:
            return problem(f"no such switch, or no such value: {', '.join(wrong)}", 400)
        for name, value in given.items():
            setattr(wan.switches, name, value)
        return switches()


def _is_delay(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0


def _are_routes(value: object) -> bool:
    return isinstance(value, list) and all(route in QUOTA_ROUTES for route in value)


_SWITCHES: Final[Mapping[str, Callable[[object], bool]]] = {
    "rates": lambda value: isinstance(value, bool),
    "queue": lambda value: isinstance(value, bool),
    "list_lag": _is_delay,
    "list_key": lambda value: value in get_args(ListKey),
    "quota_routes": _are_routes,
    "retry_after": lambda value: value is None or (isinstance(value, str) and is_header_text(value)),
}
"""Every switch, with the check of its values."""


def _add_quotas(routes: Blueprint, wan: Wan) -> None:
    @routes.post("/quotas")
    def change_quota() -> Response:
        """Change a quota at once."""
        given = _body()
        region, model, workspace = (given.pop(name, None) for name in ("region", "model", "workspace"))
        if region not in tuple(Region) or not isinstance(model, str) or not isinstance(workspace, str | None):
            return problem('send {"region": name, "model": name, "workspace": id or null, and the members}', 400)
        try:
            quota = wan.change_quota(Region(str(region)), model, workspace, given)
        except QuotaError as error:
            return problem(str(error), 400)
        return jsonify(quota.shown())

    @routes.delete("/quotas")
    def reset_quotas() -> Response:
        """Return to the models' default limits."""
        wan.reset_quotas()
        return jsonify({})

    @routes.post("/retirements")
    def retire() -> Response:
        """Announce when a model goes offline, or that it does not."""
        given = _body()
        region, model, moment = given.get("region"), given.get("model"), given.get("offline_time")
        if region not in tuple(Region) or model not in MODELS or not (moment is None or _is_delay(moment)):
            return problem('send {"region": name, "model": name, "offline_time": epoch seconds or null}', 400)
        wan.retirements.announce(Region(str(region)), str(model), moment)  # type: ignore[arg-type]  # a number or None
        return jsonify(wan.retirements.shown(Region(str(region)), str(model)))


def _add_keys(routes: Blueprint, wan: Wan) -> None:
    @routes.post("/keys")
    def rotate() -> Response:
        """Replace a region's key; the old one is refused from now on."""
        given = _body()
        region, key = given.get("region"), given.get("key")
        if region not in tuple(Region) or not isinstance(key, str) or not key:
            return problem('send {"region": name, "key": text}', 400)
        wan.accounts.rotate(Region(str(region)), key)
        return jsonify({"region": region, "key": key})


def _body() -> dict[str, object]:
    """Return the JSON object of the call; anything else counts as an empty one."""
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}
