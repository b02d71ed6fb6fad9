"""Bugs that the simulation must find: those of chaos that live in services or in DynamoDB's adapters, and wrong orders.

A wrong order does the right things one after another, but in an order in which a death, a fault or another worker in
between does harm. There are two each for `submit`, `poll`, `deliver` and `finish_batch`, three for `dispatch` and
`sweep`, and four for `notify`; four more bugs are in the repair of deliveries and in lost submissions with images. The
product contains none of this.
"""

# ruff: noqa: N806  (what is looked up in the product keeps its name)

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Any, Final

from tests.chaos import mutants as chaos
from tests.chaos.exposure import Aim
from tests.chaos.mutants import Mutant, product

ORDERS: dict[str, Mutant] = {}


def wrong_order(plant_it: Mutant) -> Mutant:
    """Register a wrong order by its function's name."""
    ORDERS[plant_it.__name__] = plant_it
    return plant_it


def replace(owner: Any, name: str, new: Any) -> Any:
    """Replace an attribute, as the mutants of chaos do."""
    return chaos.replace(owner, name, new)


# --- submit ----------------------------------------------------------------------------------------------------------


@wrong_order
def submit_posts_before_its_intent() -> None:
    """`submit` sends the POST, and then writes its intent with the outcome."""
    Submit = product("services.submit", "Submit")
    errors = product("errors")

    def submit(self: Any, video: Any, *, key_is_fresh: bool = False) -> Any:
        create = self.wan.prepare(video.request, self.addresses(video.request))
        base_url = self.wan.base_url(video.request.region, video.request.model)
        refused = (errors.WanThrottled, errors.WanUnreachable, errors.WanRefused)
        try:
            answer = create()
        except refused as error:
            raise errors.WanThrottled(error.code, error.message) from None
        except errors.WanUncertain:
            intended = self.videos.save(video, video.submitting(self.clock.unix_seconds(), base_url))
            return self._reconciled(intended)
        intended = self.videos.save(video, video.submitting(self.clock.unix_seconds(), base_url))
        return self._submitted(intended, answer)

    replace(Submit, "_submit", submit)


@wrong_order
def submit_claims_before_the_row() -> None:
    """The claim to a task is written before the row that names it, and not in one transaction."""
    DynamoVideos = product("adapters.dynamodb.videos", "DynamoVideos")
    Action = product("adapters.dynamodb.transactions", "Action")

    def save_claimed(videos: Any, before: Any, after: Any) -> Any:
        if before.task is None and after.task is not None:
            action = claim(videos, after)
            arguments = dict(action.arguments)
            arguments["ConditionExpression"] = "attribute_not_exists(pk)"
            arguments.pop("ExpressionAttributeValues")
            videos._transactions.write([Action("Put", arguments, action.refusal)])
        return save(videos, before, after)

    claim = DynamoVideos._claim
    save = replace(DynamoVideos, "save", save_claimed)


# --- poll ------------------------------------------------------------------------------------------------------------


@wrong_order
def poll_frees_the_place_before_the_row() -> None:
    """The place of a task that has ended is free before its row says so."""
    Poll = product("services.poll", "Poll")
    bootstrap = product("bootstrap")

    def poll_freed(self: Any, video_id: str, task_id: str, execution: int) -> Any:
        with suppress(Exception):
            video = self.videos.get(video_id)
            answer = self.wan.query(video.request.region, task_id, video.base_url)
            if answer.status in ("SUCCEEDED", "FAILED") and video.place is not None:
                bootstrap.adapters.pools().give_back(video.place, video_id)
        return call(self, video_id, task_id, execution)

    call = replace(Poll, "__call__", poll_freed)


@wrong_order
def poll_settles_before_the_row() -> None:
    """What a task has cost is settled first, and the row is written afterwards, without its reservation."""
    DynamoVideos = product("adapters.dynamodb.videos", "DynamoVideos")
    STACK = product("domain.budget", "STACK")

    def save_settled(videos: Any, before: Any, after: Any) -> Any:
        if before.reservation is None or after.reservation is not None or after.usage is None:
            return save(videos, before, after)
        videos._transactions.write([settle(videos, owner, before.reservation, after) for owner in (after.owner, STACK)])
        held = changed(before, reservation=None)
        return save(videos, held, after)

    settle = DynamoVideos._settle
    save = replace(DynamoVideos, "save", save_settled)


# --- deliver ---------------------------------------------------------------------------------------------------------


@wrong_order
def deliver_completes_before_the_copy() -> None:
    """The row is completed with the object that will be stored, which is copied next."""
    Deliver = product("services.deliver", "Deliver")
    StoredObject = product("domain.video", "StoredObject")
    video_key = product("domain.names", "video_key")

    def deliver(self: Any, video_id: str, task_id: str, seconds: float = 900.0) -> Any:
        video = self.videos.get(video_id)
        if video.status.final or self.objects.find(video_key(video_id)) is not None:
            return call(self, video_id, task_id, seconds)
        promised = StoredObject("wan-video-videos", video_key(video_id), 4096, "etag", "0" * 16, "1" * 16)
        completed = self.videos.save(video, video.completed(self.clock.unix_seconds(), promised))
        self.transfer.copy(lambda: self._link(video, task_id), video_key(video_id), task_id, seconds - 120, None)
        self.announce(completed)
        return product("services.deliver", "Outcome").COMPLETED

    call = replace(Deliver, "__call__", deliver)


@wrong_order
def deliver_announces_before_the_row() -> None:
    """The completion is published as soon as the object is stored, and the row is written next."""
    Deliver = product("services.deliver", "Deliver")
    notice = product("domain.notice")

    def complete_announced(self: Any, video: Any, stored: Any) -> Any:
        done = video.completed(self.clock.unix_seconds(), stored)
        self.announce.topic.publish(notice.video_event(done), notice.video_attributes(done))
        return complete(self, video, stored)

    complete = replace(Deliver, "_complete", complete_announced)


# --- dispatch --------------------------------------------------------------------------------------------------------


@wrong_order
def dispatch_takes_the_place_before_the_row() -> None:
    """The place is taken first, and the video is started next."""
    DynamoVideos = product("adapters.dynamodb.videos", "DynamoVideos")
    Place = product("domain.pool", "Place")
    Places = product("adapters.dynamodb.places", "Places")

    def start_placed(videos: Any, before: Any, after: Any, *, places: int, **options: Any) -> Any:
        videos._transactions.write(take(videos._places, before.pool, Place(before.id, before.owner), places))
        return start(videos, before, after, places=places, **options)

    take = replace(Places, "take", lambda *_: [])
    start = replace(DynamoVideos, "start", start_placed)


@wrong_order
def dispatch_leaves_the_queue_before_the_row() -> None:
    """The queue item is removed first, and the video is started next."""
    Dispatch = product("services.dispatch", "Dispatch")
    Queues = product("adapters.dynamodb.queues", "Queues")
    DynamoVideos = product("adapters.dynamodb.videos", "DynamoVideos")

    def start_left(videos: Any, before: Any, after: Any, **options: Any) -> Any:
        videos._transactions.write(leave(videos._queues, [before], after.started_at))
        return start(videos, before, after, **options)

    def leave_nothing(queues: Any, videos: Any, started_at: int | None = None) -> Any:
        return [] if started_at is not None else leave(queues, videos, started_at)

    assert Dispatch
    leave = replace(Queues, "leave", leave_nothing)
    start = replace(DynamoVideos, "start", start_left)


@wrong_order
def dispatch_starts_the_execution_before_the_row() -> None:
    """The execution is started first, and the row says so next."""
    Dispatch = product("services.dispatch", "Dispatch")
    Reservation = product("domain.budget", "Reservation")
    utc_day = product("domain.budget", "utc_day")

    def start_early(self: Any, pool: str, places: int, line: Any, item: Any) -> Any:
        video = self._waiting(pool, line.owner, item)
        now = self.clock.unix_seconds()
        self.executions.start(video.start(now, Reservation(utc_day(now), video.request.most_seconds)))
        return start(self, pool, places, line, item)

    start = replace(Dispatch, "_start", start_early)


# --- finish_batch ----------------------------------------------------------------------------------------------------


@wrong_order
def finish_batch_publishes_before_the_record() -> None:
    """The end of a batch is published when its reports are written, before its record says that it has ended."""
    FinishBatch = product("services.finish_batch", "FinishBatch")
    notice = product("domain.notice")

    def report_published(self: Any, batch: Any) -> None:
        report(self, batch)
        self.topic.publish(notice.batch_event(batch, self.bucket), notice.batch_attributes(batch))

    report = replace(FinishBatch, "_report", report_published)


@wrong_order
def finish_batch_notes_before_it_publishes() -> None:
    """The record says that the end of a batch is announced, and then it is published."""
    FinishBatch = product("services.finish_batch", "FinishBatch")
    notice = product("domain.notice")

    def finish(self: Any, batch_id: str) -> Any:
        before = self.batches.get(batch_id)
        if not (before.status.final and before.open):
            # Without the last step, which follows in another order.
            topic = self.topic
            object.__setattr__(self, "topic", _Silent())
            try:
                return call(changed(self, batches=_Unannounced(self.batches)), batch_id)
            finally:
                object.__setattr__(self, "topic", topic)
                after = self.batches.get(batch_id)
                if after.status.final and after.open:
                    finish(self, batch_id)
        saved = self.batches.save(before, before.announce(self.clock.unix_seconds()))
        self.topic.publish(notice.batch_event(saved, self.bucket), notice.batch_attributes(saved))
        return saved

    call = replace(FinishBatch, "__call__", finish)


class _Silent:
    def publish(self, *_: Any) -> None:
        """Publish nothing."""


@dataclass(frozen=True)
class _Unannounced:
    """Batches whose announcement is not recorded."""

    batches: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batches, name)

    def save(self, before: Any, after: Any) -> Any:
        return before if after.announced_at is not None else self.batches.save(before, after)


# --- sweep -----------------------------------------------------------------------------------------------------------


@wrong_order
def sweep_reads_the_rows_before_the_places() -> None:
    """`sweep` reads all rows first, then the places, and frees what does not match."""
    LeakedPlaces = product("services.repairs.places", "LeakedPlaces")
    Mended = product("services.repairs", "Mended")

    def look(self: Any) -> Iterator[Any]:
        for name in self.names:
            (early,) = self.pools.read([name])
            rows = self.videos.get_many(early.running)
            (pool,) = self.pools.read([name])
            for video_id in sorted(pool.running):
                row = rows.get(video_id)
                if row is None or row.place != pool.name:
                    yield lambda video_id=video_id, name=name: give_back(self, name, video_id)

    def give_back(self: Any, name: str, video_id: str) -> Any:
        self.pools.give_back(name, video_id)
        return Mended("place_given_back", video_id)

    replace(LeakedPlaces, "__call__", look)


@wrong_order
def sweep_notes_before_it_publishes() -> None:
    """`sweep` records that the end of a video is announced, and then publishes it."""
    UnfinishedVideos = product("services.repairs.unfinished", "UnfinishedVideos")
    notice = product("domain.notice")

    def mend_noted(self: Any, video: Any) -> Any:
        if not video.status.final or video.announced_at is not None:
            return mend(self, video)
        self.videos.save(video, video.announced(self.clock.unix_seconds()))
        self.announce.topic.publish(notice.video_event(video), notice.video_attributes(video))
        return "notice_published"

    mend = replace(UnfinishedVideos, "_mend", mend_noted)


@wrong_order
def sweep_closes_a_search_before_the_rescue() -> None:
    """`sweep` closes the search for a lost task that it has found, and then makes the task a video."""
    OrphanedTasks = product("services.repairs.orphans", "OrphanedTasks")
    errors = product("errors")
    Mended = product("services.repairs", "Mended")

    def search_closed(self: Any, video: Any, submission: Any) -> Any:
        began = self.clock.unix_seconds()
        trace = self.lost_tasks(video.request, submission, video.base_url)
        if trace.task is None:
            self.videos.save(video, video.looked_for(began, empty=trace.empty, candidates=trace.candidates))
            return None
        rescued = video.rescued(began, trace.task.task_id, trace.task.base_url)
        with suppress(errors.VideoChanged):
            self.videos.save(video, video.closed(began))
        with suppress(errors.VideoExists, errors.TaskClaimed):
            self.videos.adopt(rescued)
        return Mended("task_rescued", rescued.id)

    replace(OrphanedTasks, "_search", search_closed)


# --- images ----------------------------------------------------------------------------------------------------------


@wrong_order
def rivals_take_what_fits() -> None:
    """A lost submission with an image takes the first task that fits, even if another one may own it."""
    LostTasks = product("services.lost_tasks", "LostTasks")
    Trace = product("services.lost_tasks", "Trace")

    def decided(self: Any, request: Any, submission: Any, finds: Any, contested: Any) -> Any:
        if finds.fitting:
            return Trace(finds.fitting[0][1], finds.undecided)
        return decide(self, request, submission, finds, contested)

    decide = replace(LostTasks, "_decided", decided)


# --- notify ----------------------------------------------------------------------------------------------------------


@wrong_order
def notify_notes_before_it_posts() -> None:
    """A delivery is recorded as delivered, and then sent."""
    Notify = product("services.notify", "Notify")
    Outcome = product("domain.delivery", "Outcome")

    def attempt_noted(self: Any, delivery: Any, endpoint: Any, lane: Any) -> Any:
        noted = delivery.succeeded(self.clock.unix_seconds(), Outcome(status_code=200))
        saved = self.deliveries.save(delivery, noted)
        headers = self._headers(delivery, endpoint)
        outcome = self.receivers.post(delivery.url or endpoint.url or "", headers, delivery.body.encode())
        left = self._leave(delivery, success=outcome.success)
        if not outcome.success:
            pending = changed(delivery, version=saved.version)
            saved = self.deliveries.save(pending, self._after(pending, outcome, lane, left))
        self._wake(left, probe_ended=True)
        return None if outcome.success else max(1, saved.due_at - self.clock.unix_seconds())

    replace(Notify, "_attempt", attempt_noted)


@wrong_order
def notify_enters_without_a_slot() -> None:
    """A request to a receiver is sent without taking a slot of its lane first."""
    Notify = product("services.notify", "Notify")

    def enter(self: Any, delivery: Any) -> Any:
        return self.lanes.get(delivery.lane)

    replace(Notify, "_enter", enter)


@wrong_order
def deliveries_are_not_repaired() -> None:
    """`sweep` does not look for deliveries whose messages were lost, or that nothing has woken."""
    LostDeliveries = product("services.repairs.deliveries", "LostDeliveries")
    replace(LostDeliveries, "__call__", lambda self: iter(()))


@wrong_order
def deliveries_that_wait_are_not_repaired() -> None:
    """`sweep` asks again for deliveries whose messages were lost, and not for those that nothing has woken."""
    LostDeliveries = product("services.repairs.deliveries", "LostDeliveries")

    def look(self: Any) -> Iterator[Any]:
        steps: Iterator[Any] = call(changed(self, deliveries=_NoneWaits(self.deliveries)))
        return steps

    call = replace(LostDeliveries, "__call__", look)


@dataclass(frozen=True)
class _NoneWaits:
    """Deliveries without those that wait."""

    deliveries: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.deliveries, name)

    def open(self) -> Iterator[Any]:
        return (found for found in self.deliveries.open() if not found.waiting)


@wrong_order
def sweep_wakes_and_does_not_ask() -> None:
    """`sweep` notes that a delivery no longer waits, and sends no message for it."""
    LostDeliveries = product("services.repairs.deliveries", "LostDeliveries")
    Mended = product("services.repairs", "Mended")

    def wake(self: Any, found: Any) -> Any:
        self.deliveries.wake(found.lane, found.task, self.clock.unix_seconds())
        return Mended("delivery_asked_for", found.task.delivery_id)

    replace(LostDeliveries, "_ask", wake)


@wrong_order
def notify_ends_before_it_disables() -> None:
    """A delivery that was answered with 410 ends, and then its endpoint is disabled."""
    Notify = product("services.notify", "Notify")

    def attempt_ended(self: Any, delivery: Any, endpoint: Any, lane: Any) -> Any:
        gone: list[Any] = []
        object.__setattr__(self, "_disable", gone.append)
        try:
            seconds = attempt(self, delivery, endpoint, lane)
        finally:
            object.__delattr__(self, "_disable")
        for one in gone:
            self._disable(one)
        return seconds

    attempt = replace(Notify, "_attempt", attempt_ended)


@wrong_order
def notify_gives_up_before_the_letter() -> None:
    """A delivery is given up, and then put into the dead-letter queue."""
    Notify = product("services.notify", "Notify")

    def attempt_given_up(self: Any, delivery: Any, endpoint: Any, lane: Any) -> Any:
        letters = _Unsent(self.queue)
        seconds = attempt(changed(self, queue=letters), delivery, endpoint, lane)
        for task in letters.tasks:
            self.queue.bury(task)
        return seconds

    attempt = replace(Notify, "_attempt", attempt_given_up)


@dataclass
class _Unsent:
    """A queue whose dead letters are kept until they are sent."""

    queue: Any
    tasks: list[Any] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queue, name)

    def bury(self, task: Any) -> None:
        self.tasks.append(task)


# --- imports ---------------------------------------------------------------------------------------------------------


@wrong_order
def import_stores_before_wan_is_asked() -> None:
    """An imported task becomes a video before Wan says whether it knows the task."""
    new_videos = product("services.api.new_videos")

    def stored_first(video: Any, videos: Any, wan: Any) -> Any:
        videos.adopt(changed(video, task=changed(video.task, status="UNKNOWN")))
        return adopt_task(video, videos, wan)

    adopt_task = replace(new_videos, "adopt_task", stored_first)


# --- repetitions -----------------------------------------------------------------------------------------------------


@wrong_order
def key_reused_for_another_body() -> None:
    """A request with a known Idempotency-Key gets the video of that key, whatever its body is."""
    NewVideos = product("services.api.new_videos", "NewVideos")
    replace(NewVideos, "_same_request", lambda self, video_id, body_hash: self.videos.get(video_id))


@wrong_order
def replay_only_of_failures() -> None:
    """A delivery that has not failed is listed as replayed, and does not begin again."""
    Delivery = product("domain.delivery", "Delivery")
    DeliveryStatus = product("domain.delivery", "DeliveryStatus")

    def begin_again(delivery: Any, now: int) -> Any:
        return replayed(delivery, now) if delivery.status is DeliveryStatus.FAILED else delivery

    replayed = replace(Delivery, "replayed", begin_again)


# --- aims ------------------------------------------------------------------------------------------------------------


def _aim(violates: str, **options: Any) -> Aim:
    return Aim(frozenset(violates.split()), options)


_API: Final = frozenset({"api"})
_BATCH: Final = frozenset({"batch"})
_DASHSCOPE: Final = frozenset({"dashscope"})
_HOOKS: Final[Mapping[str, Any]] = {"images": 0.0, "thrifty": 0.1}
_FAILING: Final[Mapping[str, Any]] = {"images": 0.0, "twins": 0.0, "thrifty": 0.0, "cancels": 0.0}
_RIVALS: Final[Mapping[str, Any]] = {"twins": 0.4, "images": 1.0}

AIMS: Final[Mapping[str, Aim]] = {
    # Those of chaos.
    "forgetful_decorator": _aim("I1 I11"),
    "resend_submitting": _aim("I1 I11"),
    "no_grace": _aim("I1 I11"),
    "no_claim_check": _aim("I1 I2 I11", doors=_API, spec={"twins": 0.4}),
    "hold_resends": _aim("I11", mode="hold"),
    "notify_before_store": _aim("I5 I6 S4"),
    "noted_before_published": _aim("I3"),
    "new_event_id": _aim("I5"),
    "failure_at_first_trouble": _aim("I5 S4"),
    "place_kept": _aim("I3 S1 S5"),
    "no_budget": _aim("I9", doors=_API, spec={"thrifty": 0.35}, n=8),
    "settled_twice": _aim("I13 S7"),
    "key_ignored": _aim("I1 I3", doors=_DASHSCOPE),
    "short_window": _aim("I1 I3", doors=_DASHSCOPE),
    "window_never_closes": _aim("I3", doors=_DASHSCOPE),
    "cancel_without_right": _aim("I3 I14 S2 S9", doors=_BATCH),
    "cancelled_before_wan_says_so": _aim("I14 S6", doors=_API, spec={"cancels": 0.4}),
    "start_after_cancel": _aim("I14", doors=_BATCH),
    # Wrong orders.
    "submit_posts_before_its_intent": _aim("I1 I11"),
    "submit_claims_before_the_row": _aim("I1 I2 I3 I11 I12"),
    "poll_frees_the_place_before_the_row": _aim("S5"),
    "poll_settles_before_the_row": _aim("I13 S3 S7"),
    "deliver_completes_before_the_copy": _aim("I2 I6"),
    "deliver_announces_before_the_row": _aim("S4"),
    "dispatch_takes_the_place_before_the_row": _aim("S5"),
    "dispatch_starts_the_execution_before_the_row": _aim("S10", doors=_API, n=8, profile="slow"),
    "dispatch_leaves_the_queue_before_the_row": _aim("I3 S2"),
    "finish_batch_publishes_before_the_record": _aim("S4", doors=frozenset({"batch", "file"})),
    "finish_batch_notes_before_it_publishes": _aim("S9", doors=frozenset({"batch"})),
    "sweep_reads_the_rows_before_the_places": _aim("S5", doors=_API, n=10, profile="slow"),
    "sweep_closes_a_search_before_the_rescue": _aim("I2", doors=_API, n=6, profile="harsh", late=True, spec=_FAILING),
    "notify_notes_before_it_posts": _aim("I15 S13", n=6, spec=_HOOKS, hooks=("steady", "flaky")),
    "notify_enters_without_a_slot": _aim("S12", doors=_BATCH, n=7, spec=_HOOKS, hooks=("slow",), profile="brittle"),
    "deliveries_are_not_repaired": _aim(
        "I15 S13", doors=_BATCH, n=7, spec=_HOOKS, hooks=("slow", "flaky"), profile="brittle"
    ),
    "deliveries_that_wait_are_not_repaired": _aim(
        "I15 S13", doors=_BATCH, n=7, spec=_HOOKS, hooks=("slow", "flaky"), profile="brittle"
    ),
    "sweep_wakes_and_does_not_ask": _aim(
        "I15 S13", doors=_BATCH, n=7, spec=_HOOKS, hooks=("slow", "flaky"), profile="brittle"
    ),
    "notify_ends_before_it_disables": _aim("I15", n=1, spec=_HOOKS, hooks=("gone",), profile="brittle"),
    "notify_gives_up_before_the_letter": _aim(
        "S13", n=1, spec=_HOOKS, hooks=("dead",), profile="brittle", to_the_end=True
    ),
    "import_stores_before_wan_is_asked": _aim("I7", doors=frozenset({"unknown"})),
    "key_reused_for_another_body": _aim("I3", doors=_API),
    "replay_only_of_failures": _aim("S15", n=4, spec=_HOOKS, hooks=("steady", "flaky")),
    "any_answer_accepted": _aim("I15", spec=_HOOKS, hooks=("flaky",)),
    "every_owners_endpoints": _aim("I15", spec=_HOOKS, hooks=("steady",)),
    "rivals_take_what_fits": _aim("S11", doors=_API, n=4, spec=_RIVALS),
    "sweep_notes_before_it_publishes": _aim("I3", doors=_API, n=8, profile="harsh", spec={"cancels": 0.4}),
}

ELSEWHERE: Final = frozenset(
    {
        "retry_adapter", "first_page_only", "no_checksum_check", "no_length_check", "no_type_check",
        "redirects_followed", "any_host", "complete_before_check", "multipart_left_open", "halves_kept", "link_in_log",
        "private_receiver",
    }
)  # fmt: skip
"""Mutants of chaos in code that the simulation replaces: Wan's client, the transfer, logs, addresses of receivers."""


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """Plant one bug while the block runs; no name plants nothing. Raises KeyError for an unknown name."""
    undo: list[tuple[Any, str, Any]] = []

    def remember(owner: Any, attribute: str, new: Any) -> Any:
        undo.append((owner, attribute, vars(owner)[attribute]))
        return swap(owner, attribute, new)

    swap = chaos.replace
    chaos.replace = remember  # type: ignore[assignment]
    try:
        if name:
            ({**chaos.MUTANTS, **ORDERS}[name])()
        yield
    finally:
        chaos.replace = swap
        for owner, attribute, old in reversed(undo):
            setattr(owner, attribute, old)
