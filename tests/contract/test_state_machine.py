"""The state machine as data: every path ends, every wait and retry ends, and every name exists in the code."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonata import Jsonata  # type: ignore[import-untyped]

from tools.template import ROOT, Json, logical_id, state_name
from wan_video import errors
from wan_video.services import deliver, poll, submit

STEPS = {"submit", "poll", "deliver", "report_failure"}
RETRY_FIELDS = {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxDelaySeconds", "MaxAttempts", "JitterStrategy"}
FIELDS = {
    "Choice": {"Type", "Comment", "Choices", "Default", "Assign"},
    "Task": {
        "Type", "Comment", "Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch", "Output", "Assign", "Next",
    },
    "Wait": {"Type", "Comment", "Seconds", "Next"},
    "Succeed": {"Type", "Comment", "Output"},
    "Fail": {"Type", "Comment", "Error", "Cause"},
}  # fmt: skip
PLATFORM = ("States.", "Lambda.", "Sandbox.", "StepFunctions.")
ENGINES_OWN = {"ExecutionAlreadyExists"}
LINK_SECONDS = 24 * 3600


def ways(state: Json) -> list[str]:
    """Return the states that may follow a state."""
    exits = [state.get("Next"), state.get("Default"), *(choice["Next"] for choice in state.get("Choices", []))]
    return [way for way in [*exits, *(catch["Next"] for catch in state.get("Catch", []))] if way is not None]


def broken_ways(definition: Json) -> list[str]:
    """Return the faults of the graph: a state that does not exist, is never reached, has no exit or cannot end."""
    states: dict[str, Json] = definition["States"]
    faults = [f"{name} -> {way}" for name, state in states.items() for way in ways(state) if way not in states]
    if definition["StartAt"] not in states:
        return [*faults, f"start -> {definition['StartAt']}"]
    reached: set[str] = set()
    waiting = [definition["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [way for way in ways(states[name]) if way in states]
    faults += [f"{name} is never reached" for name in states if name not in reached]
    ends = {name for name, state in states.items() if state["Type"] in ("Succeed", "Fail")}
    faults += [f"{name} has no exit" for name, state in states.items() if name not in ends and not ways(state)]
    faults += [
        f"{name} has no default"
        for name, state in states.items()
        if state["Type"] == "Choice" and "Default" not in state
    ]
    ending = set(ends)
    while grown := {name for name, state in states.items() if name not in ending and ending & set(ways(state))}:
        ending |= grown
    return faults + [f"{name} cannot end" for name in states if name not in ending]


def unknown_fields(definition: Json) -> list[str]:
    """Return fields that Step Functions does not know, and would refuse at the deployment."""
    faults = []
    for name, state in definition["States"].items():
        faults += [f"{name}: {field}" for field in set(state) - FIELDS[state["Type"]]]
        for retrier in state.get("Retry", []):
            faults += [f"{name}: {field}" for field in set(retrier) - RETRY_FIELDS]
        for catcher in state.get("Catch", []):
            faults += [f"{name}: {field}" for field in set(catcher) - {"ErrorEquals", "Next", "Output", "Assign"}]
        for choice in state.get("Choices", []):
            faults += [f"{name}: {field}" for field in set(choice) - {"Condition", "Next", "Assign"}]
    return faults


def unbounded(definition: Json) -> list[str]:
    """Return retries that are not counted, capped and spread, and tasks without a timeout."""
    faults = []
    for name, state in definition["States"].items():
        if state["Type"] == "Task" and not state.get("TimeoutSeconds", 0) > 0:
            faults.append(f"{name} has no time")
        faults += [
            f"{name} retries {retrier['ErrorEquals']} without an end"
            for retrier in state.get("Retry", [])
            if retrier["MaxAttempts"] and set(retrier) != RETRY_FIELDS
        ]
    return faults


def matched(definition: Json) -> set[tuple[str, str]]:
    """Return every error name that a state retries or catches."""
    return {
        (name, error)
        for name, state in definition["States"].items()
        for rule in (*state.get("Retry", []), *state.get("Catch", []))
        for error in rule["ErrorEquals"]
    }


def unknown_errors(definition: Json) -> list[str]:
    """Return our own error names that no class of the code has."""
    known = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.WanVideoError)
    }
    return [
        f"{state}: {name}"
        for state, name in sorted(matched(definition))
        if not name.startswith(PLATFORM) and name not in known | ENGINES_OWN
    ]


def expressions(value: Any) -> Iterator[str]:
    """Return every JSONata expression with its parameters filled in."""
    if isinstance(value, dict):
        for part in value.values():
            yield from expressions(part)
    elif isinstance(value, list):
        for part in value:
            yield from expressions(part)
    elif isinstance(value, str) and value.startswith("{%"):
        yield re.sub(r"\$\{\w+\}", "15", value.removeprefix("{%").removesuffix("%}"))


def assigned(value: Any) -> Iterator[str]:
    """Return every variable that gets a value somewhere."""
    if isinstance(value, dict):
        yield from value.get("Assign", {})
        for part in value.values():
            yield from assigned(part)
    elif isinstance(value, list):
        for part in value:
            yield from assigned(part)


def words_of(definition: Json, state: str) -> set[str]:
    """Return the outcomes that a Choice distinguishes."""
    conditions = " ".join(choice["Condition"] for choice in definition["States"][state]["Choices"])
    return set(re.findall(r"'(\w+)'", conditions))


def test_every_path_reaches_an_end(definition: Json) -> None:
    assert broken_ways(definition) == []


@pytest.mark.parametrize(
    ("plant", "fault"),
    [
        (lambda states: states["Submit"].update(Next="Nowhere"), "Submit -> Nowhere"),
        (lambda states: states["Was it submitted?"].pop("Default"), "Was it submitted? has no default"),
        (lambda states: states["Wait to reconcile"].pop("Next"), "Wait to reconcile has no exit"),
        (lambda states: states.update(Orphan={"Type": "Succeed"}), "Orphan is never reached"),
        (lambda states: states["Deliver"]["Catch"][0].update(Next="Unknown"), "Deliver -> Unknown"),
    ],
)
def test_the_search_for_broken_paths_finds_one(definition: Json, plant: Callable[[Json], None], fault: str) -> None:
    planted = copy.deepcopy(definition)
    plant(planted["States"])

    assert fault in broken_ways(planted)


def test_it_has_only_fields_that_step_functions_knows(definition: Json) -> None:
    planted = copy.deepcopy(definition)
    planted["States"]["Poll"]["Retry"][0]["MaxAttempt"] = 3

    assert unknown_fields(definition) == []
    assert unknown_fields(planted) == ["Poll: MaxAttempt"]


def test_every_retry_is_counted_capped_and_spread_and_every_task_has_a_timeout(definition: Json) -> None:
    planted = copy.deepcopy(definition)
    del planted["States"]["Poll"]["Retry"][0]["MaxDelaySeconds"]
    del planted["States"]["Submit"]["TimeoutSeconds"]

    assert unbounded(definition) == []
    assert len(unbounded(planted)) == 2


def test_every_error_it_matches_by_name_exists_in_the_code(definition: Json) -> None:
    planted = copy.deepcopy(definition)
    planted["States"]["Submit"]["Retry"][0]["ErrorEquals"] = ["WanThrottledError"]

    assert unknown_errors(definition) == []
    assert unknown_errors(planted) == ["Submit: WanThrottledError"]


def test_an_interrupted_delivery_is_matched_by_every_possible_error_name(definition: Json) -> None:
    """Step Functions compares names and does not know base classes."""

    def names(error: type[Exception]) -> set[str]:
        return {error.__name__}.union(*map(names, error.__subclasses__()))

    assert {("Deliver", name) for name in names(errors.DeliveryInterrupted)} <= matched(definition)


def test_a_submission_is_retried_only_after_errors_that_certainly_created_no_task(definition: Json) -> None:
    own = {
        error
        for retrier in definition["States"]["Submit"]["Retry"]
        for error in retrier["ErrorEquals"]
        if not error.startswith(PLATFORM)
    }

    assert own == {"WanThrottled", "WanUnreachable"}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_full_account_makes_a_step_wait_and_not_fail(definition: Json, step: str) -> None:
    names = {name for state, name in matched(definition) if state == state_name(step)}

    assert names & {"Lambda.TooManyRequestsException", "States.ALL"}


@pytest.mark.parametrize("step", ["submit", "poll", "deliver"])
def test_no_error_of_a_step_ends_the_execution(definition: Json, step: str) -> None:
    assert definition["States"][state_name(step)]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_a_delivery_is_tried_until_its_link_expires(definition: Json) -> None:
    for retrier in definition["States"]["Deliver"]["Retry"]:
        mean_delay = retrier["MaxDelaySeconds"] / 2
        assert retrier["MaxAttempts"] * mean_delay > 1.2 * LINK_SECONDS


def test_an_execution_may_last_a_day_of_doubt_a_day_of_waiting_and_a_day_of_delivery(definition: Json) -> None:
    assert definition["TimeoutSeconds"] == 3 * 24 * 3600


def test_every_loop_has_an_end(definition: Json) -> None:
    """Both waiting loops pass a Choice that counts; the count grows with every attempt, including caught errors."""
    for step, choice in (("Submit", "Was it submitted?"), ("Poll", "Is the task finished?")):
        state = definition["States"][step]
        counted = "{% $loops + 1 + $states.context.State.RetryCount %}"
        assert state["Assign"]["loops"] == counted
        assert [catch["Assign"]["loops"] for catch in state["Catch"]] == [counted]
        assert [*ways(state)] == [choice, choice]
        last = definition["States"][choice]["Choices"][-1]
        assert last == {"Condition": "{% $loops >= ${PollsPerExecution} %}", "Next": "May another execution follow?"}
    assert definition["States"]["May another execution follow?"]["Default"] == "Too many executions"


def test_a_reported_failure_ends_as_succeeded_and_an_unreported_one_as_failed(definition: Json) -> None:
    report = definition["States"]["Report failure"]

    assert "Catch" not in report
    assert definition["States"][report["Next"]]["Type"] == "Succeed"


def test_a_step_is_a_state_that_invokes_the_function_of_the_same_name(definition: Json) -> None:
    invoked = {
        name: state["Arguments"]["FunctionName"]
        for name, state in definition["States"].items()
        if state.get("Resource") == "arn:${Partition}:states:::lambda:invoke"
    }

    assert invoked == {state_name(word): f"${{{logical_id(word)}Arn}}" for word in STEPS}


def test_only_ids_and_counters_are_passed_on(definition: Json) -> None:
    payloads = {
        name: set(state["Arguments"]["Payload"])
        for name, state in definition["States"].items()
        if "Payload" in state.get("Arguments", {})
    }

    assert payloads == {
        "Submit": {"video_id", "n"},
        "Poll": {"video_id", "task_id", "n"},
        "Deliver": {"video_id", "task_id"},
        "Report failure": {"video_id"},
    }
    assert set(assigned(definition)) == {"video_id", "task_id", "n", "loops", "pause"}


@pytest.mark.parametrize(
    ("state", "outcomes", "by_default"),
    [
        ("Was it submitted?", submit.Outcome, {"uncertain", "absent"}),
        ("Is the task finished?", poll.Outcome, {"running"}),
        ("Is it delivered?", deliver.Outcome, {"failed"}),
    ],
)
def test_a_choice_covers_every_outcome_that_the_code_returns(
    definition: Json, state: str, outcomes: type[submit.Outcome | poll.Outcome | deliver.Outcome], by_default: set[str]
) -> None:
    assert words_of(definition, state) | by_default == {str(outcome) for outcome in outcomes}
    assert not words_of(definition, state) & by_default


def chosen(definition: Json, state: str, given: Json, *, loops: int = 1, n: int = 1) -> str:
    """Return the state that a Choice leads to; PollsPerExecution is 15."""
    for choice in definition["States"][state]["Choices"]:
        (condition,) = expressions(choice["Condition"])
        bindings = f"$states := {{'input': {json.dumps(given)}}}; $loops := {loops}; $n := {n}"
        if Jsonata(f"({bindings}; {condition})").evaluate(None):
            way: str = choice["Next"]
            return way
    default: str = definition["States"][state]["Default"]
    return default


WORDS_NOBODY_KNOWS = ("", "unread", "Succeeded", "pending", None)


@pytest.mark.parametrize(
    ("state", "words", "way"),
    [
        ("Was it submitted?", ("submitted",), "Wait for the task"),
        ("Was it submitted?", ("refused",), "Report failure"),
        ("Was it submitted?", ("over",), "Done"),
        ("Was it submitted?", ("uncertain", "absent", *WORDS_NOBODY_KNOWS), "Wait to reconcile"),
        ("Is the task finished?", ("succeeded",), "Deliver"),
        ("Is the task finished?", ("failed", "cancelled", "expired"), "Report failure"),
        ("Is the task finished?", ("over",), "Done"),
        ("Is the task finished?", ("running", *WORDS_NOBODY_KNOWS), "Wait for the task"),
        ("Is it delivered?", ("completed", "over"), "Done"),
        # Report failure reads the row, and changes nothing that may still succeed.
        ("Is it delivered?", ("failed", *WORDS_NOBODY_KNOWS), "Report failure"),
    ],
)
def test_each_outcome_leads_to_its_state_and_an_unknown_one_waits(
    definition: Json, state: str, words: tuple[str | None, ...], way: str
) -> None:
    assert {word: chosen(definition, state, {"outcome": word, "task_id": "t"}) for word in words} == dict.fromkeys(
        words, way
    )


@pytest.mark.parametrize(("state", "word"), [("Was it submitted?", "uncertain"), ("Is the task finished?", "running")])
def test_a_long_wait_continues_in_another_execution_a_limited_number_of_times(
    definition: Json, state: str, word: str
) -> None:
    given = {"outcome": word, "task_id": None}
    assert chosen(definition, state, given, loops=14) == definition["States"][state]["Default"]
    assert chosen(definition, state, given, loops=15) == "May another execution follow?"
    assert chosen(definition, "May another execution follow?", {}, n=199) == "Go on in a successor"
    assert chosen(definition, "May another execution follow?", {}, n=200) == "Too many executions"


def test_an_execution_that_starts_with_a_task_never_submits(definition: Json) -> None:
    state = "Is there a task already?"
    assert chosen(definition, state, {"video_id": "video_1", "n": 1, "task_id": "t"}) == "Poll"
    assert chosen(definition, state, {"video_id": "video_1", "n": 1}) == "Submit"


def test_every_parameter_of_the_definition_is_supplied_and_every_supplied_one_is_used(source: Json) -> None:
    text = (ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8")
    supplied = source["Resources"]["GenerateVideo"]["Properties"]["DefinitionSubstitutions"]

    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(supplied)
    assert supplied["Partition"] == {"Ref": "AWS::Partition"}


def test_every_expression_is_jsonata(definition: Json) -> None:
    found = list(expressions(definition))

    assert len(found) > 20
    for expression in found:
        Jsonata(expression)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("null", {"video_id": "video_1", "n": 3}), ("'t-1'", {"video_id": "video_1", "n": 3, "task_id": "t-1"})],
)
def test_a_successor_gets_the_task_only_if_there_is_one(definition: Json, given: str, expected: dict[str, Any]) -> None:
    arguments = definition["States"]["Go on in a successor"]["Arguments"]
    bindings = f"$video_id := 'video_1'; $n := 2; $task_id := {given}"

    def evaluated(field: str) -> Any:
        expression = arguments[field].removeprefix("{%").removesuffix("%}")
        return Jsonata(f"({bindings}; {expression})").evaluate(None)

    assert evaluated("Input") == expected
    assert evaluated("Name") == "video_1-3"


def test_an_existing_successor_is_the_same_one(definition: Json) -> None:
    state = definition["States"]["Go on in a successor"]
    exists = ["StepFunctions.ExecutionAlreadyExistsException", "ExecutionAlreadyExists"]

    assert state["Retry"][0] == {"ErrorEquals": exists, "MaxAttempts": 0}
    assert state["Catch"] == [{"ErrorEquals": exists, "Next": "Done"}]
    assert state["Arguments"]["StateMachineArn"] == "{% $states.context.StateMachine.Id %}"
