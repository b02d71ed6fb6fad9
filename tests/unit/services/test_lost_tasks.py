"""lost tasks: which task in Wan's list belongs to a lost answer, and when that cannot be decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan
from tests.fakes.world import FakeClock
from tools.harness.samples import NOW, PROMPT, request, running
from wan_video.domain.models import Region, Size, Tier
from wan_video.domain.request import VideoRequest
from wan_video.domain.submission import Submission, SubmissionState
from wan_video.domain.task import Task, TaskAnswer
from wan_video.errors import WanError, WanThrottled, WanUnavailable
from wan_video.services.lost_tasks import MAX_QUERIES, LostTasks, Trace, made_for

SUBMISSION = Submission(attempt=1, started_at=NOW, state=SubmissionState.UNCERTAIN)
NOTHING = Trace(None, undecided=False)
PERHAPS = Trace(None, undecided=True)
THROTTLED = WanThrottled("Throttling.RateQuota", "Requests rate limit exceeded.", status=429)


@dataclass
class World:
    """An account at Wan, the claims on its tasks, and the search."""

    wan: FakeWan = field(default_factory=FakeWan)
    store: MemoryStore = field(default_factory=MemoryStore)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.clock: FakeClock = self.wan.clock
        self.pauses: list[float] = []

    def look(self, submission: Submission = SUBMISSION, wanted: VideoRequest | None = None, after: int = 120) -> Trace:
        self.clock.advance(after)
        search = LostTasks(self.wan, self.store, self.store, self.clock, 600, self.pauses.append, lambda: self.seconds)
        return search(wanted or request(), submission)

    def claim(self, task_id: str) -> None:
        """Let another video claim a task."""
        self.store.adopt(running("another").rescued(NOW, task_id))


def found(trace: Trace) -> str | None:
    return trace.task.task_id if trace.task is not None else None


def test_a_task_with_the_same_request_is_found() -> None:
    world = World()
    task_id = world.wan.make(request())
    assert found(world.look()) == task_id
    assert world.pauses == [0.1]


def test_an_empty_list_shows_nothing() -> None:
    assert World().look() == NOTHING


@pytest.mark.parametrize(
    "other",
    [
        request(prompt="another fox"),
        request(seconds=10),
        request(size=Size(1920, 1080)),
        request(size=Size(720, 1280)),
        request(model="wan2.5-t2v-preview"),
        request(region=Region.BEIJING),
    ],
)
def test_a_task_with_another_request_does_not_match(other: VideoRequest) -> None:
    world = World()
    world.wan.make(other)
    assert world.look() == NOTHING


def test_equal_requests_are_interchangeable_and_the_nearest_task_is_chosen() -> None:
    world = World()
    world.wan.make(request(seed=1), at=NOW - 300)
    nearest = world.wan.make(request(seed=2, negative_prompt="rain"), at=NOW + 2)
    world.wan.make(request(seed=3), at=NOW + 400)
    assert found(world.look(after=900)) == nearest


def test_a_prompt_that_differs_only_in_outer_white_space_matches() -> None:
    world = World()
    task_id = world.wan.make(request(prompt="a cafe\u0301  fox"))
    assert found(world.look(wanted=request(prompt=" a caf\u00e9 fox\n"))) == task_id


def test_a_task_of_another_video_is_not_queried() -> None:
    world = World()
    world.claim(world.wan.make(request()))
    assert (world.look(), world.wan.queries) == (NOTHING, [])


def test_a_running_task_may_match() -> None:
    world = World()
    world.wan.make(request(), status="PENDING")
    assert world.look() == PERHAPS


@pytest.mark.parametrize("status", ["RUNNING", "SUSPENDED", "UNKNOWN", "Strange"])
def test_a_task_without_a_prompt_may_match(status: str) -> None:
    world = World()
    world.wan.make(request(prompt="another fox"), status=status)
    assert world.look() == PERHAPS


def test_a_succeeded_task_without_a_prompt_may_match() -> None:
    world = World()
    task_id = world.wan.make(request())
    world.wan.answers = [TaskAnswer(task_id, "SUCCEEDED", seconds=5)]
    assert world.look() == PERHAPS


@pytest.mark.parametrize("status", ["FAILED", "CANCELED", "failed", "Canceled"])
def test_a_failed_task_is_not_billed_and_does_not_match(status: str) -> None:
    world = World()
    world.wan.make(request(), status=status)
    assert (world.look(), world.wan.queries) == (NOTHING, [])


@pytest.mark.parametrize("status", ["FAILED", "CANCELED", "failed", "Canceled"])
def test_a_task_that_failed_after_the_list_does_not_match(status: str) -> None:
    world = World()
    task_id = world.wan.make(request(), status="RUNNING")
    world.wan.answers = [TaskAnswer(task_id, status)]
    assert world.look() == NOTHING


@pytest.mark.parametrize("status", ["SUCCEEDED", "succeeded", "Succeeded"])
def test_a_succeeded_task_is_found_in_any_spelling_of_its_status(status: str) -> None:
    world = World()
    task_id = world.wan.make(request())
    world.wan.answers = [TaskAnswer(task_id, status, orig_prompt=PROMPT)]
    assert found(world.look()) == task_id


def test_the_task_is_found_beside_one_that_may_match() -> None:
    world = World()
    world.wan.make(request(), status="RUNNING", at=NOW - 1)
    task_id = world.wan.make(request(), at=NOW + 5)
    assert found(world.look()) == task_id


@pytest.mark.parametrize(("at", "seen"), [(-900, True), (-901, False), (3600, True), (3601, False)])
def test_only_tasks_of_the_time_of_the_submission_count(at: int, seen: bool) -> None:
    world = World()
    task_id = world.wan.make(request(), at=NOW + at)
    assert found(world.look(after=2 * 3600)) == (task_id if seen else None)


def test_the_time_of_a_resubmission_starts_at_the_first_submission() -> None:
    world = World()
    task_id = world.wan.make(request(), at=NOW)
    again = Submission(attempt=2, started_at=NOW + 5000, state=SubmissionState.UNCERTAIN, resends=1, first_at=NOW)
    assert found(world.look(again, after=5100)) == task_id


@pytest.mark.parametrize("error", [THROTTLED, WanUnavailable("AnswerLost", "")])
def test_a_failed_query_is_an_error_and_not_an_empty_result(error: WanError) -> None:
    unlisted, unasked = World(), World()
    unlisted.wan.list_errors = [error]
    unasked.wan.make(request())
    unasked.wan.answers = [error]
    for world in (unlisted, unasked):
        with pytest.raises(type(error)):
            world.look()


def test_more_tasks_than_can_be_queried_are_an_error_and_not_an_empty_result() -> None:
    world = World()
    for _ in range(MAX_QUERIES + 1):
        world.wan.make(request(prompt="another fox"))
    with pytest.raises(WanUnavailable, match="SearchTooLong"):
        world.look()
    assert len(world.wan.queries) == MAX_QUERIES


def test_a_search_that_takes_too_long_is_an_error_and_not_an_empty_result() -> None:
    world = World()
    world.wan.make(request(prompt="another fox"))
    stopwatch = iter([0.0, 61.0])
    search = LostTasks(
        world.wan, world.store, world.store, world.clock, 600, world.pauses.append, lambda: next(stopwatch)
    )
    with pytest.raises(WanUnavailable, match="SearchTooLong"):
        search(request(), SUBMISSION)


@pytest.mark.parametrize(
    ("stated", "same"),
    [
        ({}, True),
        ({"seconds": 5, "size": Size(1280, 720), "tier": Tier.P720, "ratio": "16:9"}, True),
        ({"seconds": 6}, False),
        ({"size": Size(720, 1280)}, False),
        ({"tier": Tier.P1080}, False),
        ({"ratio": "9:16"}, False),
        ({"orig_prompt": "another fox"}, False),
        ({"orig_prompt": None}, False),
    ],
)
def test_every_field_that_wan_states_must_match_the_request(stated: dict[str, Any], same: bool) -> None:
    assert made_for(request(), TaskAnswer("t", "SUCCEEDED", **{"orig_prompt": PROMPT, **stated})) is same


def test_a_task_found_this_way_is_claimed_like_any_other() -> None:
    world = World()
    world.claim("task-1")
    assert world.store.get(running("another").rescued(NOW, "task-1").id).task == Task("task-1", NOW)
