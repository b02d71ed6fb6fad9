"""Base URLs that change while tasks run: each task is queried where it was created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.raw_server import RawServer, answer, raw_server, say
from tests.integration.wan.clients import SINGAPORE, FixedKeys
from tools.harness.samples import request
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region
from wan_video.errors import WanRefused, WanThrottled, WanUnauthorized, WanUnavailable, WanUnreachable

KNOWN = b'{"output": {"task_id": "task-1", "task_status": "RUNNING"}}'
LISTED = b'{"data": [{"task_id": "task-1", "status": "RUNNING"}], "total": 1, "total_page": 1}'
REFUSED = b'{"code": "InvalidApiKey", "message": "Invalid API-key provided."}'
NOWHERE = "http://127.0.0.1:1/api/v1"

Serve = Callable[[str, bytes], RawServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Servers that give one answer each."""
    with ExitStack() as servers:
        yield lambda status, body: servers.enter_context(raw_server(say(answer(status, body))))


def base_of(server: RawServer) -> str:
    return f"{server.url}/api/v1"


def client(current: RawServer, on_unauthorized: Callable[[], None] = lambda: None) -> WanClient:
    keys = FixedKeys({SINGAPORE: "sk"})
    return WanClient(keys, endpoints=Endpoints({SINGAPORE: base_of(current)}), on_unauthorized=on_unauthorized)


def asked(made_at: str, current: RawServer) -> list[Any]:
    """Return the hosts that answer a query and a list."""
    wan = client(current)
    query = wan.query(SINGAPORE, "task-1", made_at)
    listed = wan.tasks(SINGAPORE, "wan2.6-t2v", 0, 60, made_at)
    assert [task.task_id for task in listed.tasks] == ["task-1"]
    return [query.base_url, listed.base_url]


BOTH = b'{"output": {"task_id": "task-1", "task_status": "RUNNING"}, ' + LISTED[1:]


def test_a_task_is_queried_where_it_was_created(serve: Serve) -> None:
    old, new = serve("200 OK", BOTH), serve("200 OK", BOTH)
    assert asked(base_of(old), new) == [base_of(old)] * 2
    assert (len(old.requests), len(new.requests)) == (2, 0)


def test_a_cancellation_goes_to_where_the_task_was_created(serve: Serve) -> None:
    old, new = serve("200 OK", b'{"request_id": "r-1"}'), serve("200 OK", b'{"request_id": "r-1"}')
    client(new).cancel(SINGAPORE, "task-1", base_of(old))
    client(new).cancel(SINGAPORE, "task-1")
    client(new).cancel(SINGAPORE, "task-1", NOWHERE)
    assert (len(old.requests), len(new.requests)) == (1, 2)


def test_a_task_of_unknown_origin_is_queried_at_the_current_base_url(serve: Serve) -> None:
    new = serve("200 OK", BOTH)
    assert client(new).query(SINGAPORE, "task-1").base_url == base_of(new)
    assert client(new).tasks(SINGAPORE, "wan2.6-t2v", 0, 60).base_url == base_of(new)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_if_the_key_is_refused_the_current_base_url_is_used(serve: Serve, status: str) -> None:
    old, new = serve(status, REFUSED), serve("200 OK", BOTH)
    assert asked(base_of(old), new) == [base_of(new)] * 2


def test_if_the_host_is_unreachable_the_current_base_url_is_used(serve: Serve) -> None:
    new = serve("200 OK", BOTH)
    assert asked(NOWHERE, new) == [base_of(new)] * 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("404 Not Found", WanRefused),
        ("400 Bad Request", WanRefused),
        ("429 Too Many Requests", WanThrottled),
        ("500 Internal Server Error", WanUnavailable),
    ],
)
def test_any_other_answer_is_that_of_the_right_host(serve: Serve, status: str, error: type[Exception]) -> None:
    old, new = serve(status, REFUSED), serve("200 OK", BOTH)
    for ask in (
        lambda: client(new).query(SINGAPORE, "task-1", base_of(old)),
        lambda: client(new).tasks(SINGAPORE, "wan2.6-t2v", 0, 60, base_of(old)),
    ):
        with pytest.raises(error):
            ask()
    assert new.requests == []


def test_a_key_that_every_host_refuses_is_reported_once(serve: Serve) -> None:
    old, new = serve("401 Unauthorized", REFUSED), serve("401 Unauthorized", REFUSED)
    alarms: list[int] = []
    with pytest.raises(WanUnauthorized):
        client(new, lambda: alarms.append(1)).query(SINGAPORE, "task-1", base_of(old))
    assert alarms == [1]


def test_a_key_that_only_the_old_host_refuses_raises_no_alarm(serve: Serve) -> None:
    old, new = serve("401 Unauthorized", REFUSED), serve("200 OK", KNOWN)
    alarms: list[int] = []
    client(new, lambda: alarms.append(1)).query(SINGAPORE, "task-1", base_of(old))
    assert alarms == []


def test_a_creation_goes_to_the_base_url_that_was_stated_before(serve: Serve) -> None:
    new = serve("200 OK", KNOWN)
    wan = client(new)
    assert wan.base_url(SINGAPORE) == base_of(new)
    assert wan.prepare(request())().base_url == base_of(new)


def test_a_creation_is_sent_to_no_other_host(serve: Serve) -> None:
    wan = WanClient(FixedKeys({SINGAPORE: "sk"}), endpoints=Endpoints({SINGAPORE: NOWHERE}))
    with pytest.raises(WanUnreachable):
        wan.prepare(request())()


def test_the_base_url_of_frankfurt_names_the_workspace() -> None:
    wan = WanClient(FixedKeys({}), endpoints=Endpoints(workspace="ws-1"))
    assert wan.base_url(Region.FRANKFURT) == "https://ws-1.eu-central-1.maas.aliyuncs.com/api/v1"
