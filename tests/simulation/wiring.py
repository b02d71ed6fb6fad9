"""The product, wired as shipped over what is simulated; its clocks, pauses and dice are those of the history."""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest.mock import patch

from tests.simulation import aws
from tests.simulation.expressions import Item
from tests.simulation.functions import APPS, CURRENT, current, end_process
from tests.simulation.hooks import STACK_SECRET, Receivers, Sqs
from tests.simulation.images import Web
from tests.simulation.settings import BEGINNING, SETTINGS
from tests.simulation.wan import SimulatedWan
from wan_video import bootstrap, observe
from wan_video.adapters.dynamodb import records, transactions
from wan_video.bootstrap import adapters, api_services, clients, environment
from wan_video.domain import delivery
from wan_video.domain.delivery import PROBE_SECONDS
from wan_video.services import notify
from wan_video.services.notify import Notify
from wan_video.services.repairs.batches import StuckBatches
from wan_video.services.sweep import Sweep

T = TypeVar("T")


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


def _spread() -> float:
    return CURRENT.world.next_draw("spread").number()


_PINS: Final[Mapping[int, Callable[..., Any]]] = {
    id(time.monotonic): _monotonic,
    id(time.sleep): _sleep,
    id(Sweep.__dataclass_fields__["stopwatch"].default): _monotonic,
    id(Notify.__dataclass_fields__["spread"].default): _spread,
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
    s3, web = aws.S3(current), Web(current)
    wan, objects = SimulatedWan(current), aws.Objects(current)
    with contextlib.ExitStack() as exits:
        exits.enter_context(patch.dict(os.environ, settings))
        end_process()
        for target, name, value in (
            *_ports(),
            (bootstrap, "clock", lambda: clock),
            (api_services, "clock", lambda: clock),
            (environment, "clock", lambda: clock),
            (clients, "dynamodb", lambda: client),
            (clients, "session", lambda: session),
            (clients, "sns", lambda: session.client("sns")),
            (clients, "stepfunctions", lambda: session.client("stepfunctions")),
            (clients, "functions", lambda: session.client("lambda")),
            (clients, "secretsmanager", lambda: aws.NotSimulated("Secrets Manager")),
            (clients, "sqs", lambda: Sqs(current)),
            (clients, "s3", lambda: s3),
            (adapters, "receivers", lambda: Receivers(current)),
            (adapters, "webhook_secret", lambda: lambda: STACK_SECRET),
            (adapters, "wan", lambda answer_seconds=None: wan),
            (adapters, "objects", lambda: objects),
            (adapters, "web_images", lambda: web),
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
            (observe, "attempted", _nothing),
            (observe, "unforeseen", _unforeseen),
            (importlib.import_module("functions.api.handler"), "_app", APPS.enter),
            (secrets, "token_hex", _hex),
            (secrets, "randbits", _bits),
            (secrets, "randbelow", _below),
            (transactions, "random", SimpleNamespace(uniform=_uniform)),
            # Each history sets these; afterwards they are the product's again.
            (delivery, "PROBE_SECONDS", PROBE_SECONDS),
            (notify, "PROBE_SECONDS", PROBE_SECONDS),
        ):
            exits.enter_context(patch.object(target, name, value))
        for kind in (transactions.Transactions, transactions.SingleWrites):
            exits.enter_context(patch.object(kind, "__init__", _with_pause(kind.__init__)))
        _pinned([create() for create in vars(bootstrap.api()).values()])
        for word in ("authorize", "ingest", "finish_batch", "dispatch", "submit", "poll", "deliver",
                     "report_failure", "sweep", "live_quotas", "notify"):  # fmt: skip
            _pinned(getattr(bootstrap, word)())
        try:
            yield
        finally:
            APPS.cache_clear()
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
    for module in ("videos", "lists", "batches", "webhooks", "quotas"):
        yield importlib.import_module(f"wan_video.adapters.dynamodb.{module}"), "load", _loaded
    for module in ("records", "rows", "batches"):
        yield importlib.import_module(f"wan_video.adapters.dynamodb.{module}"), "dump", _dumped


def _loaded(cls: type[T], item: Item) -> T:
    """Return what an item was dumped from; items never change, so each is read once."""
    known = CURRENT.world.loaded
    key = id(item), cls
    entry = known.get(key)
    if entry is None:
        entry = known[key] = (item, records.load(cls, item))
    value: T = entry[1]
    return value


_dump = records.dump


def _dumped(value: Any) -> Any:
    """Return what an item stores for a value; frozen dataclasses never change, so each is dumped once."""
    if not hasattr(value, "__dataclass_fields__") or not CURRENT.begun:
        return _dump(value)
    known = CURRENT.world.dumped
    entry = known.get(id(value))
    if entry is None:
        entry = known[id(value)] = (value, _dump(value))
    return entry[1]


def _with_pause(initialize: Callable[..., None]) -> Callable[..., None]:
    def begin(self: Any, client: Any, pause: Callable[[float], None] = _sleep) -> None:
        initialize(self, client, pause)

    return begin
