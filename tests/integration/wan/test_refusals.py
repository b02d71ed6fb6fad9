"""Refusals by Wan, as named errors."""

from __future__ import annotations

import pytest

from tests.integration.wan.clients import SINGAPORE, FixedKeys, accepted, client_of, create, received
from tools.harness.samples import request
from wan_simulator.errors import ERROR_CODES
from wan_simulator.faults import Fault
from wan_simulator.media import LARGEST_BODY
from wan_simulator.simulator import Simulator
from wan_video.domain.models import Region
from wan_video.errors import WanError, WanRefused, WanThrottled, WanUnauthorized, WanUncertain

OVERDUE = {"PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased"}


def expected_class(code: str, status: int) -> type[WanError]:
    """The classes of the documentation: definite refusals, temporary refusals, and unclear answers."""
    if (status == 429 and code not in OVERDUE) or code in ("ModelServingError", "ModelUnavailable"):
        return WanThrottled
    if status == 401:
        return WanUnauthorized
    return WanRefused if status < 500 else WanUncertain


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_each_documented_code_of_a_creation_has_its_class(simulator: Simulator, code: str) -> None:
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


def test_a_413_is_a_refusal_with_any_body(simulator: Simulator) -> None:
    posts, tasks = received(simulator), accepted(simulator)
    client = client_of(simulator)
    with pytest.raises(WanRefused) as bare:
        client.prepare(request(prompt="x" * (LARGEST_BODY + 1)))()
    assert (received(simulator), accepted(simulator)) == (posts, tasks)
    simulator.faults.add(Fault("create", "refuse", code="BadRequest.TooLarge", status=413))
    with pytest.raises(WanRefused) as coded:
        create(client)

    assert (bare.value.code, bare.value.status, "no task was made" in bare.value.message) == ("Http413", 413, True)
    assert (coded.value.code, coded.value.message) == ("BadRequest.TooLarge", "Payload Too Large.")


def test_another_regions_key_is_refused_by_name(simulator: Simulator) -> None:
    client = client_of(simulator, FixedKeys({SINGAPORE: simulator.key(Region.BEIJING)}))
    with pytest.raises(WanUnauthorized, match="InvalidApiKey"):
        create(client)
    with pytest.raises(WanUnauthorized, match="InvalidApiKey"):
        client.query(SINGAPORE, "task-1")


def test_a_missing_key_is_reported_before_anything_is_sent(simulator: Simulator) -> None:
    posts = received(simulator)
    with pytest.raises(WanUnauthorized, match="KeyMissing"):
        client_of(simulator, FixedKeys({})).prepare(request())
    assert received(simulator) == posts


def test_a_query_reads_a_rotated_key_again_once(simulator: Simulator) -> None:
    rotated = FixedKeys({SINGAPORE: "sk-old"}, fresh={SINGAPORE: simulator.key(SINGAPORE)})
    assert client_of(simulator, rotated).query(SINGAPORE, "task-1").status == "UNKNOWN"
    assert rotated.refreshes == 1
    wrong = FixedKeys({SINGAPORE: "sk-old"}, fresh={SINGAPORE: "sk-older"})
    with pytest.raises(WanUnauthorized):
        client_of(simulator, wrong).query(SINGAPORE, "task-1")
    assert wrong.refreshes == 1
