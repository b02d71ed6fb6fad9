"""A short run of the part of `make admission` that uses the local stack."""

from __future__ import annotations

import pytest

from tests.admission.stack_run import run_on
from tests.e2e.conftest import Local


@pytest.mark.slow
def test_single_prompts_of_one_owner_wait_for_no_batch_of_another_and_nothing_is_submitted_twice(local: Local) -> None:
    figures = run_on(local.stack, 24)
    assert figures.violations() == []
    assert (figures.completed, figures.billed) == (24, 24)
