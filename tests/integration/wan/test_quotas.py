"""The quotas and retirements that the client reads from the simulator, which changes them while it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.raw_server import answer, raw_server, say
from tests.integration.wan.clients import SINGAPORE, FixedKeys, client_at, client_of
from wan_simulator.quotas import QUOTA_ROUTES, QuotaRoute
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import MODELS, Region
from wan_video.domain.quota import LimitSource, Quota
from wan_video.errors import WanRefused, WanThrottled, WanUnauthorized, WanUnavailable

MODEL = "wan2.6-t2v"
WORKSPACE = "ws-simulator"


@pytest.fixture(autouse=True)
def _as_it_was(simulator: Simulator) -> Iterator[None]:
    yield
    simulator.wan.reset_quotas()
    simulator.wan.switches.quota_routes = QUOTA_ROUTES
    simulator.retire(MODEL, None)


@pytest.mark.parametrize("route", QUOTA_ROUTES)
def test_a_quota_is_read_by_either_path_and_as_it_is_now(simulator: Simulator, route: QuotaRoute) -> None:
    simulator.wan.switches.quota_routes = [route]
    client = client_of(simulator)
    assert client.quota(SINGAPORE, MODEL) == Quota(5)
    simulator.set_quota(MODEL, async_user_concurrency_limit=2, async_user_queue_limit=50)
    assert client.quota(SINGAPORE, MODEL) == Quota(2, 50)
    assert client.quota(SINGAPORE, "wan2.2-t2v-plus") == Quota(2)


def test_the_limit_of_the_workspace_counts_where_it_is_smaller(simulator: Simulator) -> None:
    client = client_of(simulator)
    simulator.set_quota(MODEL, workspace=WORKSPACE, async_user_concurrency_limit=3)
    assert client.quota(SINGAPORE, MODEL) == Quota(3, None, LimitSource.WORKSPACE)
    simulator.set_quota(MODEL, async_user_concurrency_limit=1)
    assert client.quota(SINGAPORE, MODEL) == Quota(1)


def test_a_number_that_wan_does_not_show_is_not_known(simulator: Simulator) -> None:
    simulator.set_quota(MODEL, hidden=["async_user_concurrency_limit"], async_user_queue_limit=50)
    assert client_of(simulator).quota(SINGAPORE, MODEL) == Quota(None, 50)


def test_a_model_that_wan_does_not_have_has_no_quota(simulator: Simulator) -> None:
    assert client_of(simulator).quota(SINGAPORE, "wan9-t2v") is None


def test_without_a_quota_api_the_refusal_says_so(simulator: Simulator) -> None:
    simulator.wan.switches.quota_routes = []
    with pytest.raises(WanRefused) as caught:
        client_of(simulator).quota(SINGAPORE, MODEL)
    assert caught.value.status == 404


def test_the_host_of_a_known_workspace_is_used(simulator: Simulator) -> None:
    # The shared host fails here, so that every answer comes from the workspace's host.
    keys = FixedKeys({SINGAPORE: simulator.key()})
    own = {SINGAPORE: simulator.base_url(workspace="{workspace}")}
    shared = {SINGAPORE: "http://127.0.0.1:1/api/v1"}
    client = WanClient(keys, endpoints=Endpoints(shared, own, workspace=WORKSPACE))
    assert client.quota(SINGAPORE, MODEL) == Quota(5)
    assert client.retirements(SINGAPORE)[MODEL] is None


@pytest.mark.parametrize(
    ("region", "workspace", "expected"),
    [
        (Region.SINGAPORE, "", "https://dashscope-intl.aliyuncs.com/api/v1"),
        (Region.SINGAPORE, "ws-1", "https://ws-1.ap-southeast-1.maas.aliyuncs.com/api/v1"),
        (Region.FRANKFURT, "ws-1", "https://ws-1.eu-central-1.maas.aliyuncs.com/api/v1"),
        (Region.FRANKFURT, "", None),
    ],
)
def test_quotas_are_requested_at_the_documented_hosts(region: Region, workspace: str, expected: str | None) -> None:
    assert Endpoints(workspace=workspace).account_url(region) == expected
    if expected is None:
        with pytest.raises(WanRefused, match="WorkspaceMissing"):
            WanClient(FixedKeys({region: "sk-1"})).quota(region, MODEL)


def test_a_key_that_is_refused_raises_no_alarm_and_one_that_was_rotated_is_read_again(simulator: Simulator) -> None:
    alarms: list[str] = []
    endpoints = Endpoints({SINGAPORE: simulator.base_url()})
    wrong = FixedKeys({SINGAPORE: "sk-old"})
    client = WanClient(wrong, endpoints=endpoints, on_unauthorized=lambda: alarms.append("rung"))
    with pytest.raises(WanUnauthorized):
        client.quota(SINGAPORE, MODEL)
    with pytest.raises(WanUnauthorized):
        client.retirements(SINGAPORE)
    assert alarms == []
    wrong.fresh[SINGAPORE] = simulator.key()
    assert client.quota(SINGAPORE, MODEL) == Quota(5)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        ("200 OK", b"{}", WanUnavailable),
        ("200 OK", b"<html>", WanUnavailable),
        ("200 OK", b'{"code": "InternalError", "message": "x", "request_id": "r"}', WanUnavailable),
        ("200 OK", b'{"output": {"total": 1, "quotas": null}}', WanUnavailable),
        ("500 Oops", b'{"code": "InternalError", "message": "x", "request_id": "r"}', WanUnavailable),
        ("429 Slow", b'{"code": "Throttling", "message": "x", "request_id": "r"}', WanThrottled),
    ],
)
def test_an_answer_that_is_no_list_is_an_error(status: str, body: bytes, expected: type[Exception]) -> None:
    with raw_server(say(answer(status, body))) as server:
        with pytest.raises(expected):
            client_at(server).quota(SINGAPORE, MODEL)
        with pytest.raises(expected):
            client_at(server).retirements(SINGAPORE)


def test_a_retirement_is_read_as_wan_writes_it(simulator: Simulator) -> None:
    client = client_of(simulator)
    known = client.retirements(SINGAPORE)
    assert {name for name, model in MODELS.items() if SINGAPORE in model.regions} <= set(known)
    assert set(known.values()) == {None}
    simulator.retire(MODEL, 1_798_646_400)
    assert client.retirements(SINGAPORE)[MODEL] == 1_798_646_400
    assert client.retirements(Region.BEIJING)[MODEL] is None
