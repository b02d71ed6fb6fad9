"""The words in a prompt that make the simulator refuse it."""

from __future__ import annotations

import pytest

from wan_simulator.errors import ERROR_CODES, ErrorCode, RefusalError
from wan_simulator.triggers import MOST_BYTES, Trigger, find_length, find_seconds, find_trigger


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_documented_code_can_be_triggered_at_creation_and_in_the_task(code: str) -> None:
    message = ERROR_CODES[code].message

    assert find_trigger(f"a fox [simulate:{code}]") == Trigger(code, message, in_task=False)
    assert find_trigger(f"[simulate:task:{code}] a fox") == Trigger(code, message, in_task=True)


@pytest.mark.parametrize("row", ERROR_CODES.values(), ids=ERROR_CODES)
def test_every_documented_message_can_be_triggered_by_its_number(row: ErrorCode) -> None:
    asked = [find_trigger(f"[simulate:{row.code}/{number + 1}]") for number in range(len(row.messages))]

    assert asked == [Trigger(row.code, message, in_task=False) for message in row.messages]


@pytest.mark.parametrize("number", ["0", "99"])
def test_an_undocumented_message_cannot_be_triggered(number: str) -> None:
    with pytest.raises(RefusalError, match="does not know the error code"):
        find_trigger(f"[simulate:InvalidURL/{number}]")


def test_an_ordinary_prompt_triggers_nothing() -> None:
    assert find_trigger("a fox [close-up] simulate: rain") is None


def test_a_misspelt_code_is_refused_and_does_not_succeed() -> None:
    with pytest.raises(RefusalError, match="DataInspectionFailure"):
        find_trigger("[simulate:DataInspectionFailure]")


def test_a_long_file_can_be_requested() -> None:
    assert find_length("a fox [simulate:bytes:1073741824]") == 1024**3
    assert find_length("a fox [simulate:bytes:9999999999]") == MOST_BYTES
    assert find_length("a fox") == 0
    assert find_trigger("a fox [simulate:bytes:1073741824]") is None


def test_a_task_can_ask_for_the_time_that_it_takes() -> None:
    assert find_seconds("a fox [simulate:seconds:57.5] waits") == 57.5
    assert find_seconds("[simulate:seconds:0]") == 0
    assert find_seconds("a fox waits") is None
    assert find_seconds("[simulate:seconds:-1] [simulate:seconds:soon]") is None
    assert find_trigger("a fox [simulate:seconds:57.5]") is None
