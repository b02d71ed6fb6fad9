"""Lost answers, and connections that were never established."""

from __future__ import annotations

import gzip
import itertools
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integration.raw_server import answer, drip, never_answer, raw_server, say
from tests.integration.wan.clients import SINGAPORE, FixedKeys, accepted, client_at, client_of, create, received
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan import client as wan_client
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.errors import WanUnavailable, WanUncertain, WanUnreachable


@pytest.mark.parametrize("after", [True, False], ids=["after acceptance", "before"])
@pytest.mark.parametrize(
    "fault",
    [{"kind": "reset"}, {"kind": "garbage"}, {"kind": "status", "status": 500}, {"kind": "redirect"}],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_lost_answer_is_uncertain_and_the_post_is_sent_once(
    simulator: Simulator, fault: dict[str, Any], after: bool
) -> None:
    posts, tasks = received(simulator), accepted(simulator)
    simulator.faults.add(Fault("create", after=after, **fault))
    with pytest.raises(WanUncertain):
        create(client_of(simulator))
    assert (received(simulator), accepted(simulator)) == (posts + 1, tasks + after)


def test_an_answer_cut_in_the_middle_is_uncertain(simulator: Simulator) -> None:
    posts = received(simulator)
    simulator.faults.add(Fault("create", "truncate"))
    with pytest.raises(WanUncertain):
        create(client_of(simulator))
    assert received(simulator) == posts + 1


def test_a_server_that_never_answers_is_uncertain_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wan_client, "READ_SECONDS", 0.2)
    with raw_server(never_answer) as server:
        with pytest.raises(WanUncertain, match="AnswerLost"):
            create(client_at(server))
        server.await_requests(1)
    assert len(server.requests) == 1


def test_a_server_that_drips_its_answer_is_cut_off_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each reading of this clock is later than the longest time that one answer may take.
    looks = itertools.count(step=wan_client.ANSWER_SECONDS + 1)
    monkeypatch.setattr(wan_client, "time", SimpleNamespace(monotonic=lambda: next(looks)))
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
    with raw_server(drip(head)) as server:
        with pytest.raises(WanUncertain) as lost:
            create(client_at(server))
        with pytest.raises(WanUnavailable) as unread:
            client_at(server).query(SINGAPORE, "task-1")
    for error in (lost.value, unread.value):
        assert (error.code, error.message.partition(" ")[0]) == ("AnswerLost", "Timeout")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"null", b"<html>", b'{"output": null}', b'{"output": []}', b'{"output": {}}',
        b'{"output": {"task_status": "PENDING"}}', b'{"output": {"task_id": 7, "task_status": "PENDING"}}',
        b'{"output": {"task_id": "", "task_status": "PENDING"}}',
        b'{"output": {"task_id": "/..?", "task_status": "PENDING"}}',
        b'{"output": {"task_id": "a b", "task_status": "PENDING"}}', b"[" * 100_000,
        b'{"code": "InvalidParameter", "message": "with status 200"}',
        b'{"output": {"task_id": "t", "task_status": "PENDING"}, "pad": "' + b"x" * 1024 * 1024 + b'"}',
    ],
    ids=range(16),
)  # fmt: skip
def test_a_200_without_a_task_is_uncertain(body: bytes) -> None:
    with raw_server(say(answer("200 OK", body))) as server, pytest.raises(WanUncertain):
        create(client_at(server))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x00\x01\x02", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=range(8),
)  # fmt: skip
def test_an_answer_that_is_not_http_or_redirects_is_uncertain(raw: bytes) -> None:
    with raw_server(say(raw)) as server:
        with pytest.raises(WanUncertain):
            create(client_at(server))
        with pytest.raises(WanUnavailable):
            client_at(server).query(SINGAPORE, "task-1")
    assert len(server.requests) == 2


def test_a_task_id_without_a_status_is_still_a_task() -> None:
    with raw_server(say(answer("200 OK", b'{"output": {"task_id": "task-1"}}'))) as server:
        assert create(client_at(server)).task_id == "task-1"
        with pytest.raises(WanUnavailable):
            client_at(server).query(SINGAPORE, "task-1")


def test_an_answer_in_chunks_or_compressed_is_read() -> None:
    body = b'{"output": {"task_id": "task-1", "task_status": "PENDING"}}'
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    for raw in (chunked, answer("200 OK", gzip.compress(body), "Content-Encoding: gzip")):
        with raw_server(say(raw)) as server:
            assert create(client_at(server)).task_id == "task-1"


def test_a_compressed_answer_that_is_too_large_unpacked_is_cut_off() -> None:
    raw = answer("200 OK", gzip.compress(b" " * 50 * 1024 * 1024), "Content-Encoding: gzip")
    with raw_server(say(raw)) as server, pytest.raises(WanUncertain):
        create(client_at(server))


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = WanClient(
        FixedKeys({SINGAPORE: "sk"}), endpoints=Endpoints({SINGAPORE: f"http://127.0.0.1:{port}/api/v1"})
    )
    with pytest.raises(WanUnreachable):
        create(client)
    with pytest.raises(WanUnreachable):
        client.query(SINGAPORE, "task-1")


@pytest.mark.parametrize(
    "url", ["https://.eu-central-1.maas.aliyuncs.com/api/v1", "ftp://127.0.0.1", "127.0.0.1/api", "http://"]
)
def test_an_invalid_address_is_unreachable_and_leaves_no_doubt(url: str) -> None:
    client = WanClient(FixedKeys({SINGAPORE: "sk"}), endpoints=Endpoints({SINGAPORE: url}))
    with pytest.raises(WanUnreachable):
        create(client)
