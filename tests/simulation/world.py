"""The stack in one process: the shipped handlers, wiring, adapters and state machine over what is simulated.

`World` is one history. It knows what runs, what fails, and what was seen from outside.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest.mock import patch

from aws_lambda_powertools.event_handler.api_gateway import BaseRouter

from functions.api.app import App
from functions.api.routes import resolver
from tests.simulation import aws, streams
from tests.simulation.decisions import Decisions, Draw
from tests.simulation.dynamo import Key, new_tables
from tests.simulation.expressions import Item
from tests.simulation.machine import Definition, Execution, TaskFailed
from tests.simulation.scheduler import Killed, Process, Scheduler
from tests.simulation.story import Story
from tests.simulation.wan import Account, Shares, SimulatedWan
from tools.harness.event_schema import check as check_event
from tools.harness.stack import LEDGER as LEDGER
from tools.harness.stack import VIDEOS as VIDEOS
from tools.template import ROOT
from wan_video import bootstrap, observe
from wan_video.adapters.dynamodb import records, transactions
from wan_video.bootstrap import adapters, clients, environment
from wan_video.services.repairs.batches import StuckBatches
from wan_video.services.sweep import Sweep

T = TypeVar("T")

GRACE_SECONDS: Final = 1200
BEGINNING: Final = 1_780_000_000
DAY: Final = 86_400
SETTINGS: Final[Mapping[str, str]] = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "VIDEOS_TABLE": VIDEOS,
    "LEDGER_TABLE": LEDGER,
    "VIDEOS_BUCKET": "wan-video-videos",
    "PROMPTS_BUCKET": "wan-video-prompts",
    "INPUTS_BUCKET": "wan-video-inputs",
    "IMAGE_ORIGINS": "",
    "WEBHOOK_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:webhooks",
    "WEBHOOK_ORIGINS": "",
    "NOTIFY_QUEUE_URL": "https://sqs.invalid/notify",
    "THUMBNAILS": "disabled",
    "TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:videos",
    "STATE_MACHINE_ARN": "arn:aws:states:eu-central-1:123456789012:stateMachine:generate_video",
    "WAN_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:wan",
    "WAN_ENDPOINTS": "",
    "WAN_WORKSPACE_ID": "frankfurt=ws-simulation",
    "WAN_PRICES": "",
    "WAN_QUOTAS": "",
    "WAN_REGIONS": "frankfurt",
    "RESULT_HOSTS": "",
    "DEFAULT_MODEL": "wan2.6-t2v",
    "DEFAULT_SIZE": "1280x720",
    "DEFAULT_SECONDS": "5",
    "DEFAULT_REGION": "frankfurt",
    "LINK_SECONDS": "900",
    "RECONCILE_GRACE_SECONDS": str(GRACE_SECONDS),
    "DAILY_SECONDS": "0",
    "RETENTION_DAYS": "0",
    "STARTS": "enabled",
    "FILE_UPLOADS_OWNER": "local",
    "INGEST_FUNCTION": "ingest",
    "FINISH_BATCH_FUNCTION": "finish_batch",
    "CLOCK": "",
    "LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_METRICS_NAMESPACE": "WanVideo",
    "POWERTOOLS_SERVICE_NAME": "simulation",
}
SUBSTITUTIONS: Final[Mapping[str, str]] = {
    "Partition": "aws",
    "SubmitArn": "submit",
    "PollArn": "poll",
    "DeliverArn": "deliver",
    "ReportFailureArn": "report_failure",
    "FirstPollSeconds": "45",
    "PollIntervalSeconds": "30",
    "PollsPerExecution": "40",
}
WORDS: Final = ("api", "ingest", "finish_batch", "dispatch", "submit", "poll", "deliver", "report_failure", "sweep")
FAULTS_OF_CODE: Final = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    IndexError,
)
"""Errors of a function that no fault of a neighbour excuses."""


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: its value, or the name of its error."""

    value: Any = None
    error: str | None = None
    message: str = ""


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

    def __init__(self, decisions: Decisions, *, mode: str = "resend", story: bool = False) -> None:
        self.decisions = decisions
        self.mode = mode
        start = BEGINNING + decisions.draw("beginning").below(DAY)
        self.scheduler = Scheduler(float(start))
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
        self.last_draw = decisions.draw("none")
        self.rows_written = 0
        self.loaded: dict[int, tuple[Item, Any]] = {}
        self.conflicts = 0
        self.calls = 0
        self.workers = 0
        self._labels: Counter[str] = Counter()
        self._draws: Counter[str] = Counter()
        self._trace = blake2b(digest_size=16)
        self._indexed_at: dict[tuple[str, Key], float] = {}

    @property
    def trace(self) -> str:
        """The digest of everything that happened, in its order."""
        return self._trace.hexdigest()

    # --- calls -------------------------------------------------------------------------------------------------------

    def next_draw(self, purpose: str) -> Draw:
        """Return the numbers for a choice of the process that runs."""
        name = f"{getattr(self.scheduler.current(), 'label', 'hub')}/{purpose}"
        self._draws[name] += 1
        return self.decisions.draw(f"{name}/{self._draws[name]}")

    def call(self, operation: str, shares: Shares, factor: float) -> Call:
        """Begin a call that leaves the process. Raises Killed if the worker dies, or has died."""
        process = self.scheduler.current()
        if process.killed:
            raise Killed
        process.calls += 1
        self.calls += 1
        name = f"{process.label}:{process.calls}"
        decisions, rates = self.decisions, self.decisions.rates
        draw = decisions.draw(name)
        dies = None
        if process.word:
            dies = decisions.one_of(name, draw.number(1), (("killed_before", 0.5), ("killed_after", 0.5)), rates.kill)
        seconds = rates.usual * draw.number(3)
        if rates.slow and decisions.happens(f"{name}=slow", draw.number(2), rates.slow):
            seconds = min(rates.longest, 0.3 / (1.001 - draw.number(3)))
        self._trace.update(f"{self.scheduler.now:.6f} {name} {operation}\n".encode())
        if dies == "killed_before":
            self.story.add(f"is killed before {operation}")
            self.die()
        self.pause(seconds)
        fault = decisions.one_of(name, draw.number(0), shares, factor) if factor else None
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
        process = self.scheduler.current()
        if process.killed:
            raise Killed
        now = self.scheduler.now
        if now + seconds >= process.deadline:
            self.scheduler.sleep(process.deadline - now)
            self.story.add("has no time left")
            self.die()
        if process.word != "api":
            self.scheduler.sleep(seconds)
            return
        # Powertools keeps the request of a process in its class; here, one process serves many requests at a time.
        kept = BaseRouter.current_event, BaseRouter.lambda_context
        self.scheduler.sleep(seconds)
        BaseRouter.current_event, BaseRouter.lambda_context = kept

    def die(self) -> None:
        """End the worker that runs; its later calls have no effect. Raises Killed."""
        self.scheduler.current().killed = True
        raise Killed

    # --- workers -----------------------------------------------------------------------------------------------------

    def label(self, name: str) -> str:
        """Return a name for the next worker of this kind."""
        self._labels[name] += 1
        return f"{name}/{self._labels[name]}"

    def invoke(self, word: str, event: Any, subject: str, then: Callable[[Outcome], None] = lambda _: None) -> Process:
        """Invoke a function, and call `then` when it has ended."""
        self.workers += 1
        handler = _handler(word)

        def work() -> None:
            process.deadline = self.scheduler.now + streams.timeouts()[word]
            try:
                value = handler(event, _Context(self, process))
                outcome = Outcome(json.loads(json.dumps(value)))
            except Killed:
                outcome = Outcome(error="Runtime.ExitError")
            except Exception as error:  # noqa: BLE001  (Lambda reports every error of a function)
                outcome = Outcome(error=type(error).__name__, message=str(error))
                self.blame(word, error)
                self.story.add(f"fails: {outcome.error} {outcome.message[:200]}")
            if word == "api":
                _APPS.leave(process)
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
        self.executions[name] = "RUNNING"
        self.scheduler.spawn(f"execution/{name}", lambda: self._execute(name, given))
        return True

    def _execute(self, name: str, given: dict[str, Any]) -> None:
        execution = Execution(_definition(self.mode), _Resources(self), name, SETTINGS["STATE_MACHINE_ARN"], given)
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

    def published(self, event: Mapping[str, Any]) -> Any:
        """Deliver an event to the subscriber: at least once, and in no order."""
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
                self._index(table, key, new)
            for consumer in self.consumers:
                if consumer.source.table == table:
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


class _Resources:
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


# --- the product, wired as shipped -----------------------------------------------------------------------------------


@cache
def _handler(word: str) -> Callable[[Any, Any], Any]:
    handler: Callable[[Any, Any], Any] = importlib.import_module(f"functions.{word}.handler").lambda_handler
    return handler


class _Apps:
    """The resolvers of the API: one for each request that is being served, as each Lambda process has its own."""

    def __init__(self) -> None:
        self._free: list[App] = []
        self._used: dict[int, App] = {}

    def enter(self) -> App:
        """Return the resolver of the process that runs."""
        app = self._free.pop() if self._free else resolver(bootstrap.api(), bootstrap.authorize())
        self._used[id(CURRENT.world.scheduler.current())] = app
        return app

    def leave(self, process: Process) -> None:
        """Let the next request use the resolver of a process that has ended."""
        app = self._used.pop(id(process), None)
        if app is not None:
            app.context.clear()
            self._free.append(app)

    def cache_clear(self) -> None:
        """Forget all of them."""
        self._free.clear()
        self._used.clear()


_APPS: Final = _Apps()


@cache
def _definition(mode: str) -> Definition:
    # A submission in doubt waits for a day with `hold`; looking more often than this shows nothing new.
    interval = "180" if mode == "resend" else "900"
    text = (ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8")
    return Definition(text, {**SUBSTITUTIONS, "ReconcileIntervalSeconds": interval})


class _Clock:
    """The port `Clock`, and the times of S3."""

    def now(self) -> float:
        # The wiring asks for the time before there is a history.
        return CURRENT.world.scheduler.now if CURRENT.begun else float(BEGINNING)

    def unix_seconds(self) -> int:
        return int(self.now())

    def real(self) -> float:
        return self.now()

    def real_seconds(self, seconds: float) -> float:
        return seconds

    def at(self, real: float) -> float:
        return real


class _Current:
    """The history that the process plays."""

    world: World

    @property
    def begun(self) -> bool:
        """Whether there is one."""
        return hasattr(self, "world")


CURRENT: Final = _Current()


def current() -> World:
    """Return the history that the process plays."""
    return CURRENT.world


def _pinned(service: Any, seen: set[int] | None = None) -> None:
    """Replace the clocks, pauses and dice of a service, and of all services in it, by those of the history."""
    seen = set() if seen is None else seen
    if id(service) in seen:
        return
    seen.add(id(service))
    if isinstance(service, list | tuple):
        parts = list(service)
    elif type(service).__module__.startswith("wan_video.") and not isinstance(service, type):
        names = (
            [part.name for part in fields(service)] if is_dataclass(service) else list(getattr(service, "__dict__", ()))
        )
        for name in names:
            pin = _PINS.get(id(getattr(service, name, None)))
            if pin is not None:
                object.__setattr__(service, name, pin)
        parts = [getattr(service, name, None) for name in names]
    else:
        return
    for part in parts:
        _pinned(part, seen)


def _monotonic() -> float:
    return CURRENT.world.scheduler.now


def _sleep(seconds: float) -> None:
    CURRENT.world.pause(seconds)


def _below(count: int) -> int:
    return CURRENT.world.next_draw("below").below(count)


_PINS: Final[Mapping[int, Callable[..., Any]]] = {
    id(time.monotonic): _monotonic,
    id(time.sleep): _sleep,
    id(Sweep.__dataclass_fields__["stopwatch"].default): _monotonic,
    id(StuckBatches.__dataclass_fields__["start"].default): _below,
}
"""The replacements of what services use by default, by the identity of the default."""


def _uniform(least: float, most: float) -> float:
    return CURRENT.world.next_draw("uniform").between(least, most)


def _hex(size: int = 16) -> str:
    return f"{CURRENT.world.next_draw('hex').bits():064x}"[: 2 * size]


def _bits(count: int) -> int:
    return CURRENT.world.next_draw("bits").bits() & ((1 << count) - 1)


def _recorded(event: str, **facts: Any) -> None:
    CURRENT.world.story.add(event, **facts)


def _unforeseen(error: BaseException, **facts: Any) -> None:
    world = CURRENT.world
    world.story.add(f"unforeseen {error!r}", **facts)
    world.blame(world.scheduler.current().word, error)


def _nothing(*_: Any, **__: Any) -> None:
    """Measure nothing."""


@contextlib.contextmanager
def wired(mode: str) -> Iterator[None]:
    """Wire the product to the simulation while the block runs; each history sets `CURRENT.world`."""
    settings = {**SETTINGS, "ON_AMBIGUOUS_SUBMIT": mode}
    clock = _Clock()
    session = aws.Session(current)
    client = aws.TimedClient(current)
    wan, objects = SimulatedWan(current), aws.Objects(current)
    with contextlib.ExitStack() as exits:
        exits.enter_context(patch.dict(os.environ, settings))
        end_process()
        for target, name, value in (
            *_ports(),
            (bootstrap, "clock", lambda: clock),
            (environment, "clock", lambda: clock),
            (clients, "dynamodb", lambda: client),
            (clients, "session", lambda: session),
            (clients, "sns", lambda: session.client("sns")),
            (clients, "stepfunctions", lambda: session.client("stepfunctions")),
            (clients, "functions", lambda: session.client("lambda")),
            (clients, "secretsmanager", lambda: aws.NotSimulated("Secrets Manager")),
            (clients, "sqs", lambda: aws.NotSimulated("SQS")),
            (clients, "s3", lambda: aws.NotSimulated("S3")),
            (adapters, "receivers", lambda: aws.NotSimulated("receivers of webhooks")),
            (adapters, "wan", lambda answer_seconds=None: wan),
            (adapters, "objects", lambda: objects),
            (adapters, "reports", lambda: aws.Reports(current)),
            (observe, "record", _recorded),
            (observe, "warn", _recorded),
            (observe, "about", _nothing),
            (observe, "measure", _nothing),
            (observe, "took", _nothing),
            (observe, "started", _nothing),
            (observe, "ended", _nothing),
            (observe, "quota_changed", _nothing),
            (observe, "retires", _nothing),
            (observe, "quota_unread", _nothing),
            (observe, "unforeseen", _unforeseen),
            (importlib.import_module("functions.api.handler"), "_app", _APPS.enter),
            (secrets, "token_hex", _hex),
            (secrets, "randbits", _bits),
            (secrets, "randbelow", _below),
            (transactions, "random", SimpleNamespace(uniform=_uniform)),
        ):
            exits.enter_context(patch.object(target, name, value))
        for kind in (transactions.Transactions, transactions.SingleWrites):
            exits.enter_context(patch.object(kind, "__init__", _with_pause(kind.__init__)))
        for word in ("api", "authorize", "ingest", "finish_batch", "dispatch", "submit", "poll", "deliver",
                     "report_failure", "sweep", "live_quotas"):  # fmt: skip
            _pinned(getattr(bootstrap, word)())
        try:
            yield
        finally:
            _APPS.cache_clear()
            end_process()


def _ports() -> Iterator[tuple[Any, str, Any]]:
    """Return what the wiring imports when it is called, and what replaces it."""
    for module, name, value in (
        ("services.dispatch", "uuid4", lambda: SimpleNamespace(hex=_hex())),
        ("adapters.s3.prompt_files", "S3PromptFiles", lambda _: aws.PromptFiles(current)),
        ("adapters.s3.upload_links", "S3UploadLinks", lambda *_: aws.UploadLinks()),
        ("adapters.s3.multiparts", "S3Multiparts", lambda *_: aws.Multiparts(current)),
        ("adapters.transfer", "StreamTransfer", lambda *_, **__: aws.Transfer(current)),
    ):
        yield importlib.import_module(f"wan_video.{module}"), name, value
    for module in ("videos", "lists", "batches"):
        yield importlib.import_module(f"wan_video.adapters.dynamodb.{module}"), "load", _loaded


def _loaded(cls: type[T], item: Item) -> T:
    """Return what an item was dumped from; items never change, so each is read once."""
    known = CURRENT.world.loaded
    if id(item) not in known:
        known[id(item)] = (item, records.load(cls, item))
    value: T = known[id(item)][1]
    return value


def _with_pause(initialize: Callable[..., None]) -> Callable[..., None]:
    def begin(self: Any, client: Any, pause: Callable[[float], None] = _sleep) -> None:
        initialize(self, client, pause)

    return begin


def end_process() -> None:
    """Forget all that a process keeps between invocations."""
    handlers = [importlib.import_module(f"functions.{word}.handler") for word in WORDS]
    for module in (bootstrap, adapters, clients, environment, observe, *handlers):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
