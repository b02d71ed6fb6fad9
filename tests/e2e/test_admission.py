"""The part of `make admission` that runs on the local stack, short."""

from __future__ import annotations

from tests.admission.stack_run import run_on
from tests.e2e.conftest import Local


def test_single_prompts_of_one_owner_overtake_the_batch_of_another_and_nothing_is_submitted_twice(local: Local) -> None:
    figures = run_on(local.stack, 12)
    assert figures.violations() == []
    assert (figures.completed, figures.billed, figures.overtaken) == (12, 12, 2)
