"""The stack in one process: its calls, workers, events and streams under one clock.

`World` is one history. It knows what runs, what fails, and what was seen from outside.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

from aws_lambda_powertools.event_handler.api_gateway import BaseRouter

from tests.chaos.plan import Wish
from tests.simulation import aws, streams
from tests.simulation.decisions import Decisions, Draw
from tests.simulation.dynamo import Key, new_tables
from tests.simulation.executions import Resources, definition
from tests.simulation.expressions import Item
from tests.simulation.functions import APPS, handler
from tests.simulation.hooks import Hooks, probe_every
from tests.simulation.machine import Execution
from tests.simulation.outcomes import FAULTS_OF_CODE, Outcome
from tests.simulation.scheduler import Killed, Process, Scheduler
from tests.simulation.settings import LEDGER, SETTINGS, VIDEOS
from tests.simulation.story import Story
from tests.simulation.wan import Account, Shares
from tools.harness.event_schema import check as check_event
from wan_video.domain.delivery import PROBE_SECONDS

KILLS: Final[Shares] = (("killed_before", 0.5), ("killed_after", 0.5))


OFTEN: Final = 1 / 3
"""The share of histories whose schedules have the intervals of template.yaml."""

OFTEN_PROBED: Final = 0.1
"""The share of histories in which paused receivers are probed as often as by the product: 1,440 times a day."""

RARE_PROBE_SECONDS: Final = 900


@dataclass(frozen=True)
class Intervals:
    """Seconds between repetitions that mostly find nothing.

    `dispatch` and `sweep` are the schedules, which become rarer, up to `idle`, while no video moves; `search` is
    the time between two looks for a lost submission, and `probe` between two requests to a paused receiver. At the
    product's intervals, such repetitions are more than half of all calls. A history in which they are rare has more
    time to go wrong before it is repaired.
    """

    dispatch: float
    sweep: float
    idle: float
    search: int
    probe: int = RARE_PROBE_SECONDS


# The parameter of the search is 60 s, and looking as often as that shows nothing new; with `hold` it lasts for a day.
INTERVALS: Final[Mapping[str, Intervals]] = {
    "resend": Intervals(60.0, 300.0, 3600.0, search=180),
    "hold": Intervals(60.0, 300.0, 4 * 3600.0, search=900),
}
RARE_INTERVALS: Final[Mapping[str, Intervals]] = {
    "resend": Intervals(300.0, 900.0, 4 * 3600.0, search=900),
    "hold": Intervals(300.0, 900.0, 4 * 3600.0, search=1800),
}

STEPS: Final = ("status", "place", "task", "condition", "announced_at")
"""What a row says of how far its video is. A submission in doubt also notes each look into Wan's list."""


def _moved(old: Item | None, new: Item | None) -> bool:
    """Whether a write brings a video further."""
    return old is None or new is None or any(old.get(name) != new.get(name) for name in STEPS)


class Call:
    """One call of a worker that leaves the process: `fault` is what happens to it, `draw` its numbers."""

    __slots__ = ("_dies", "_world", "draw", "fault")

    def __init__(self, world: World, draw: Draw, fault: str | None, *, dies: bool) -> None:
        self._world = world
        self.draw = draw
        self.fault = fault
        self._dies = dies

    def end(self, more: float = 0.0) -> None:
        """Let the answer arrive, unless the worker dies first. Raises Killed."""
        world = self._world
        world.pause(world.decisions.rates.usual * self.draw.number(4) + more)
        if self._dies:
            world.die()


class World:
    """One history of the stack."""

    def __init__(self, decisions: Decisions, *, mode: str = "resend", story: bool = False, begins_at: int) -> None:
        self.decisions = decisions
        self.mode = mode
        draw = decisions.draw("rarely")
        intervals = (INTERVALS if draw.number() < OFTEN else RARE_INTERVALS)[mode]
        probe = PROBE_SECONDS if draw.number(1) < OFTEN_PROBED else RARE_PROBE_SECONDS
        self.intervals = replace(intervals, probe=probe)
        self.scheduler = Scheduler(float(begins_at))
        self.story = Story(self.scheduler, story)
        self.tables = new_tables(VIDEOS, LEDGER)
        self.tables.on_commit = self._committed
        self.wan = Account(self)
        self.secret = "key-1"
        self.keys: dict[str, str] = {}
        self.bucket = aws.Bucket()
        self.executions: dict[str, str] = {}
        self.held: dict[tuple[str, Key], float] = {}
        self.notices: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self.batch_notices: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self.unreadable: list[str] = []
        self.leaks: list[str] = []
        self.violations: list[str] = []
        self.dead_letters: list[tuple[str, Any]] = []
        self.checks: list[Callable[[World, Sequence[tuple[str, Key, Item | None, Item | None]]], None]] = []
        self.notice_checks: list[Callable[[World, Mapping[str, Any]], None]] = []
        self.consumers = [streams.Consumer(self, source) for source in streams.sources()]
        self._consumers_of = {
            table: [consumer for consumer in self.consumers if consumer.source.table == table]
            for table in (VIDEOS, LEDGER)
        }
        self.last_draw = decisions.draw("none")
        self.rows_written = 0
        self.rows_moved = 0
        probe_every(self.intervals.probe)
        self.hooks = Hooks(self)
        self.asked: Mapping[str, Wish] = {}
        """What callers have asked for, by name."""
        self.late_tasks = False
        """Whether Wan accepts some submissions after the grace period."""
        self.caps: Mapping[str, int] = {}
        """The daily budgets of owners, in seconds."""
        self.admitted: dict[str, tuple[str, str]] = {}
        """The owner and the UTC day of each video that was started, by its id."""
        self.resends: Counter[str] = Counter()
        """How often an uncertain submission was withdrawn to be sent again, by the id of its video."""
        self.loaded: dict[tuple[int, type], tuple[Item, Any]] = {}
        self.dumped: dict[int, tuple[Any, Any]] = {}
        self.conflicts = 0
        self.calls = 0
        self.workers = 0
        self._labels: dict[str, int] = {}
        self._draws: dict[str, int] = {}
        self._happened: list[str] = []
        self._indexed_at: dict[tuple[str, Key], float] = {}

    @property
    def trace(self) -> str:
        """The digest of everything that happened, in its order."""
        return blake2b("".join(self._happened).encode(), digest_size=16).hexdigest()

    def show(self, text: str) -> None:
        """Add something to the trace."""
        self._happened.append(text)

    # --- calls -------------------------------------------------------------------------------------------------------

    def next_draw(self, purpose: str) -> Draw:
        """Return the numbers for a choice of the process that runs."""
        name = f"{getattr(self.scheduler.current(), 'label', 'hub')}/{purpose}"
        self._draws[name] = number = self._draws.get(name, 0) + 1
        return self.decisions.draw(f"{name}/{number}")

    def call(self, operation: str, shares: Shares, factor: float) -> Call:
        """Begin a call that leaves the process. Raises Killed if the worker dies, or has died."""
        scheduler = self.scheduler
        process = scheduler.current()
        if process.killed:
            raise Killed
        process.calls += 1
        self.calls += 1
        name = f"{process.label}:{process.calls}"
        decisions = self.decisions
        rates = decisions.rates
        draw = Draw(decisions.seed, name)
        number = draw.number
        dies = None
        # Most calls meet nothing, which their numbers say without a question.
        if number(1) < rates.kill and process.word:
            dies = decisions.one_of(name, number(1), KILLS, rates.kill)
        seconds = rates.usual * number(3)
        if number(2) < rates.slow and decisions.happens(f"{name}=slow", 0.0, 1.0):
            seconds = min(rates.longest, 0.3 / (1.001 - number(3)))
        self._happened.append(f"{scheduler.now:.6f} {name} {operation}\n")
        if dies == "killed_before":
            self.story.add(f"is killed before {operation}")
            self.die()
        self.pause(seconds)
        fault = decisions.one_of(name, number(0), shares, factor) if number(0) < factor else None
        if self.story.kept:
            self.story.add(operation + (f": {fault}" if fault else "") + (" (killed after it)" if dies else ""))
        self.last_draw = draw
        return Call(self, draw, fault, dies=dies is not None)

    def aws(self, operation: str, act: Callable[[], Any], *, writes: bool = True, token: bool = False) -> Any:
        """Call an AWS service; `token` says that a repetition by the SDK has no effect. Raises ClientError."""
        call = self.call(operation, aws.AWS, self.decisions.rates.aws)
        if call.fault in ("throttled", "failed"):
            call.end()
            raise aws.failure(call.fault, operation)
        try:
            answer = act()
            if call.fault == "again" and writes and not token:
                self.pause(call.draw.between(0.1, 5.0, 6))
                answer = act()
        finally:
            call.end()
        if call.fault == "lost":
            raise aws.lost(operation)
        return answer

    def pause(self, seconds: float) -> None:
        """Let time pass for the process that runs. Raises Killed at its deadline."""
        scheduler = self.scheduler
        process = scheduler.current()
        if process.killed:
            raise Killed
        if scheduler.now + seconds >= process.deadline:
            scheduler.sleep(process.deadline - scheduler.now)
            self.story.add("has no time left")
            self.die()
        if process.word != "api":
            scheduler.sleep(seconds)
            return
        # Powertools keeps the request of a process in its class; here, one process serves many requests at a time.
        kept = BaseRouter.current_event, BaseRouter.lambda_context
        scheduler.sleep(seconds)
        BaseRouter.current_event, BaseRouter.lambda_context = kept

    def die(self) -> None:
        """End the worker that runs; its later calls have no effect. Raises Killed."""
        self.scheduler.current().killed = True
        raise Killed

    # --- workers -----------------------------------------------------------------------------------------------------

    def label(self, name: str) -> str:
        """Return a name for the next worker of this kind."""
        self._labels[name] = number = self._labels.get(name, 0) + 1
        return f"{name}/{number}"

    def invoke(self, word: str, event: Any, subject: str, then: Callable[[Outcome], None] = lambda _: None) -> Process:
        """Invoke a function, and call `then` when it has ended."""
        self.workers += 1
        function = handler(word)

        def work() -> None:
            process.deadline = self.scheduler.now + streams.timeouts()[word]
            try:
                value = function(event, _Context(self, process))
                outcome = Outcome(None if value is None else json.loads(json.dumps(value)))
            except Killed:
                outcome = Outcome(error="Runtime.ExitError")
            except Exception as error:  # noqa: BLE001  (Lambda reports every error of a function)
                outcome = Outcome(error=type(error).__name__, message=str(error))
                self.blame(word, error)
                self.story.add(f"fails: {outcome.error} {outcome.message[:200]}")
            if word == "api":
                APPS.leave(process)
            then(outcome)

        process = self.scheduler.spawn(self.label(f"{word}/{subject}"), work, word=word)
        return process

    def blame(self, word: str, error: BaseException) -> None:
        """Record an error of a function that only a mistake in its code explains."""
        if isinstance(error, FAULTS_OF_CODE):
            self.violations.append(f"S10: {word} fails as {type(error).__name__}: {str(error)[:200]}")

    def send(self, word: str, event: Any, attempt: int = 0) -> None:
        """Invoke a function asynchronously: at least once, later, and again if it fails; then it is a dead letter."""
        name = self.label(f"event/{word}")
        draw = self.decisions.draw(name)
        delay = draw.between(0.05, 2.0)
        if self.decisions.happens(f"{name}=late", draw.number(1), self.decisions.rates.late):
            delay += 300.0
        twice = self.decisions.happens(f"{name}=twice", draw.number(2), self.decisions.rates.twice)

        def after(outcome: Outcome) -> None:
            if outcome.error is None:
                return
            if attempt < 2:
                self.scheduler.at(
                    self.scheduler.now + 60.0 * (attempt + 1), lambda: self.send(word, event, attempt + 1)
                )
            else:
                self.story.add(f"an event for {word} becomes a dead letter")
                self.dead_letters.append((word, event))

        self.scheduler.at(self.scheduler.now + delay, lambda: self._invoked(word, event, after))
        if twice:
            later = self.scheduler.now + delay + draw.between(0.0, 20.0, 3)
            self.scheduler.at(later, lambda: self._invoked(word, event, lambda _: None))

    def _invoked(self, word: str, event: Any, after: Callable[[Outcome], None]) -> None:
        self.invoke(word, event, "event", after)

    def start_execution(self, name: str, given: dict[str, Any]) -> bool:
        """Start an execution of the state machine; return False if the name is taken."""
        if name in self.executions:
            return False
        shipped = definition(self.intervals.search)
        self.run_execution(name, Execution(shipped, Resources(self), name, SETTINGS["STATE_MACHINE_ARN"], given))
        return True

    def run_execution(self, name: str, execution: Execution) -> None:
        """Let an execution run."""
        self.executions[name] = "RUNNING"
        self.scheduler.spawn(f"execution/{name}", lambda: self._execute(name, execution))

    def _execute(self, name: str, execution: Execution) -> None:
        status = execution.run()
        self.executions[name] = status
        self.story.add(f"ends as {status}")
        if status != "SUCCEEDED":
            detail = {"name": name, "status": status}
            self.send("sweep", {"detail-type": "Step Functions Execution Status Change", "detail": detail})

    def running(self) -> int:
        """Return the number of executions that run."""
        return sum(status == "RUNNING" for status in self.executions.values())

    # --- what is seen from outside -----------------------------------------------------------------------------------

    def published(self, text: str, owner: str) -> Any:
        """Deliver an event to the subscribers: at least once, and in no order."""
        event: Mapping[str, Any] = json.loads(text)
        check_event(event)
        for check in self.notice_checks:
            check(self, event)
        name = self.label(f"notice/{event['data']['id']}")
        draw = self.decisions.draw(name)
        moments = [draw.between(0.0, 3.0)]
        if self.decisions.happens(f"{name}=twice", draw.number(1), self.decisions.rates.twice):
            moments.append(draw.between(0.0, 60.0, 2))
        for moment in moments:
            self.scheduler.at(self.scheduler.now + moment, lambda: self._heard(event))
            if self.hooks.secrets:
                self.scheduler.at(self.scheduler.now + moment, lambda: self.hooks.queue.put(text, owner=owner))
        self.hooks.events[event["id"]].add(text)
        self.story.add(f"publishes {event['type']}", id=event["data"]["id"])
        return {}

    def _heard(self, event: Mapping[str, Any]) -> None:
        kind, _, _ = event["type"].partition(".")
        if kind == "batch":
            self.batch_notices[event["data"]["id"]].append(event)
            return
        if event["type"] == "video.completed" and event["data"]["s3"]["key"] not in self.bucket.stored:
            self.unreadable.append(event["data"]["id"])
        self.notices[event["data"]["id"]].append(event)

    def _committed(self, writes: Sequence[tuple[str, Key, Item | None, Item | None]]) -> None:
        for table, key, old, new in writes:
            if table == VIDEOS:
                self.rows_written += 1
                self.rows_moved += _moved(old, new)
                self._index(table, key, new)
            for consumer in self._consumers_of[table]:
                consumer.offer(old, new)
        for check in self.checks:
            check(self, writes)

    def _index(self, table: str, key: Key, new: Item | None) -> None:
        """Show a write in the indexes a little later, in the order of the writes of an item."""
        draw = self.next_draw("index")
        lag = draw.number() * 0.2 if draw.number(1) < 0.9 else draw.number() * 30.0
        known = self._indexed_at.get((table, key), 0.0)
        moment = max(self.scheduler.now + lag, known)
        self._indexed_at[table, key] = moment
        self.scheduler.at(moment, lambda: self.tables.index(table, key, new))

    def items(self, table: str) -> Iterator[tuple[Key, Item]]:
        """Return all items of a table as they are now."""
        return iter(self.tables.tables[table].items.items())


class _Context:
    """Lambda's context."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self.aws_request_id = process.label

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left."""
        return int((self._process.deadline - self._world.scheduler.now) * 1000)
