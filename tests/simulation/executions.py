"""What the executions of the shipped state machine work with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from tests.simulation.machine import Definition, TaskFailed
from tests.simulation.outcomes import Outcome
from tests.simulation.settings import SUBSTITUTIONS
from tools.template import ROOT

if TYPE_CHECKING:
    from tests.simulation.world import World


@cache
def definition(search_seconds: int) -> Definition:
    """Return the shipped state machine, which looks for a lost submission every `search_seconds`."""
    text = (ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8")
    return Definition(text, {**SUBSTITUTIONS, "ReconcileIntervalSeconds": str(search_seconds)})


class Resources:
    """What the state machine works with."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return self._world.scheduler.now

    def wait(self, seconds: float) -> None:
        self._world.scheduler.sleep(float(seconds))

    def jitter(self, most: float) -> float:
        return self._world.next_draw("jitter").between(0.0, most)

    def task(self, resource: str, arguments: dict[str, Any], timeout: float) -> Any:
        if resource.endswith(":states:::states:startExecution"):
            return self._start(arguments)
        if not resource.endswith(":states:::lambda:invoke"):
            raise NotImplementedError(resource)
        return self._invoke(arguments["FunctionName"], arguments["Payload"], timeout)

    def _start(self, arguments: dict[str, Any]) -> Any:
        world = self._world
        draw = world.next_draw("start")
        world.scheduler.sleep(draw.number())
        name = f"{arguments['Name']}/start"
        fault = world.decisions.one_of(
            name, draw.number(1), (("failed", 0.5), ("lost", 0.5)), world.decisions.rates.aws
        )
        if fault == "failed":
            raise TaskFailed("StepFunctions.SfnException")
        if not world.start_execution(arguments["Name"], arguments["Input"]):
            raise TaskFailed("StepFunctions.ExecutionAlreadyExistsException")
        if fault == "lost":
            raise TaskFailed("StepFunctions.SdkClientException")
        return {}

    def _invoke(self, word: str, payload: dict[str, Any], timeout: float) -> Any:
        world = self._world
        scheduler, me = world.scheduler, world.scheduler.current()
        me.waits_for += 1
        ticket = me.waits_for
        outcomes: list[Outcome] = []

        def resume(outcome: Outcome) -> None:
            if me.waits_for == ticket:
                me.waits_for += 1
                outcomes.append(outcome)
                scheduler.at(scheduler.now + 0.02, me)

        subject = payload["video_id"]
        process = world.invoke(word, payload, subject, resume)
        draw = world.decisions.draw(f"{process.label}/answer")
        scheduler.at(scheduler.now + timeout, lambda: resume(Outcome(error="States.Timeout")))
        if world.decisions.happens(f"{process.label}=answer_lost", draw.number(), world.decisions.rates.lost_answer):
            moment = scheduler.now + draw.between(0.0, 3.0, 1)
            scheduler.at(moment, lambda: resume(Outcome(error="Lambda.SdkClientException")))
        scheduler.park()
        (outcome,) = outcomes
        if outcome.error is not None:
            raise TaskFailed(outcome.error, outcome.message)
        return {"Payload": outcome.value, "StatusCode": 200}
