"""Webhooks: the queue of `notify`, receivers that fail, and a record of what each of them was sent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tests.chaos.hooks import CALLBACK, CALLBACK_GONE, FAULTY_ATTEMPTS, Hook, Posted, Webhooks
from tests.simulation.settings import LEDGER, SETTINGS
from tests.simulation.streams import resources, timeouts
from wan_video.adapters.signatures import sign
from wan_video.domain import delivery
from wan_video.domain.delivery import SLOTS, Outcome
from wan_video.services import notify

if TYPE_CHECKING:
    from tests.chaos.plan import Wish
    from tests.simulation.outcomes import Outcome as Ended
    from tests.simulation.world import World

STACK_SECRET: Final = "the secret of a stack in memory"
KINDS: Final = ("steady", "flaky", "slow", "gone", "down", "dead")
"""The kinds of endpoints: of those of chaos, and `slow`, which may answer too late, and `dead`, which never accepts."""

OWED: Final = {"steady", "flaky", "slow", "down"}
"""The endpoints that every event of their owner has to reach."""

REQUEST_SECONDS: Final = 10.0
"""Seconds after which a request without an answer has failed."""

LATE_SECONDS: Final = 240.0
FAULTS: Final = (("500", 0.12), ("302", 0.06), ("reset", 0.08), ("hang", 0.08), ("late", 0.08))


@dataclass
class Message:
    """A message in the queue; it can be received from `visible_at` (Unix seconds) on."""

    id: str
    body: str
    owner: str | None
    visible_at: float = 0.0
    received: int = 0
    deleted: bool = False


@cache
def queue_settings() -> Mapping[str, int]:
    """Return what the template says of the queue: times in seconds, and most receives and invocations."""
    queue = resources()["NotifyQueue"]["Properties"]
    (mapping,) = (one for one in resources()["Notify"]["Properties"]["Events"].values() if one["Type"] == "SQS")
    if mapping["Properties"]["BatchSize"] != 1:
        raise NotImplementedError("batches of messages")
    return {
        "visibility": queue["VisibilityTimeout"],
        "receives": queue["RedrivePolicy"]["maxReceiveCount"],
        "invocations": mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"],
    }


class Queue:
    """The queue of `notify`: messages arrive at least once, late, and again until they are deleted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.letters: list[str] = []
        """The messages in the dead-letter queue."""
        self.messages: dict[str, Message] = {}
        self._numbers = 0
        self._running = 0

    def put(self, body: str, delay: float = 0.0, owner: str | None = None) -> None:
        """Add a message, which can be received after a delay."""
        self._numbers += 1
        message = Message(f"message-{self._numbers}", body, owner)
        self.messages[message.id] = message
        draw = self.world.decisions.draw(message.id)
        delay += draw.between(0.0, 1.0)
        if self.world.decisions.happens(f"{message.id}=late", draw.number(1), self.world.decisions.rates.late):
            delay += LATE_SECONDS
        self._show(message, delay)

    def show_after(self, receipt: str, seconds: float) -> None:
        """Let a message come again after some seconds."""
        self._show(self.messages[receipt], seconds)

    def _show(self, message: Message, delay: float) -> None:
        moment = message.visible_at = self.world.scheduler.now + delay
        self.world.scheduler.at(moment, lambda: self._receive(message, moment))

    def _receive(self, message: Message, moment: float) -> None:
        if message.deleted or message.visible_at != moment:
            return
        settings = queue_settings()
        if self._running >= settings["invocations"]:
            self._show(message, 0.5)
            return
        if message.received >= settings["receives"]:
            message.deleted = True
            self.letters.append(message.body)
            return
        message.received += 1
        self._running += 1
        self._show(message, settings["visibility"])

        def after(ended: Ended) -> None:
            self._running -= 1
            failures = [] if ended.error is not None else ended.value["batchItemFailures"]
            if ended.error is None and not failures:
                draw = self.world.decisions.draw(f"{message.id}/{message.received}")
                name = f"{message.id}/{message.received}=twice"
                # A message that was deleted may be received again.
                if not self.world.decisions.happens(name, draw.number(), self.world.decisions.rates.twice):
                    message.deleted = True

        self.world.invoke("notify", {"Records": [self._record(message)]}, "queue", after)

    def _record(self, message: Message) -> dict[str, Any]:
        owner = {} if message.owner is None else {"owner": {"stringValue": message.owner, "dataType": "String"}}
        return {
            "messageId": message.id,
            "receiptHandle": message.id,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.received)},
            "messageAttributes": owner,
        }

    def redrive(self, keep: Callable[[str], bool]) -> None:
        """Move dead letters back to the queue, as an operator does, apart from those that are kept."""
        letters, self.letters = self.letters, []
        for letter in letters:
            if keep(letter):
                self.letters.append(letter)
            else:
                self.put(letter)


@dataclass
class Sqs:
    """SQS's client as the adapter of the queue uses it."""

    current: Callable[[], World]

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:  # noqa: N803
        world = self.current()

        def send() -> None:
            if QueueUrl == SETTINGS["NOTIFY_DEAD_LETTERS_URL"]:
                world.hooks.queue.letters.append(MessageBody)
            else:
                world.hooks.queue.put(MessageBody, DelaySeconds)

        return world.aws("sqs.send_message", send)

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:  # noqa: N803
        world = self.current()
        return world.aws(
            "sqs.change_message_visibility",
            lambda: world.hooks.queue.show_after(ReceiptHandle, VisibilityTimeout),
        )


@dataclass
class Hooks:
    """The endpoints of a history, their receivers, and what these were sent."""

    world: World
    hooks: list[Hook] = field(default_factory=list)
    callbacks: dict[str, str] = field(default_factory=dict)
    """The path of the callback URL of each video or batch that has one, by its id."""
    events: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    posted: list[Posted] = field(default_factory=list)
    secrets: dict[tuple[str, str], str] = field(default_factory=dict)
    signers: dict[str, str] = field(default_factory=dict)
    """The id of the endpoint of each owner that signs callbacks."""
    delivered_at: dict[tuple[Any, ...], float] = field(default_factory=dict)
    """When the record of each delivery was written that says so, by its key (Unix seconds)."""
    replayed: list[tuple[str, str, int]] = field(default_factory=list)
    """The path, the event, and the number of earlier requests of each delivery that its owner asked for again."""
    opens_at: float = 0.0
    """When the receiver that is `down` can be reached (Unix seconds)."""

    def __post_init__(self) -> None:
        self.queue = Queue(self.world)
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._running: dict[str, list[str]] = defaultdict(list)

    def url(self, owner: str, kind: str, name: str = "") -> str:
        """Return the URL of an endpoint, or of a callback of something with a name."""
        return f"https://{kind}.example.com/{owner}/{kind}" + (f"/{name}" if name else "")

    def callback_of(self, wish: Wish, name: str) -> str | None:
        """Return the callback URL that a request has, if it has one; the same name always gets the same."""
        draw = self.world.decisions.draw(f"callback/{name}")
        if (wish.owner, CALLBACK) not in self.secrets or draw.number() >= 0.4:
            return None
        return self.url(wish.owner, CALLBACK_GONE if draw.number(1) < 0.1 else CALLBACK, name)

    def expect_callback(self, made_id: str, url: str | None) -> None:
        """Record the callback of a video or batch."""
        if url is not None:
            self.callbacks[made_id] = urlsplit(url).path

    def seen(self, owners: Mapping[str, str], disabled: frozenset[str]) -> Webhooks:
        """Return what the checker of chaos needs; `owners` are those of events by their ids."""
        return Webhooks(
            hooks=[hook for hook in self.hooks if str(hook.kind) != "dead"],
            callbacks=self.callbacks,
            events={event_id: frozenset(bodies) for event_id, bodies in self.events.items()},
            owners=owners,
            posted=[one for one in self.posted if not one.path.endswith("/dead")],
            disabled=disabled,
        )

    def are_busy(self) -> bool:
        """Return whether anything is left to be sent, or can be redriven."""
        queue = self.queue
        if self.world.tables.tables[LEDGER].partitions.get("open_deliveries"):
            return True
        if any(not message.deleted for message in queue.messages.values()):
            return True
        # A receiver that is down accepts its letters later.
        return any("dead" not in self._kinds_for(letter) for letter in queue.letters)

    def is_unreachable(self, letter: str) -> bool:
        """Return whether a dead letter is for a receiver that cannot accept it now."""
        kinds = self._kinds_for(letter)
        return "dead" in kinds or ("down" in kinds and self.world.scheduler.now < self.opens_at)

    def _kinds_for(self, letter: str) -> set[str]:
        endpoint_id = json.loads(letter).get("endpoint_id")
        return {str(hook.kind) for hook in self.hooks if hook.id == endpoint_id}

    def post(self, url: str, headers: Mapping[str, str], body: str) -> Outcome:
        """Answer a request to a receiver, and record it."""
        world, path = self.world, urlsplit(url).path
        _, owner, kind, *_ = path.split("/")
        event_id = headers["webhook-id"]
        self._hold(path, owner, kind, event_id)
        self._attempts[path, event_id] += 1
        call = world.call("receiver.post", FAULTS if self._may_fail(kind, path, event_id) else (), 1.0)
        self._running[path].append(event_id)
        try:
            outcome = self._answer(kind, call.fault)
            seconds = call.draw.between(0.05, 2.0, 5)
            if outcome.error == "timeout":
                seconds = REQUEST_SECONDS
            elif kind == "slow":
                seconds = call.draw.between(0.0, REQUEST_SECONDS, 5)
            expected = sign(self.secrets.get((owner, kind), ""), event_id, int(headers["webhook-timestamp"]), body)
            signed = expected in headers["webhook-signature"].split(" ")
            self.posted.append(Posted(path, event_id, body, signed, outcome.status_code or 0))
            world.pause(seconds)
            call.end()
        finally:
            self._running[path].remove(event_id)
        world.story.add("posts an event", path=path, event_id=event_id, outcome=outcome)
        return outcome

    def _may_fail(self, kind: str, path: str, event_id: str) -> bool:
        return kind in ("flaky", "slow", CALLBACK) and self._attempts[path, event_id] <= FAULTY_ATTEMPTS

    def _answer(self, kind: str, fault: str | None) -> Outcome:
        if kind in ("gone", CALLBACK_GONE):
            return Outcome(status_code=410)
        if kind == "dead":
            return Outcome(status_code=500)
        if kind == "down" and self.world.scheduler.now < self.opens_at:
            return Outcome(error="connection_failed")
        if fault in ("hang", "late"):
            return Outcome(error="timeout")
        if fault == "reset":
            return Outcome(error="connection_failed")
        return Outcome(status_code=204 if fault is None else int(fault))

    def _hold(self, path: str, owner: str, kind: str, event_id: str) -> None:
        """Check that a request is one that the stack promises to send."""
        world = self.world
        process = world.scheduler.current()
        began = process.deadline - timeouts()["notify"]
        known = [hook.id for hook in self.hooks if (hook.owner, hook.kind) == (owner, kind)]
        partition = f"deliveries#{known[0] if known else self.signers.get(owner)}"
        ledger = world.tables.tables[LEDGER]
        for name in ledger.partitions.get(partition, ()):
            item = ledger.items[partition, name]
            # An invocation that began before this was written may have read the record before.
            ended = self.delivered_at[partition, name] if item["status"] == "delivered" else began
            if item["event_id"] == event_id and ended < began:
                world.violations.append(f"S12: {event_id} is sent to {path} again, after it was delivered")
        if len(self._running[path]) + 1 > SLOTS:
            world.violations.append(f"S12: {path} gets more than {SLOTS} requests at the same time")


@dataclass
class Receivers:
    """The port `Receivers`."""

    current: Callable[[], World]

    def problem(self, url: str) -> str | None:
        return None

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        return self.current().hooks.post(url, headers, body.decode())


def probe_every(seconds: int) -> None:
    """Let the product probe a paused receiver every `seconds`, in the history that begins."""
    for module in (delivery, notify):
        vars(module)["PROBE_SECONDS"] = seconds


def kinds_of(world: World, owners: Sequence[str], wanted: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return which endpoints each owner has in a history; many histories have none."""
    if wanted:
        return {owner: [*wanted, CALLBACK] for owner in owners}
    draw = world.decisions.draw("hooks")
    if draw.number() >= 0.4:
        return {}
    found: dict[str, list[str]] = {}
    for number, owner in enumerate(owners):
        own = world.decisions.draw(f"hooks/{owner}")
        if own.number() < 0.7 or number == 0:
            kinds = [kind for at, kind in enumerate(KINDS) if own.number(1 + at) < (0.1 if kind == "dead" else 0.35)]
            found[owner] = [*(kinds or ["steady"]), CALLBACK]
    return found
