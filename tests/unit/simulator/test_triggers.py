"""The words in a prompt that make the simulated Wan refuse it."""

from __future__ import annotations

import pytest

from wan_simulator.errors import ERROR_CODES, RefusalError
from wan_simulator.triggers import Trigger, find_trigger


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_documented_code_can_be_asked_for_at_creation_and_in_the_task(code: str) -> None:
    assert find_trigger(f"a fox [simulate:{code}]") == Trigger(code, in_task=False)
    assert find_trigger(f"[simulate:task:{code}] a fox") == Trigger(code, in_task=True)


def test_an_ordinary_prompt_triggers_nothing() -> None:
    assert find_trigger("a fox [close-up] simulate: rain") is None


def test_a_misspelt_code_is_refused_and_does_not_pass_as_a_success() -> None:
    with pytest.raises(RefusalError, match="DataInspectionFailure"):
        find_trigger("[simulate:DataInspectionFailure]")
