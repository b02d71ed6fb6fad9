"""The state machine: an interpreter of the shipped ASL file, which refuses what it does not know.

Source: Amazon States Language with JSONata; Step Functions "Error handling", "Transforming data".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Protocol

from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.utils import Utils  # type: ignore[import-untyped]

Json = dict[str, Any]

FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "Choice": frozenset({"Type", "Comment", "Choices", "Default", "Assign"}),
    "Task": frozenset(
        {"Type", "Comment", "Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch", "Output", "Assign", "Next"}
    ),
    "Wait": frozenset({"Type", "Comment", "Seconds", "Next"}),
    "Succeed": frozenset({"Type", "Comment", "Output"}),
    "Fail": frozenset({"Type", "Comment", "Error", "Cause"}),
}
CHOICE_FIELDS: Final = frozenset({"Condition", "Next", "Assign"})
CATCH_FIELDS: Final = frozenset({"ErrorEquals", "Next", "Output", "Assign"})
RETRY_FIELDS: Final = frozenset(
    {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxDelaySeconds", "MaxAttempts", "JitterStrategy"}
)
TOP_FIELDS: Final = frozenset({"Comment", "QueryLanguage", "TimeoutSeconds", "StartAt", "States"})
MOST_EVENTS: Final = 25_000
"""The length of a history at which Step Functions ends an execution."""

_EXPRESSION: Final = re.compile(r"\{%\s*(.*?)\s*%\}", re.DOTALL)
_NAMED: Final = re.compile(r"\$(states(?:\.\w+)*|\w+)")
_NOT_CAUGHT_BY_ALL: Final = frozenset({"States.DataLimitExceeded", "States.Runtime"})


class TaskFailed(Exception):
    """The failure of a task, with the name by which Retry and Catch know it."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}")
        self.name = name
        self.cause = cause


class Resources(Protocol):
    """What a state machine works with."""

    def now(self) -> float:
        """Return the time in Unix seconds."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def jitter(self, most: float) -> float:
        """Return a number of seconds from 0 to `most`."""
        ...

    def task(self, resource: str, arguments: Json, timeout: float) -> Any:
        """Do a task, and return its result. Raises TaskFailed."""
        ...


class Definition:
    """A state machine that was read completely. Raises NotImplementedError for what this interpreter does not know."""

    def __init__(self, text: str, substitutions: Mapping[str, str]) -> None:
        found = set(re.findall(r"\$\{(\w+)\}", text))
        if missing := found - set(substitutions):
            raise NotImplementedError(f"no value for {sorted(missing)}")
        for name in found:
            text = text.replace(f"${{{name}}}", substitutions[name])
        self.document: Json = json.loads(text)
        self._check()

    def _check(self) -> None:
        known(self.document, TOP_FIELDS, "the state machine")
        if self.document["QueryLanguage"] != "JSONata":
            raise NotImplementedError(self.document["QueryLanguage"])
        for name, state in self.document["States"].items():
            if state["Type"] not in FIELDS:
                raise NotImplementedError(f"{name}: {state['Type']}")
            known(state, FIELDS[state["Type"]], name)
            for choice in state.get("Choices", ()):
                known(choice, CHOICE_FIELDS, name)
            for retrier in state.get("Retry", ()):
                known(retrier, RETRY_FIELDS, name)
                if retrier.get("JitterStrategy", "FULL") != "FULL":
                    raise NotImplementedError(retrier["JitterStrategy"])
            for catcher in state.get("Catch", ()):
                known(catcher, CATCH_FIELDS, name)


def known(document: Json, fields: frozenset[str], where: str) -> None:
    """Raise NotImplementedError for a field that this interpreter does not know."""
    if unknown := set(document) - fields:
        raise NotImplementedError(f"{where}: {sorted(unknown)}")


@dataclass(frozen=True)
class Expression:
    """A JSONata expression: what it reads, and whether it is nothing but that."""

    program: Jsonata
    reads: tuple[tuple[str, ...], ...]
    is_path: bool


@cache
def _compiled(text: str) -> Expression:
    names = sorted(set(_NAMED.findall(text)))
    return Expression(Jsonata(text), tuple(tuple(name.split(".")) for name in names), text == f"${names[0]}"
                      if names else False)  # fmt: skip


_SCALARS: Final = frozenset({str, int, bool})
MOST_VALUES: Final = 100_000
_VALUES: dict[tuple[str, str], Any] = {}
"""The values of expressions, by the values of what they read. An expression has no other inputs."""


def evaluate(text: str, states: Json, variables: Json) -> Any:
    """Return the value of a JSONata expression. Raises TaskFailed if it has none."""
    expression = _compiled(text)
    reads = [_reached(path, states, variables) for path in expression.reads]
    if expression.is_path and type(reads[0]) in _SCALARS:
        return reads[0]
    key = (text, repr(reads))
    if key not in _VALUES:
        if len(_VALUES) > MOST_VALUES:
            _VALUES.clear()
        # The interpreter of JSONata asks for the program that runs in this thread, and finds the last one made.
        Jsonata.CURRENT.jsonata = expression.program
        _VALUES[key] = expression.program.evaluate(None, _bound({"states": states, **variables}))
    value = _VALUES[key]
    if value is None:
        raise TaskFailed("States.QueryEvaluationError", f"{text!r} has no value")
    return value


def _bound(value: Any) -> Any:
    """Return a copy of a JSON value as JSONata has it: null is a value there, and not a missing one."""
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {name: _bound(part) for name, part in value.items()}
    return [_bound(part) for part in value] if isinstance(value, list) else value


def _reached(path: tuple[str, ...], states: Json, variables: Json) -> Any:
    if path[0] != "states":
        return variables.get(path[0])
    found: Any = states
    for part in path[1:]:
        found = found.get(part) if isinstance(found, dict) else None
    return found


@cache
def _inside(text: str) -> str | None:
    """Return the expression of a field, or None if the field is a plain text."""
    match = _EXPRESSION.fullmatch(text)
    return match[1] if match else None


def rendered(template: Any, states: Json, variables: Json) -> Any:
    """Return a template of the definition with the values of its expressions."""
    if isinstance(template, str):
        text = _inside(template)
        return template if text is None else evaluate(text, states, variables)
    if isinstance(template, dict):
        return {name: rendered(part, states, variables) for name, part in template.items()}
    if isinstance(template, list):
        return [rendered(part, states, variables) for part in template]
    return template


@dataclass
class Execution:
    """One execution: its input, its variables, and the length of its history."""

    definition: Definition
    resources: Resources
    name: str
    arn: str
    input: Json
    on_state: Callable[[str], None] = lambda _: None
    variables: Json = field(default_factory=dict)
    events: int = 1
    begins_in: str = ""
    """The state in which an execution is that had begun before; without it, an execution begins at its start."""

    def run(self) -> str:
        """Run to the end, and return the status of the execution."""
        document = self.definition.document
        state, given = self.begins_in or document["StartAt"], dict(self.input)
        deadline = self.resources.now() + document["TimeoutSeconds"]
        try:
            while True:
                here = document["States"][state]
                self.on_state(state)
                self.events += 2
                if self.events > MOST_EVENTS:
                    return "FAILED"
                if self.resources.now() > deadline:
                    return "TIMED_OUT"
                following = self._step(state, here, given)
                if following is None:
                    return "SUCCEEDED" if here["Type"] == "Succeed" else "FAILED"
                state, given = following
        except TaskFailed:
            return "FAILED"

    def _step(self, name: str, here: Json, given: Json) -> tuple[str, Json] | None:
        states: Json = {"input": given, "context": self._context(name, 0)}
        match here["Type"]:
            case "Succeed":
                rendered(here.get("Output"), states, self.variables)
                return None
            case "Fail":
                return None
            case "Wait":
                self.resources.wait(rendered(here["Seconds"], states, self.variables))
                return here["Next"], given
            case "Choice":
                for choice in here["Choices"]:
                    if evaluate(_expression(choice["Condition"]), states, self.variables) is True:
                        self._assign(choice, states)
                        return choice["Next"], given
                self._assign(here, states)
                return here["Default"], given
        return self._task(name, here, given)

    def _task(self, name: str, here: Json, given: Json) -> tuple[str, Json]:
        attempts = [0] * len(here.get("Retry", ()))
        while True:
            states: Json = {"input": given, "context": self._context(name, sum(attempts))}
            self.events += 3
            try:
                arguments = rendered(here["Arguments"], states, self.variables)
                result = self.resources.task(here["Resource"], arguments, here["TimeoutSeconds"])
                states["result"] = result
                output = rendered(here["Output"], states, self.variables) if "Output" in here else result
                self._assign(here, states)
                return here["Next"], output
            except TaskFailed as error:
                pause = self._pause_before_retry(here, error, attempts)
                if pause is not None:
                    self.resources.wait(pause)
                    continue
                states["errorOutput"] = {"Error": error.name, "Cause": error.cause}
                for catcher in here.get("Catch", ()):
                    if _matches(catcher, error):
                        output = rendered(catcher["Output"], states, self.variables) if "Output" in catcher else given
                        self._assign(catcher, states)
                        return catcher["Next"], output
                raise

    def _pause_before_retry(self, here: Json, error: TaskFailed, attempts: list[int]) -> float | None:
        for number, retrier in enumerate(here.get("Retry", ())):
            if _matches(retrier, error):
                if attempts[number] >= retrier.get("MaxAttempts", 3):
                    return None
                grown = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempts[number]
                attempts[number] += 1
                return self.resources.jitter(min(grown, retrier["MaxDelaySeconds"]))
        return None

    def _assign(self, here: Json, states: Json) -> None:
        if "Assign" in here:
            self.variables = {**self.variables, **rendered(here["Assign"], states, self.variables)}

    def _context(self, state: str, retries: int) -> Json:
        return {
            "State": {"Name": state, "RetryCount": retries},
            "StateMachine": {"Id": self.arn},
            "Execution": {"Name": self.name},
        }


def _expression(text: str) -> str:
    inside = _inside(text)
    if inside is None:
        raise NotImplementedError(text)
    return inside


def _matches(rule: Json, error: TaskFailed) -> bool:
    names = rule["ErrorEquals"]
    if error.name in names:
        return True
    if "States.TaskFailed" in names and not error.name.startswith("States.Timeout"):
        return True
    return "States.ALL" in names and error.name not in _NOT_CAUGHT_BY_ALL
