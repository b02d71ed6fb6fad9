"""Executions of `generate_video` with a moved clock; every transition is checked against the definition and counted.

Other tests run the definition itself on an interpreter; here ten thousand executions run at once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

from tests.admission.agenda import Process
from wan_video.errors import WanError
from wan_video.services.deliver import Deliver
from wan_video.services.poll import Outcome as Polled
from wan_video.services.poll import Poll
from wan_video.services.report_failure import ReportFailure
from wan_video.services.submit import Outcome as Submitted
from wan_video.services.submit import Submit

Result = TypeVar("Result")

DEFINITION: Final = Path(__file__).parents[2] / "statemachine" / "generate_video.asl.json"

POLL_SECONDS: Final = 15.0
RECONCILE_SECONDS: Final = 60.0
"""Seconds between two attempts to reconcile; both are defaults of the template."""

TAKES: Final[Mapping[str, float]] = {"Submit": 1.0, "Poll": 0.5, "Deliver": 8.0, "Report failure": 0.5}
"""Seconds from the start of a step until its call takes effect."""


@dataclass
class Machine:
    """Executions of the state machine, as processes."""

    submit: Submit
    poll: Poll
    deliver: Deliver
    report_failure: ReportFailure
    random: Random
    entered: Counter[str] = field(default_factory=Counter)
    """The number of entries into each state, including retries, which Step Functions bills as transitions."""

    def execution(self, video_id: str, number: int, task_id: str | None) -> Process:
        """Run one execution to its end."""
        walk = _Walk(self)
        walk.enter("Is there a task already?")
        while task_id is None:
            submitted = yield from walk.step("Submit", lambda: self.submit(video_id))
            walk.enter("Was it submitted?")
            if submitted is not None and submitted.outcome is not Submitted.UNCERTAIN:
                task_id = submitted.task_id
                break
            walk.enter("Wait to reconcile")
            yield RECONCILE_SECONDS
        if task_id is None:
            yield from walk.step("Report failure", lambda: self.report_failure(video_id))
            return
        yield from self._wait(walk, video_id, number, task_id)

    def _wait(self, walk: _Walk, video_id: str, number: int, task_id: str) -> Process:
        while True:
            walk.enter("Wait for the task")
            yield POLL_SECONDS
            polled = yield from walk.step("Poll", lambda: self.poll(video_id, task_id, number))
            walk.enter("Is the task finished?")
            if polled is not None and polled.outcome is not Polled.RUNNING:
                break
        if polled.outcome is Polled.SUCCEEDED:
            yield from walk.step("Deliver", lambda: self.deliver(video_id, task_id))
            walk.enter("Is it delivered?")
        elif polled.outcome is not Polled.OVER:
            yield from walk.step("Report failure", lambda: self.report_failure(video_id))
        walk.enter("Done")

    @cached_property
    def states(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the states of the definition."""
        states: Mapping[str, Mapping[str, Any]] = json.loads(DEFINITION.read_text(encoding="utf-8"))["States"]
        return states


@dataclass
class _Walk:
    """The path of one execution through the states."""

    machine: Machine
    state: str | None = None

    def enter(self, state: str) -> None:
        """Enter a state, which must be a successor of the current one in the definition."""
        if self.state is not None and state not in _nexts(self.machine.states[self.state]):
            raise AssertionError(f"{self.state} does not lead to {state}")
        self.state = state
        self.machine.entered[state] += 1

    def step(self, state: str, work: Callable[[], Result]) -> Generator[float, None, Result | None]:
        """Do the work of a step with the retries of the definition; return None if its Catch handles the error."""
        self.enter(state)
        failures: Counter[int] = Counter()
        while True:
            yield TAKES[state]
            try:
                return work()
            except WanError as error:
                retries = self.machine.states[state].get("Retry", [])
                names = (type(error).__name__, "States.ALL")
                at = next((at for at, retry in enumerate(retries) if set(names) & set(retry["ErrorEquals"])), None)
                if at is None or failures[at] == retries[at]["MaxAttempts"]:
                    return None
                failures[at] += 1
                pause = retries[at]["IntervalSeconds"] * retries[at]["BackoffRate"] ** (failures[at] - 1)
                yield self.machine.random.uniform(0, min(pause, retries[at]["MaxDelaySeconds"]))
                self.machine.entered[state] += 1


def _nexts(state: Mapping[str, Any]) -> Iterator[str]:
    for place in (state, *state.get("Choices", ()), *state.get("Catch", ())):
        yield from (place[key] for key in ("Next", "Default") if key in place)
