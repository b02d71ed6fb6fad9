"""api: one key makes one video, an import adopts a task, and a repetition creates nothing."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.api import api_over
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan
from tests.fakes.world import FakeClock
from tools.harness.samples import ALICE, BOB, DEFAULTS, NOW, fields, request
from wan_video.adapters.clock import ScaledClock
from wan_video.domain.listing import VideoQuery
from wan_video.domain.task import TaskAnswer
from wan_video.domain.token import Token
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    BudgetExceeded,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    TaskClaimed,
    TooManyUnknownTasks,
    WanRefused,
    WanThrottled,
    WanUnauthorized,
    WanUnavailable,
    WanUnreachable,
)
from wan_video.services.adopt_task import MAX_UNKNOWN
from wan_video.services.intake import Intake
from wan_video.services.poll import Poll

POOL = "singapore#wan2.6-t2v"
BODY = {"prompt": "a fox", "seconds": 5}


class World:
    """The service over rows in memory."""

    def __init__(self, *videos: Video, daily_seconds: int | None = None) -> None:
        self.store = MemoryStore(*videos)
        self.clock = clock = FakeClock()
        self.wan = FakeWan(clock=clock)
        self.wan.make(request())  # task-1, which can be imported
        self.api = api_over(
            self.store, self.store, self.store.batches, clock, wan=lambda: self.wan, daily_seconds=daily_seconds
        )
        self.new_videos = self.api.new_videos

    def create(
        self, caller: Token = ALICE, key: str | None = None, body: dict[str, Any] | None = None, **wanted: Any
    ) -> Video:
        return self.new_videos().create(caller, fields(**wanted), body or BODY, key)

    @property
    def waiting(self) -> int:
        """The number of waiting videos."""
        return sum(line.waits for line in self.store.pool(POOL).lines)


# --- create ----------------------------------------------------------------------------------------------------------


def test_a_request_becomes_a_queued_row_and_a_queue_item() -> None:
    world = World()
    video = world.create()
    assert world.store.get(video.id) == video
    assert (video.status, video.owner, video.created_at, video.version) == (Status.QUEUED, "alice", NOW, 0)
    assert world.store.pool(POOL).waiting == {"alice"}
    head = world.store.head(POOL, "alice")
    assert head is not None
    assert (head.video_id, head.key) == (video.id, video.queue_key)


def test_the_seed_is_chosen_at_creation() -> None:
    world = World()
    seeds = {world.create().request.seed for _ in range(20)}
    assert len(seeds) > 1
    assert all(0 <= seed <= 2**31 - 1 for seed in seeds)


def test_without_a_key_every_request_is_a_new_video() -> None:
    world = World()
    assert len({world.create().id for _ in range(5)}) == 5
    assert world.waiting == 5


def test_one_key_makes_one_video_whatever_its_state() -> None:
    world = World()
    video = world.create(key="order-7")
    ended = world.store.save(video, video.ended(NOW, Failure("x", "y", "submit", False)))
    assert world.create(key="order-7") == ended
    assert world.waiting == 0


def test_the_order_of_fields_in_a_body_does_not_matter_but_their_values_do() -> None:
    world = World()
    video = world.create(key="order-7", body={"prompt": "a fox", "seconds": 5})
    assert world.create(key="order-7", body={"seconds": 5, "prompt": "a fox"}).id == video.id
    for other in ({"prompt": "a fox"}, {"prompt": "a cat", "seconds": 5}, {"prompt": "a fox", "seconds": "5"}):
        with pytest.raises(IdempotencyKeyReused):
            world.create(key="order-7", body=other)
    assert world.waiting == 1


def test_the_same_key_of_another_owner_is_another_video() -> None:
    world = World()
    assert world.create(ALICE, key="order-7").id != world.create(BOB, key="order-7").id


def test_fifty_parallel_requests_with_one_key_make_one_video() -> None:
    world = World()
    with ThreadPoolExecutor(50) as threads:
        videos = list(threads.map(lambda _: world.create(key="order-7"), range(50)))
    assert len({video.id for video in videos}) == 1
    assert len({video.request.seed for video in videos}) == 1
    assert world.waiting == 1


def test_fifty_parallel_requests_with_one_key_and_two_bodies_make_one_video_and_refuse_the_other_body() -> None:
    world = World()

    def create(number: int) -> str:
        try:
            return world.create(key="order-7", body={"prompt": str(number % 2)}).id
        except IdempotencyKeyReused:
            return "reused"

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(create, range(50)))
    assert answers.count("reused") == 25
    assert len(set(answers)) == 2
    assert world.waiting == 1


@pytest.mark.parametrize(
    ("caller", "daily_seconds", "whose"),
    [(replace(ALICE, daily_seconds=4), None, "token"), (ALICE, 4, "stack")],
)
def test_a_video_that_never_fits_a_days_budget_is_refused_and_not_stored(
    caller: Token, daily_seconds: int | None, whose: str
) -> None:
    world = World(daily_seconds=daily_seconds)
    with pytest.raises(BudgetExceeded, match=whose):
        world.create(caller)
    assert world.waiting == 0
    assert world.create(caller, seconds=4).request.seconds == 4


def test_the_callers_budget_is_stored_with_the_video() -> None:
    assert World().create(replace(ALICE, daily_seconds=60)).daily_seconds == 60


def test_a_bad_request_stores_nothing() -> None:
    world = World()
    with pytest.raises(InvalidRequest):
        world.create(prompt="")
    assert world.waiting == 0


@pytest.mark.parametrize(("scopes", "may"), [({"read"}, False), (set(), False), ({"write"}, True), ({"admin"}, True)])
def test_creating_needs_the_scope_to_write(scopes: set[str], may: bool) -> None:
    world = World()
    caller = Token("alice", frozenset(scopes))
    if may:
        assert world.create(caller).owner == "alice"
    else:
        with pytest.raises(Forbidden, match="write"):
            world.create(caller)
    assert world.waiting == int(may)


def test_the_digest_of_a_body_does_not_reveal_it() -> None:
    assert World().create(body={"prompt": "CANARY"}).body_hash == hashlib.sha256(b'{"prompt":"CANARY"}').hexdigest()


# --- import ----------------------------------------------------------------------------------------------------------


def test_an_imported_task_is_continued_and_never_submitted() -> None:
    world = World()
    video = world.new_videos().import_task(ALICE, "task-1", fields())
    assert video == world.store.get(video.id)
    assert (video.status, video.execution, video.place, video.reservation) == (Status.STARTING, 1, None, None)
    assert video.task is not None
    assert video.task.id == "task-1"
    assert world.waiting == 0


def test_a_task_imported_again_is_the_same_video_and_only_for_its_owner() -> None:
    world = World()
    first = world.new_videos().import_task(ALICE, "task-1", fields())
    assert world.new_videos().import_task(ALICE, "task-1", fields()).id == first.id
    with pytest.raises(TaskClaimed):
        world.new_videos().import_task(BOB, "task-1", fields())


def test_an_import_asks_wan_once_and_stores_the_answer() -> None:
    world = World()
    video = world.new_videos().import_task(ALICE, "task-1", fields())
    assert world.new_videos().import_task(ALICE, "task-1", fields()) == video
    assert world.wan.queries == ["task-1"]
    assert (video.task and video.task.status, video.base_url) == ("RUNNING", world.wan.current)


@pytest.mark.parametrize(
    "answer",
    [
        TaskAnswer("bogus-0", "UNKNOWN"),
        WanRefused("ModelNotFound", "No.", status=404),
        WanRefused("X", "No", status=400),
    ],
    ids=["UNKNOWN", "404", "another refusal"],
)
def test_a_task_that_wan_does_not_know_is_not_imported(answer: TaskAnswer | Exception) -> None:
    world = World()
    world.wan.answers.append(answer)
    with pytest.raises(InvalidRequest) as caught:
        world.new_videos().import_task(ALICE, "bogus-0", fields())
    assert [problem.pointer for problem in caught.value.problems] == ["/task_id"]
    assert world.store.list("alice", VideoQuery(limit=1)).videos == []


@pytest.mark.parametrize(
    "answer",
    [
        WanUnauthorized("InvalidApiKey", "No.", status=401),
        WanUnauthorized("KeyMissing", "The stack's secret has no key."),
        WanRefused("AccessDenied", "No.", status=403),
    ],
    ids=["401", "no key", "403"],
)
def test_a_key_that_wan_refuses_is_reported_with_its_region(answer: Exception) -> None:
    world = World()
    world.wan.answers.append(answer)
    with pytest.raises(InvalidRequest, match="singapore") as caught:
        world.new_videos().import_task(ALICE, "task-1", fields())
    assert [problem.pointer for problem in caught.value.problems] == ["/region"]


BUSY = {
    "429": WanThrottled("Throttling", "Later.", status=429),
    "5xx": WanUnavailable("InternalError", "Broken.", status=500),
    "time-out": WanUnavailable("AnswerLost", "ReadTimeout"),
    "no connection": WanUnreachable("ConnectionFailed", "No."),
}


@pytest.mark.parametrize("trouble", BUSY.values(), ids=BUSY)
def test_a_task_is_imported_unseen_while_wan_is_unavailable(trouble: Exception) -> None:
    world = World()
    world.wan.answers.append(trouble)
    video = world.new_videos().import_task(ALICE, "task-1", fields())
    assert video.unknown_at_wan
    world.clock.advance(300)
    assert video.progress(world.clock.now()) == 0
    Poll(world.store, world.wan, world.clock)(video.id, "task-1", 1)
    known = world.store.get(video.id)
    assert not known.unknown_at_wan


def test_an_owner_has_at_most_twenty_tasks_that_wan_has_not_confirmed() -> None:
    world = World()
    world.wan.answers += [BUSY["429"]] * 24
    videos = [world.new_videos().import_task(ALICE, f"bogus-{at}", fields()) for at in range(MAX_UNKNOWN)]
    for _ in range(2):
        with pytest.raises(TooManyUnknownTasks):
            world.new_videos().import_task(ALICE, "bogus-20", fields())
    assert world.new_videos().import_task(BOB, "bogus-21", fields()).unknown_at_wan
    assert world.new_videos().import_task(ALICE, "bogus-0", fields()) == videos[0], "this one is already counted"

    assert world.new_videos().import_task(ALICE, "bogus-0", fields()).id == videos[0].id
    world.wan.answers.clear()
    assert world.api.own_videos().cancel(ALICE, videos[3].id).status is Status.CANCELLED
    world.wan.answers.append(BUSY["429"])
    assert world.new_videos().import_task(ALICE, "bogus-20", fields()).unknown_at_wan, "one has ended"


def test_a_task_that_wan_knows_is_imported_despite_any_number_of_unknown_ones() -> None:
    world = World()
    world.wan.answers += [BUSY["5xx"]] * MAX_UNKNOWN
    for at in range(MAX_UNKNOWN):
        world.new_videos().import_task(ALICE, f"bogus-{at}", fields())
    assert not world.new_videos().import_task(ALICE, "task-1", fields()).unknown_at_wan


@pytest.mark.parametrize("task_id", ["", "a/b", "../tasks", "a?b", "a" * 129, "狐狸", "a\n"])
def test_an_invalid_task_id_is_refused_before_it_reaches_a_path(task_id: str) -> None:
    with pytest.raises(InvalidRequest):
        World().new_videos().import_task(ALICE, task_id, fields())


def test_importing_needs_the_scope_to_write() -> None:
    with pytest.raises(Forbidden):
        World().new_videos().import_task(Token("alice", frozenset({"read"})), "task-1", fields())


# --- repetitions by SDKs ----------------------------------------------------------------------------------------------


def test_a_request_that_an_sdk_repeats_without_a_key_is_one_video() -> None:
    world = World()
    first = world.new_videos().create(ALICE, fields(), BODY, sdk_retries=0)
    assert world.new_videos().create(ALICE, fields(), BODY, sdk_retries=1).id == first.id
    assert world.new_videos().create(ALICE, fields(), BODY, sdk_retries=2).id == first.id
    assert world.waiting == 1


def test_an_sdk_that_waits_ten_minutes_for_each_answer_is_recognised_up_to_its_last_attempt() -> None:
    world = World()
    first = world.new_videos().create(ALICE, fields(), BODY, sdk_retries=0)
    for retries in (1, 2):
        world.clock.advance(613)
        assert world.new_videos().create(ALICE, fields(), BODY, sdk_retries=retries).id == first.id
    assert world.waiting == 1


def test_a_repetition_is_recognised_in_real_time_at_any_speed_of_the_stacks_clock() -> None:
    world, real = World(), FakeClock()
    clock = ScaledClock(speed=1200, origin=NOW, real=real.now)
    new_videos = replace(world.new_videos(), clock=clock, intake=Intake(clock, DEFAULTS))
    first = new_videos.create(ALICE, fields(), BODY, sdk_retries=0)
    real.advance(613)
    assert new_videos.create(ALICE, fields(), BODY, sdk_retries=1).id == first.id


def test_the_same_request_without_a_retry_header_is_two_videos() -> None:
    world = World()
    ids = {world.new_videos().create(ALICE, fields(), BODY, sdk_retries=0).id for _ in range(3)}
    assert len(ids) == 3


def test_a_first_request_that_its_repetition_overtakes_is_the_same_video() -> None:
    """The client waited for five seconds while the first request was still in a cold start."""
    world = World()
    repeated = world.new_videos().create(ALICE, fields(), BODY, sdk_retries=1)
    world.clock.advance(29)
    assert world.new_videos().create(ALICE, fields(), BODY, sdk_retries=0).id == repeated.id
    assert world.new_videos().create(ALICE, fields(), BODY, sdk_retries=2).id == repeated.id
    assert world.waiting == 1


def test_a_request_after_a_repetition_is_new_once_no_first_request_can_be_running() -> None:
    world = World()
    repeated = world.new_videos().create(ALICE, fields(), BODY, sdk_retries=1)
    world.clock.advance(30)
    assert world.new_videos().create(ALICE, fields(), BODY, sdk_retries=0).id != repeated.id


def test_a_repetition_whose_first_request_never_arrived_creates_a_video() -> None:
    world = World()
    assert world.new_videos().create(ALICE, fields(), BODY, sdk_retries=1).id != world.create().id
