"""Every documented error code, provoked in the simulator, and how our client, our API and our topic report it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.integration.sdk.error_table import ADVICE, committed, table
from tests.integration.sdk.fates import Fate, error_of_create, error_of_query, failed_later, refused_at_once
from wan_simulator.errors import ERROR_CODES
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator

NOT_NOW: Final = frozenset(
    {
        "Throttling",
        "Throttling.RateQuota",
        "Throttling.BurstRate",
        "Throttling.Concurrency",
        "Throttling.AllocationQuota",
        "ModelServingError",
        "ModelUnavailable",
    }
)
"""Codes that certainly refuse a submission, which may be accepted a moment later."""

RETRY_LATER: Final = NOT_NOW | {
    "InternalError",
    "InternalError.Algo",
    "InternalError.Upload",
    "InternalError.FileUpload",
    "SystemError",
    "ModelServiceFailed",
    "RequestTimeOut",
    "RewriteFailed",
}
"""Codes that Wan's own pages advise to retry later."""

SERVER_MAY_RECOVER: Final = frozenset(
    {"InvalidURL.Timeout", "InvalidURL.ConnectionRefused", "GatewayTimeout.InputDownload"}
)
"""Codes for a file that Wan could not fetch in time from the caller's server, which may answer later."""


def expected_class(code: str) -> str:
    """Return the error that our client must raise for a creation, by only its code and status."""
    status = ERROR_CODES[code].status
    if code in NOT_NOW:
        return "WanThrottled"
    if status == 401:
        return "WanUnauthorized"
    return "WanRefused" if status < 500 else "WanUncertain"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as one:
        yield one


@pytest.mark.parametrize("code", ERROR_CODES)
def test_our_client_raises_the_right_error_for_a_refused_creation(simulator: Simulator, code: str) -> None:
    error = error_of_create(simulator, code)

    assert (type(error).__name__, error.code, error.status) == (expected_class(code), code, ERROR_CODES[code].status)
    if expected_class(code) != "WanUncertain":
        assert error.message == ERROR_CODES[code].message


@pytest.mark.parametrize("code", ERROR_CODES)
def test_a_refused_query_is_never_taken_for_an_answer(simulator: Simulator, code: str) -> None:
    simulator.faults.add(Fault("query", "refuse", code=code))
    error = error_of_query(simulator)
    expected = "WanThrottled" if ERROR_CODES[code].status == 429 else expected_class(code)

    assert error.code == code
    assert type(error).__name__ == ("WanUnavailable" if expected == "WanUncertain" else expected)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_api_and_topic_report_a_refused_create_call(simulator: Simulator, code: str) -> None:
    fate = refused_at_once(simulator, code)

    match expected_class(code):
        case "WanThrottled":
            assert fate == Fate("in_progress", raised="WanThrottled")
        case "WanUncertain":
            assert fate == Fate("in_progress", condition="submission_uncertain")
        case _:
            assert (fate.status, fate.event, fate.code) == ("failed", "video.failed", code)
            assert fate.retryable is (code in SERVER_MAY_RECOVER)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_api_and_topic_report_a_task_that_failed(simulator: Simulator, code: str) -> None:
    message = ERROR_CODES[code].message

    assert failed_later(simulator, code) == Fate(
        "failed", code=code, message=message, retryable=code in RETRY_LATER | SERVER_MAY_RECOVER, event="video.failed"
    )


@pytest.mark.parametrize(
    ("code", "message", "retryable"),
    [
        ("InvalidParameter", "Download the media resource timed out", True),
        ("InvalidParameter.DataInspection", "Download the media resource timed out", True),
        ("InvalidParameter", "Unable to download the media resource", False),
        ("InvalidParameter", "Failed to find the requested media resource", False),
        ("InvalidParameter", "The media format is not supported", False),
        ("InvalidParameter", "The image size is not supported", False),
    ],
)
def test_of_the_errors_that_share_a_code_only_a_slow_server_is_worth_a_retry(
    simulator: Simulator, code: str, message: str, retryable: bool
) -> None:
    messages = ERROR_CODES[code].messages
    (number,) = [place for place, text in enumerate(messages, 1) if text.startswith(message)]

    assert failed_later(simulator, f"{code}/{number}") == Fate(
        "failed", code=code, message=messages[number - 1], retryable=retryable, event="video.failed"
    )
    assert refused_at_once(simulator, f"{code}/{number}").retryable is retryable


def test_a_refused_endpoint_names_what_to_check(simulator: Simulator) -> None:
    message = refused_at_once(simulator, "Endpoint.AccessDenied").message or ""

    assert message.startswith("Workspace endpoint access denied. Check WanWorkspaceId")


def test_there_is_advice_for_every_code_and_for_no_other() -> None:
    assert ADVICE.keys() == ERROR_CODES.keys()


def test_the_table_in_the_documentation_is_current(simulator: Simulator) -> None:
    assert committed() == table(simulator), "run: python -m tests.integration.sdk.error_table"
