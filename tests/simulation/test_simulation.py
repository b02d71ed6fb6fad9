"""Histories of the stack under one virtual clock: a short run of `make simulate`, and the tests of its parts."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

import pytest
from jsonata import Jsonata  # type: ignore[import-untyped]

from tests.chaos.checker import MOST_RESENDS, digest
from tests.chaos.exposure import invariant
from tests.chaos.mutants import MUTANTS
from tests.simulation.__main__ import find
from tests.simulation.decisions import PROFILES, Decisions
from tests.simulation.functions import current
from tests.simulation.history import Options, play
from tests.simulation.hooks import KINDS
from tests.simulation.images import Shot
from tests.simulation.machine import Definition, Execution, TaskFailed, evaluate
from tests.simulation.mutants import AIMS, ELSEWHERE, ORDERS, planted
from tests.simulation.runner import search
from tests.simulation.scheduler import Scheduler
from tests.simulation.settings import BEGINNING
from tests.simulation.shrink import shrink, smallest
from tests.simulation.streams import Filter, sources
from tests.simulation.wiring import wired
from tests.simulation.world import RARE_PROBE_SECONDS, World
from wan_video.domain import delivery, submission
from wan_video.services import lost_tasks, notify

HISTORIES: Final = 48
LOST_SIX_TIMES: Final = 5552
"""The seed of a history in which the answers to all six submissions of a video are lost."""

LATE_IMAGE: Final = 5856
"""The seed of a history in which Wan creates the task of a lost submission with an image minutes after it."""

QUICK: Final = ("no_grace", "submit_posts_before_its_intent", "deliver_announces_before_the_row")


@pytest.mark.parametrize("mode", ["resend", "hold"])
def test_in_many_histories_nothing_is_lost_and_nothing_paid_twice(mode: Any) -> None:
    with wired(mode):
        results = [play(Options(seed, mode)) for seed in range(HISTORIES // (1 if mode == "resend" else 4))]
    assert {result.options.seed: result.violations for result in results if result.violations} == {}
    assert sum(len(result.met) for result in results) > len(results)
    assert all(result.videos or result.arrivals for result in results)


@pytest.mark.parametrize(("most", "found"), [(MOST_RESENDS, set()), (MOST_RESENDS - 1, {"I12"})])
def test_a_video_whose_every_submission_is_lost_is_sent_again_as_often_as_it_may_be(
    monkeypatch: pytest.MonkeyPatch, most: int, found: set[str]
) -> None:
    monkeypatch.setattr(submission, "MAX_RESENDS", most)
    with wired("resend"):
        result = play(Options(LOST_SIX_TIMES))
    assert {invariant(violation) for violation in result.violations} == found
    assert result.verdict.uncertain == 1


@pytest.mark.parametrize(("window", "found"), [(300, set()), (120, {"I2", "I12"})])
def test_a_task_with_an_image_that_is_created_late_is_found_within_the_window(
    monkeypatch: pytest.MonkeyPatch, window: int, found: set[str]
) -> None:
    monkeypatch.setattr(lost_tasks, "IMAGE_WITHIN_SECONDS", window)
    with wired("resend"):
        result = play(Options(LATE_IMAGE))
    assert {invariant(violation) for violation in result.violations} == found


def test_images_come_by_every_way_and_some_are_gone_before_wan_needs_them() -> None:
    made, ends = set(), set()
    with wired("resend"):
        for seed in range(16):
            result = play(Options(seed, n=6, spec={"images": 1.0, "twins": 0.1}))
            assert result.violations == ()
            ends |= set(result.verdict.failures)
            asked, wan = current().asked.values(), current().wan
            sent = {entry["prompt_sha256"] for entry in wan.ledger if entry.get("images_sha256")}
            made |= {wish.film.way for wish in asked if isinstance(wish.film, Shot) and digest(wish.prompt) in sent}
    assert made >= {"data", "upload", "large", "url", "row", "object"}
    assert "image_gone" in ends


def test_webhooks_meet_every_kind_of_receiver_and_dead_letters_are_sent_again() -> None:
    statuses, received = set(), set()
    with wired("resend"):
        for seed in range(6):
            result = play(Options(seed, n=3, hooks=(*KINDS[:-1],)))
            assert result.violations == ()
            hooks = current().hooks
            statuses |= {(one.path.split("/")[2], one.status) for one in hooks.posted}
            received |= {one.received for one in hooks.queue.messages.values()}
        dead = play(Options(0, n=1, doors=frozenset({"api"}), hooks=("dead",)))
        assert dead.violations == ()
        assert current().hooks.queue.letters
    assert statuses >= {("steady", 204), ("flaky", 500), ("slow", 204), ("gone", 410), ("down", 0), ("down", 204)}
    assert max(received) > 3


def test_receivers_are_probed_at_the_interval_of_the_product_in_some_histories_and_afterwards() -> None:
    def intervals() -> tuple[int, int]:
        return vars(delivery)["PROBE_SECONDS"], vars(notify)["PROBE_SECONDS"]

    seen = set()
    with wired("resend"):
        for seed in range(60):
            World(Decisions(seed), begins_at=BEGINNING)
            seen.add(intervals())
    assert seen == {(60, 60), (RARE_PROBE_SECONDS, RARE_PROBE_SECONDS)}
    assert intervals() == (60, 60)


@pytest.mark.parametrize("mutant", QUICK)
def test_a_planted_bug_is_found(mutant: str) -> None:
    result, _, _ = find(mutant, seconds=60)
    assert result is not None


@pytest.mark.slow
@pytest.mark.parametrize("mutant", sorted(set(AIMS) - set(QUICK)))
def test_every_planted_bug_is_found(mutant: str) -> None:
    result, _, _ = find(mutant, seconds=60)
    assert result is not None


def test_every_mutant_of_chaos_is_aimed_at_or_lives_in_code_that_is_replaced() -> None:
    assert AIMS.keys() == (MUTANTS.keys() - ELSEWHERE) | ORDERS.keys()
    assert MUTANTS.keys() > ELSEWHERE


@pytest.mark.parametrize("mutant", sorted(MUTANTS.keys() | ORDERS.keys()))
def test_the_code_that_a_mutant_changes_exists(mutant: str) -> None:
    with planted(mutant):
        pass


def test_a_history_is_the_same_each_time_and_without_a_trouble_that_it_did_not_meet() -> None:
    with wired("resend"):
        first = play(Options(3))
        again = play(Options(3, only=frozenset(first.met), story=True))
    assert (again.trace, again.met) == (first.trace, first.met)
    assert first.met
    assert again.story


def test_the_result_does_not_depend_on_the_number_of_processes() -> None:
    one, three = (search(Options(0), 12, processes=processes, block=3) for processes in (1, 3))
    assert (one.trace, one.calls, one.troubles) == (three.trace, three.calls, three.troubles)
    assert one.histories == three.histories == 12
    assert one.trace != search(Options(1), 12, processes=3, block=3).trace


def test_the_first_history_that_finds_a_mutant_is_the_same_with_any_number_of_processes() -> None:
    found = [search(Options(0), 40, processes=processes, mutant="no_grace", block=4) for processes in (1, 2)]
    assert found[0].failed
    assert [one.trace for one in found[0].failed] == [one.trace for one in found[1].failed]


def test_a_failing_history_is_shrunk_to_what_it_needs_and_has_a_story() -> None:
    with planted("submit_posts_before_its_intent"), wired("resend"):
        failed = next(result for seed in range(100) if (result := play(Options(seed))).violations)
        small = shrink(failed)
    assert {invariant(violation) for violation in failed.violations} & {
        invariant(violation) for violation in small.violations
    }
    assert len(small.met) <= 3
    assert "Wan accepted" in small.story


def test_a_request_is_not_refused_while_one_whose_answer_was_lost_is_still_processed() -> None:
    worker = "api/chaos-00001/1"
    troubles = (f"{worker}=answer_lost", *(f"{worker}:{call}=slow" for call in (1, 2, 3)), f"{worker}:3=lost")
    with wired("resend"):
        result = play(Options(6042, only=frozenset(troubles), dropped=frozenset({0, 2, 3, 4}), story=True))
    assert result.met == troubles
    assert re.findall(r"POST /v1/videos/import: (\d+)", result.story) == ["0", "400", "202"]
    assert result.violations == ()


def test_an_unplanted_bug_is_not_found() -> None:
    with planted("no_grace"), wired("resend"):
        pass
    with wired("resend"):
        assert not any(play(Options(seed)).violations for seed in range(3))


# --- its parts -------------------------------------------------------------------------------------------------------


def test_taking_one_trouble_away_moves_no_other() -> None:
    decisions = Decisions(7, profile="harsh")
    one, two = (f"worker/{number}:3" for number in (1, 2))
    met = [name for name in (one, two) for _ in "x" if decisions.one_of(name, 0.0, (("fault", 1.0),))]
    without = Decisions(7, frozenset({f"{two}=fault"}), profile="harsh")
    assert met == [one, two]
    assert without.one_of(one, 0.0, (("fault", 1.0),)) is None
    assert without.one_of(two, 0.0, (("fault", 1.0),)) == "fault"
    assert set(PROFILES) >= {"calm", "harsh"}


def test_the_smallest_part_that_fails_is_found() -> None:
    items = [str(number) for number in range(40)]
    assert set(smallest(items, lambda some: {"7", "31"} <= set(some))) == {"7", "31"}
    assert smallest(items, lambda some: True) == ()


def definition(**fields: Any) -> str:
    """Return a state machine with one state."""
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {}, "TimeoutSeconds": 1}
    states = {"Only": {**state, "Next": "Done", **fields}, "Done": {"Type": "Succeed"}}
    return json.dumps({"QueryLanguage": "JSONata", "TimeoutSeconds": 1, "StartAt": "Only", "States": states})


@pytest.mark.parametrize(
    "fields",
    [
        {"HeartbeatSeconds": 5},
        {"Type": "Parallel"},
        {"Retry": [{"ErrorEquals": ["States.ALL"], "JitterStrategy": "NONE"}]},
        {"Retry": [{"ErrorEquals": ["States.ALL"], "Jitter": 1}]},
        {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done", "ResultPath": "$"}]},
        {"Arguments": {"FunctionName": "${Unknown}"}},
    ],
)
def test_the_interpreter_refuses_what_it_does_not_know(fields: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError):
        Definition(definition(**fields), {})


class Failing:
    """Resources whose task fails by some names, one after another, and then returns."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.waits: list[float] = []

    def now(self) -> float:
        return 0.0

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def jitter(self, most: float) -> float:
        return most

    def task(self, resource: str, arguments: dict[str, Any], timeout: float) -> Any:
        if self.names:
            raise TaskFailed(self.names.pop(0))
        return {"Payload": {}}


RETRY: Final = {
    "ErrorEquals": ["A"], "IntervalSeconds": 10, "BackoffRate": 2, "MaxDelaySeconds": 15, "MaxAttempts": 2,
    "JitterStrategy": "FULL",
}  # fmt: skip


@pytest.mark.parametrize(
    ("names", "waits", "status"),
    [
        (["A"], [10], "SUCCEEDED"),
        (["A", "A"], [10, 15], "SUCCEEDED"),
        (["A", "A", "A"], [10, 15], "FAILED"),
        (["B"], [], "FAILED"),
    ],
)
def test_a_retry_is_counted_grows_and_is_capped(names: list[str], waits: list[float], status: str) -> None:
    resources = Failing(*names)
    execution = Execution(Definition(definition(Retry=[RETRY]), {}), resources, "name", "arn", {})
    assert execution.run() == status
    assert resources.waits == waits


def test_an_expression_without_a_value_fails_by_the_name_of_step_functions() -> None:
    assert evaluate("$states.input.a = 1", {"input": {"a": 1}}, {}) is True
    with pytest.raises(TaskFailed) as caught:
        evaluate("$states.input.b", {"input": {"a": 1}}, {})
    assert caught.value.name == "States.QueryEvaluationError"


@pytest.mark.parametrize("value", ["text", "", 0, 7, 1.5, True, False, {"a": [1], "b": None}, {}])
def test_what_an_expression_only_reads_is_what_jsonata_returns(value: Any) -> None:
    for text, name in (("$states.input.value", "states"), ("$value", "value")):
        bound = {"states": {"input": {"value": value}}, "value": value}
        assigned = f"${name} := {json.dumps(bound[name])}"
        assert evaluate(text, {"input": {"value": value}}, {"value": value}) == value
        assert Jsonata(f"({assigned}; {text})").evaluate(None) == value


def test_null_is_a_value_in_an_expression_and_no_value_of_it() -> None:
    assert evaluate("$value = null", {"input": {}}, {"value": None}) is True
    assert evaluate("$value = null ? 'none' : $value", {"input": {}}, {"value": "some"}) == "some"
    with pytest.raises(TaskFailed):
        evaluate("$value", {"input": {}}, {"value": None})


def test_a_process_runs_on_if_nothing_else_is_due_and_waits_for_what_is() -> None:
    scheduler, seen = Scheduler(0.0), list[tuple[str, float]]()

    def work() -> None:
        for _ in range(3):
            scheduler.sleep(10.0)
            seen.append(("process", scheduler.now))

    scheduler.at(20.0, lambda: seen.append(("action", scheduler.now)))
    scheduler.spawn("process", work)
    scheduler.run(lambda: False)
    # The action was there first, so it also comes first at the same moment.
    assert seen == [("process", 10.0), ("action", 20.0), ("process", 20.0), ("process", 30.0)]


def test_filters_are_those_of_the_template_and_an_unknown_pattern_is_refused() -> None:
    assert {source.word for source in sources()} == {"dispatch", "sweep", "ingest", "finish_batch"}
    freed = Filter.parse(
        '{"eventName": ["MODIFY"], "dynamodb": '
        '{"OldImage": {"place": {"BOOL": [true]}}, "NewImage": {"n": {"N": ["0"]}}}}'
    )
    old, new = {"place": True}, {"n": Decimal(0)}
    assert freed.matches("MODIFY", old, new)
    assert not freed.matches("INSERT", old, new)
    assert not freed.matches("MODIFY", {"place": "true"}, new)
    assert not freed.matches("MODIFY", old, {"n": "0"})
    with pytest.raises(NotImplementedError):
        Filter.parse('{"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"n": {"N": [{"numeric": ["<", 1]}]}}}}')
