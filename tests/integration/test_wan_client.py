"""The Wan client against the simulator, and against a server that does what no server should."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.samples import PROMPT, request
from tests.integration.raw_server import RawServer, answer, drip, never_answer, raw_server, say
from wan_simulator.errors import ERROR_CODES
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.adapters import wan_client
from wan_video.adapters.wan_bodies import request_body
from wan_video.adapters.wan_client import ENDPOINTS, WanClient
from wan_video.domain.models import Region, Size, Tier
from wan_video.domain.request import VideoRequest
from wan_video.errors import (
    WanError,
    WanRefused,
    WanThrottled,
    WanUnauthorized,
    WanUnavailable,
    WanUncertain,
    WanUnreachable,
)
from wan_video.ports.wan import TaskAnswer
from wan_video.services.lost_tasks import made_for

SINGAPORE = Region.SINGAPORE
TASK_PATH = b"POST /api/v1/services/aigc/video-generation/video-synthesis HTTP/1.1"


@dataclass
class FixedKeys:
    """Keys that are what a test says; `fresh` are those a refresh brings."""

    keys: dict[Region, str]
    fresh: dict[Region, str] = field(default_factory=dict)
    refreshes: int = 0

    def key(self, region: Region) -> str:
        if region not in self.keys:
            raise WanUnauthorized("KeyMissing", f"The stack's secret has no key {region!r}.")
        return self.keys[region]

    def refresh(self, region: Region) -> bool:
        self.refreshes += 1
        before = self.keys.get(region)
        self.keys |= self.fresh
        return self.keys.get(region) not in (None, before)


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Iterator[Simulator]:
    shared_simulator.faults.clear()
    yield shared_simulator
    shared_simulator.faults.clear()


def client_of(simulator: Simulator, keys: FixedKeys | None = None) -> WanClient:
    keys = keys or FixedKeys({region: simulator.key(region) for region in Region})
    return WanClient(keys, endpoints={region: simulator.base_url(region) for region in Region})


def client_at(server: RawServer) -> WanClient:
    return WanClient(FixedKeys({SINGAPORE: "sk-CANARY-KEY"}), endpoints={SINGAPORE: f"{server.url}/api/v1"})


def create(client: WanClient, wanted: VideoRequest | None = None) -> TaskAnswer:
    return client.prepare(wanted or request())()


def received(simulator: Simulator) -> int:
    return len(simulator.ledger("received"))


def accepted(simulator: Simulator) -> int:
    return len(simulator.ledger("accepted"))


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_up_to_wan26_the_size_travels_in_pixels() -> None:
    wanted = request(
        negative_prompt="blur",
        audio_url="https://example.com/a.mp3",
        shot_type="multi",
        seconds=15,
        watermark=True,
    )
    assert request_body(wanted) == {
        "model": "wan2.6-t2v",
        "input": {"prompt": PROMPT, "negative_prompt": "blur", "audio_url": "https://example.com/a.mp3"},
        "parameters": {
            "size": "1280*720",
            "duration": 15,
            "prompt_extend": True,
            "watermark": True,
            "seed": 7,
            "shot_type": "multi",
        },
    }


def test_from_wan27_it_travels_as_resolution_and_ratio() -> None:
    wanted = request(model="wan2.7-t2v", size=Size(832, 1104), seconds=2, prompt_extend=False)
    assert request_body(wanted) == {
        "model": "wan2.7-t2v",
        "input": {"prompt": PROMPT},
        "parameters": {
            "resolution": "720P",
            "ratio": "3:4",
            "duration": 2,
            "prompt_extend": False,
            "watermark": False,
            "seed": 7,
        },
    }


def test_a_model_of_one_length_is_not_told_it() -> None:
    body = request_body(request(model="wan2.2-t2v-plus", size=Size(832, 480)))
    assert "duration" not in body["parameters"]


def test_a_create_is_one_post_with_the_documented_headers() -> None:
    body = json.dumps({"output": {"task_id": "task-1", "task_status": "PENDING"}, "request_id": "r-1"}).encode()
    with raw_server(say(answer("200 OK", body))) as server:
        assert create(client_at(server)) == TaskAnswer("task-1", "PENDING", "r-1")
    (sent,) = server.requests
    head, _, sent_body = sent.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == TASK_PATH
    assert {
        b"Authorization: Bearer sk-CANARY-KEY",
        b"X-DashScope-Async: enable",
        b"Content-Type: application/json",
    } <= {*lines}
    assert json.loads(sent_body) == request_body(request())


def test_a_query_does_not_ask_to_be_asynchronous() -> None:
    body = json.dumps({"output": {"task_id": "task-1", "task_status": "RUNNING"}}).encode()
    with raw_server(say(answer("200 OK", body))) as server:
        client_at(server).query(SINGAPORE, "a/../b?c")
    (sent,) = server.requests
    assert sent.startswith(b"GET /api/v1/tasks/a%2F..%2Fb%3Fc HTTP/1.1")
    assert b"x-dashscope-async" not in sent.lower()


def test_a_netrc_file_does_not_replace_the_key(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with raw_server(say(answer("200 OK", b"{}"))) as server, pytest.raises(WanUncertain):
        create(client_at(server))
    assert b"Authorization: Bearer sk-CANARY-KEY" in server.requests[0]


def test_every_region_has_wans_own_address() -> None:
    assert ENDPOINTS == {
        "beijing": "https://dashscope.aliyuncs.com/api/v1",
        "singapore": "https://dashscope-intl.aliyuncs.com/api/v1",
        "virginia": "https://dashscope-us.aliyuncs.com/api/v1",
        "frankfurt": "https://{workspace}.eu-central-1.maas.aliyuncs.com/api/v1",
    }


# --- a whole life with the simulator ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        request(),
        request(model="wan2.7-t2v", size=Size(1648, 1248), seconds=2),
        request(model="wan2.5-t2v-preview", region=Region.BEIJING, size=Size(624, 624), seconds=5),
        request(model="wan2.2-t2v-plus", size=Size(832, 480)),
    ],
    ids=lambda wanted: wanted.model,
)
def test_a_task_is_made_asked_about_and_found_done_with_its_link_and_seconds(
    simulator: Simulator, wanted: VideoRequest
) -> None:
    client = client_of(simulator)
    task = create(client, wanted)
    assert task.status == "PENDING"
    assert task.request_id
    waiting = client.query(wanted.region, task.task_id)
    assert (waiting.status in ("PENDING", "RUNNING"), waiting.video_url, waiting.seconds) == (True, None, None)
    simulator.finish(task.task_id)
    done = client.query(wanted.region, task.task_id)
    assert (done.status, done.seconds) == ("SUCCEEDED", wanted.seconds)
    assert done.video_url is not None
    assert done.video_url.startswith(simulator.origin)
    assert done.submit_time
    assert done.end_time
    (billed,) = [entry for entry in simulator.ledger("billed") if entry["task_id"] == task.task_id]
    assert (billed["model"], billed["size"], billed["seconds"], billed["seed"]) == (
        wanted.model,
        str(wanted.size),
        wanted.seconds,
        7,
    )


def test_a_failed_task_comes_back_with_code_and_message(simulator: Simulator) -> None:
    client = client_of(simulator)
    task = create(client, request(prompt="[simulate:task:DataInspectionFailed]"))
    simulator.finish(task.task_id)
    failed = client.query(SINGAPORE, task.task_id)
    assert (failed.status, failed.code) == ("FAILED", "DataInspectionFailed")
    assert failed.message


def test_a_task_that_wan_does_not_know_is_unknown(simulator: Simulator) -> None:
    assert client_of(simulator).query(SINGAPORE, "no-such-task").status == "UNKNOWN"


# --- refusals --------------------------------------------------------------------------------------------------------

OVERDUE = {"PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased"}


def expected_class(code: str, status: int) -> type[WanError]:
    """By the rule of the documentation: what is definite, what is "not now", and what is no clear answer."""
    if (status == 429 and code not in OVERDUE) or code in ("ModelServingError", "ModelUnavailable"):
        return WanThrottled
    if status == 401:
        return WanUnauthorized
    return WanRefused if status < 500 else WanUncertain


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_each_documented_code_of_a_create_has_its_class(simulator: Simulator, code: str) -> None:
    posts, tasks = received(simulator), accepted(simulator)
    simulator.faults.add(Fault("create", "refuse", code=code))
    with pytest.raises(WanError) as caught:
        create(client_of(simulator))
    assert type(caught.value) is expected_class(code, ERROR_CODES[code].status)
    assert caught.value.code == code
    assert (received(simulator), accepted(simulator)) == (posts + 1, tasks)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_refusal_code_with_another_status_than_its_own_is_not_believed(simulator: Simulator, status: int) -> None:
    simulator.faults.add(Fault("create", "refuse", code="InvalidParameter", status=status))
    with pytest.raises(WanUncertain):
        create(client_of(simulator))


def test_a_503_without_a_throttle_code_is_no_clear_answer(simulator: Simulator) -> None:
    simulator.faults.add(Fault("create", "refuse", code="Throttling", status=503))
    simulator.faults.add(Fault("create", "status", status=503))
    for _ in range(2):
        with pytest.raises(WanUncertain):
            create(client_of(simulator))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_a_refusal_without_a_code_is_no_clear_answer(simulator: Simulator, status: int) -> None:
    simulator.faults.add(Fault("create", "status", status=status))
    with pytest.raises(WanUncertain):
        create(client_of(simulator))


def test_another_regions_key_is_refused_by_name(simulator: Simulator) -> None:
    client = client_of(simulator, FixedKeys({SINGAPORE: simulator.key(Region.BEIJING)}))
    with pytest.raises(WanUnauthorized, match="InvalidApiKey"):
        create(client)
    with pytest.raises(WanUnauthorized, match="InvalidApiKey"):
        client.query(SINGAPORE, "task-1")


def test_a_missing_key_is_told_before_anything_is_sent(simulator: Simulator) -> None:
    posts = received(simulator)
    with pytest.raises(WanUnauthorized, match="KeyMissing"):
        client_of(simulator, FixedKeys({})).prepare(request())
    assert received(simulator) == posts


def test_a_query_refetches_a_rotated_key_once(simulator: Simulator) -> None:
    rotated = FixedKeys({SINGAPORE: "sk-old"}, fresh={SINGAPORE: simulator.key(SINGAPORE)})
    assert client_of(simulator, rotated).query(SINGAPORE, "task-1").status == "UNKNOWN"
    assert rotated.refreshes == 1
    wrong = FixedKeys({SINGAPORE: "sk-old"}, fresh={SINGAPORE: "sk-older"})
    with pytest.raises(WanUnauthorized):
        client_of(simulator, wrong).query(SINGAPORE, "task-1")
    assert wrong.refreshes == 1


# --- lost answers of a create ----------------------------------------------------------------------------------------


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


def test_a_server_that_never_answers_is_uncertain_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wan_client, "READ_SECONDS", 0.2)
    with raw_server(never_answer) as server, pytest.raises(WanUncertain, match="AnswerLost"):
        create(client_at(server))
    assert len(server.requests) == 1


def test_a_server_that_drips_its_answer_is_cut_off_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wan_client, "ANSWER_SECONDS", 0.3)
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
    with raw_server(drip(head)) as server:
        with pytest.raises(WanUncertain) as lost:
            create(client_at(server))
        with pytest.raises(WanUnavailable) as unread:
            client_at(server).query(SINGAPORE, "task-1")
    for error in (lost.value, unread.value):
        assert (error.code, error.message.partition(" ")[0]) == ("AnswerLost", "TimeoutError")
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
def test_a_200_that_names_no_task_is_uncertain(body: bytes) -> None:
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
def test_an_answer_that_is_no_http_or_leads_elsewhere_is_uncertain(raw: bytes) -> None:
    with raw_server(say(raw)) as server:
        with pytest.raises(WanUncertain):
            create(client_at(server))
        with pytest.raises(WanUnavailable):
            client_at(server).query(SINGAPORE, "task-1")
    assert len(server.requests) == 2


def test_a_task_id_that_comes_without_a_status_is_a_task_all_the_same() -> None:
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


def test_a_compressed_answer_that_unpacks_too_large_is_cut_off() -> None:
    raw = answer("200 OK", gzip.compress(b" " * 50 * 1024 * 1024), "Content-Encoding: gzip")
    with raw_server(say(raw)) as server, pytest.raises(WanUncertain):
        create(client_at(server))


# --- no connection ---------------------------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = WanClient(FixedKeys({SINGAPORE: "sk"}), endpoints={SINGAPORE: f"http://127.0.0.1:{port}/api/v1"})
    with pytest.raises(WanUnreachable):
        create(client)
    with pytest.raises(WanUnreachable):
        client.query(SINGAPORE, "task-1")


@pytest.mark.parametrize(
    "url", ["https://.eu-central-1.maas.aliyuncs.com/api/v1", "ftp://127.0.0.1", "127.0.0.1/api", "http://"]
)
def test_an_address_that_is_none_is_unreachable_and_leaves_no_doubt(url: str) -> None:
    client = WanClient(FixedKeys({SINGAPORE: "sk"}), endpoints={SINGAPORE: url})
    with pytest.raises(WanUnreachable):
        create(client)


# --- queries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "reset"}, WanUnavailable),
        ({"kind": "garbage"}, WanUnavailable),
        ({"kind": "truncate"}, WanUnavailable),
        ({"kind": "redirect"}, WanUnavailable),
        ({"kind": "status", "status": 502}, WanUnavailable),
        ({"kind": "status", "status": 429}, WanThrottled),
        ({"kind": "status", "status": 404}, WanRefused),
        ({"kind": "refuse", "code": "Throttling.RateQuota"}, WanThrottled),
        ({"kind": "refuse", "code": "ModelUnavailable"}, WanThrottled),
        ({"kind": "refuse", "code": "InternalError"}, WanUnavailable),
        ({"kind": "refuse", "code": "AccessDenied"}, WanRefused),
    ],
    ids=str,
)
def test_a_query_that_fails_is_named_and_can_be_asked_again(
    simulator: Simulator, fault: dict[str, Any], expected: type[WanError]
) -> None:
    client = client_of(simulator)
    simulator.faults.add(Fault("query", **fault))
    with pytest.raises(expected):
        client.query(SINGAPORE, "task-1")
    assert client.query(SINGAPORE, "task-1").status == "UNKNOWN"


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        ({"duration": 10}, 10),
        ({"video_duration": 5}, 5),
        ({"output_video_duration": 4.2}, 5),
        ({"duration": 0, "video_duration": 5}, 5),
        ({"duration": "5"}, None),
        ({"duration": True}, None),
        ({"duration": -5}, None),
        ({"duration": 1e9}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
    ids=str,
)
def test_billed_seconds_are_believed_when_they_can_be(usage: object, seconds: int | None) -> None:
    body = {"output": {"task_id": "task-1", "task_status": "SUCCEEDED"}, "usage": usage}
    with raw_server(say(answer("200 OK", json.dumps(body).encode()))) as server:
        assert client_at(server).query(SINGAPORE, "task-1").seconds == seconds


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_no_error_quotes_the_key_or_the_prompt(simulator: Simulator) -> None:
    errors: list[str] = []
    for kind in ("reset", "garbage", "redirect", "status"):
        simulator.faults.add(Fault("create", kind))
        with pytest.raises(WanError) as caught:
            create(client_of(simulator))
        errors.append(repr(caught.value) + repr(caught.value.__cause__) + str(caught.value))
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "CANARY" not in "".join(errors)
    assert simulator.key() not in "".join(errors)


# --- the list of tasks -----------------------------------------------------------------------------------------------


def test_every_task_of_a_model_and_time_is_listed_page_after_page(simulator: Simulator) -> None:
    simulator.advance(2 * 24 * 3600)
    now = int(simulator.wan.clock.now())
    client = WanClient(
        FixedKeys({SINGAPORE: simulator.key()}),
        endpoints={SINGAPORE: simulator.base_url()},
        pause=lambda _: None,
    )
    made = [create(client, request(prompt=f"fox {number}")).task_id for number in range(53)]
    create(client, request(model="wan2.5-t2v-preview"))
    listed = client.tasks(SINGAPORE, "wan2.6-t2v", now - 60, now + 60)
    assert sorted(task.task_id for task in listed) == sorted(made)
    assert {task.created_at for task in listed} == {now}
    assert client.tasks(SINGAPORE, "wan2.6-t2v", now - 3600, now - 60) == []


def test_a_list_is_asked_for_with_a_fresh_key_where_the_old_one_is_refused(simulator: Simulator) -> None:
    keys = FixedKeys({SINGAPORE: "sk-old"}, fresh={SINGAPORE: simulator.key()})
    client = WanClient(keys, endpoints={SINGAPORE: simulator.base_url()}, pause=lambda _: None)
    client.tasks(SINGAPORE, "wan2.6-t2v", 0, 60)
    assert keys.refreshes == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("list", "reset"), WanUnavailable),
        (Fault("list", "garbage"), WanUnavailable),
        (Fault("list", "status", status=502), WanUnavailable),
        (Fault("list", "truncate"), WanUnavailable),
        (Fault("list", "refuse", code="Throttling.RateQuota"), WanThrottled),
        (Fault("list", "refuse", code="AccessDenied"), WanRefused),
    ],
)
def test_a_list_that_does_not_arrive_is_an_error_and_not_an_empty_list(
    simulator: Simulator, fault: Fault, error: type[WanError]
) -> None:
    simulator.faults.add(fault)
    with pytest.raises(error):
        client_of(simulator).tasks(SINGAPORE, "wan2.6-t2v", 0, 60)


def test_what_a_task_made_is_read_in_the_words_of_its_generation(simulator: Simulator) -> None:
    client = client_of(simulator)
    for wanted, stated in (
        (request(), (Size(1280, 720), Tier.P720, None)),
        (request(model="wan2.5-t2v-preview", size=Size(832, 480)), (Size(832, 480), None, None)),
        (request(model="wan2.7-t2v", size=Size(720, 1280)), (None, Tier.P720, "9:16")),
    ):
        task_id = create(client, wanted).task_id
        simulator.finish(task_id)
        made = client.query(SINGAPORE, task_id)
        assert (made.size, made.tier, made.ratio) == stated
        assert made_for(wanted, made)
        assert not made_for(request(prompt="another"), made)
