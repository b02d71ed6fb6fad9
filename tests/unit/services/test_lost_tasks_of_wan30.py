"""lost tasks of wan3.0, which may choose length and shape: nothing is taken or excluded by a guess."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import permutations
from typing import Any, Final

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, Reply, lost_tasks
from tests.fakes.world import FakeClock
from tools.harness.samples import NOW, PROMPT, request30, starting
from wan_video.domain.models import Tier
from wan_video.domain.request import VideoRequest
from wan_video.domain.submission import Submission, SubmissionState
from wan_video.domain.task import TaskAnswer
from wan_video.domain.video import Video
from wan_video.errors import WanUncertain
from wan_video.services.lost_tasks import LostTasks, Trace, made_for
from wan_video.services.reconcile import Reconcile
from wan_video.services.submit import Submit

GRACE: Final = 600
SUBMISSION: Final = Submission(attempt=1, started_at=NOW, state=SubmissionState.UNCERTAIN)
NOTHING: Final = Trace(None, undecided=False)
PERHAPS: Final = Trace(None, undecided=True)
LOST: Final = WanUncertain("AnswerLost", "ReadTimeout from Wan in singapore")

ANY_SHAPE: Final = request30(aspect_ratio="adaptive")
ANY_LENGTH: Final = request30(seconds=-1)
ANYTHING: Final = request30(aspect_ratio="adaptive", seconds=-1)


def answer(**stated: Any) -> TaskAnswer:
    made = {"seconds": Decimal("5.000"), "tier": Tier.P720, "ratio": "16:9", "orig_prompt": PROMPT}
    return TaskAnswer("t", "SUCCEEDED", **{**made, **stated})


@pytest.mark.parametrize(
    ("wanted", "stated", "same"),
    [
        (request30(), {}, True),
        (request30(), {"seconds": None, "tier": None, "ratio": None}, True),
        # No size is stated or compared; the tier and the prompt distinguish tasks.
        (request30(), {"tier": Tier.P480}, False),
        (request30(), {"orig_prompt": "another fox"}, False),
        (request30(), {"tier": Tier.P480, "ratio": "9:16", "seconds": Decimal(30)}, False),
        # Wan bills decimals, and does not say how near they are to what was asked for.
        (request30(), {"seconds": Decimal("5.042")}, True),
        (request30(), {"seconds": Decimal("4.958")}, True),
        (request30(), {"seconds": Decimal("5.500")}, None),
        (request30(), {"seconds": Decimal("6.000")}, None),
        (request30(), {"ratio": "9:16"}, None),
        # Perhaps it states what was asked for, and perhaps in another way of writing.
        (request30(), {"ratio": "adaptive"}, None),
        (request30(), {"ratio": "1.78:1"}, None),
        (ANY_SHAPE, {"ratio": "9:16"}, True),
        (ANY_SHAPE, {"ratio": "adaptive"}, True),
        (ANY_SHAPE, {"ratio": "1.78:1"}, True),
        (ANY_SHAPE, {"seconds": Decimal(9)}, None),
        (ANY_SHAPE, {"tier": Tier.P1080}, False),
        (ANY_LENGTH, {"seconds": Decimal("17.300")}, True),
        (ANY_LENGTH, {"ratio": "9:16"}, None),
        (ANYTHING, {"seconds": Decimal("17.300"), "ratio": "21:9"}, True),
        (ANYTHING, {"orig_prompt": "another fox"}, False),
    ],
)
def test_what_an_answer_says_of_a_request(wanted: VideoRequest, stated: dict[str, Any], same: bool | None) -> None:
    assert made_for(wanted, answer(**stated)) is same


def test_a_length_never_fits_two_requests() -> None:
    for stated in range(2000, 7000, 7):
        fitting = [
            seconds
            for seconds in range(2, 8)
            if made_for(request30(seconds=seconds), answer(seconds=Decimal(stated) / 1000))
        ]
        assert len(fitting) <= 1, stated


def test_a_long_prompt_is_compared_whole_and_one_that_was_cut_decides_nothing() -> None:
    prompt = "\U0001f98a" * 15_000 + "fox" * 1_000
    assert made_for(request30(prompt=prompt), answer(orig_prompt=prompt)) is True
    # A service that counts UTF-16 units reads 20,000 of them in what we count as 10,000 characters.
    assert made_for(request30(prompt=prompt), answer(orig_prompt=prompt[:10_000])) is None
    assert made_for(request30(prompt=prompt), answer(orig_prompt=prompt[:9_000])) is False
    assert made_for(request30(prompt=prompt), answer(orig_prompt="x" + prompt[:15_000])) is False


@dataclass
class World:
    """Wan, whose answers to submissions are lost, and everything that looks for their tasks; in `resend` mode."""

    wan: FakeWan = field(default_factory=lambda: FakeWan(takes=400))

    def __post_init__(self) -> None:
        self.clock: FakeClock = self.wan.clock
        self.store = MemoryStore()
        reconcile = Reconcile(self.store, lost_tasks(self.wan, self.store, self.store), self.clock, GRACE, resend=True)
        self.submit = Submit(self.store, self.wan, reconcile, self.clock)

    def look(self, wanted: VideoRequest, after: int = 3 * GRACE) -> Trace:
        """Look once, `after` seconds after the submission."""
        self.clock.advance(after)
        search = LostTasks(self.wan, self.store, self.store, self.clock, GRACE, lambda _: None, lambda: 0.0)
        return search(wanted, SUBMISSION)

    def lose(self, number: int, wanted: VideoRequest, *, accepted: bool, **made: Any) -> str:
        """Submit a video whose answer is lost; `accepted` says whether Wan has made a task of it."""
        video = self.store.add(replace(starting(f"video_{number}"), request=wanted))
        self.wan.replies = [Reply(accepted=accepted, error=LOST)]
        self.submit(video.id)
        if accepted and made:
            task = self.wan.tasks_made[-1]
            task.seconds, task.ratio = made.get("seconds"), made.get("ratio")
        self.clock.advance(1)
        return video.id

    def carry_on(self, hours: float) -> None:
        """Let each execution look again every minute."""
        for _ in range(int(hours * 60)):
            self.clock.advance(60)
            for video in self.store.rows():
                if video.task is None and video.error is None:
                    self.submit(video.id)

    def rows(self) -> dict[str, Video]:
        return {video.id: video for video in self.store.rows()}


def found(trace: Trace) -> str | None:
    return trace.task.task_id if trace.task is not None else None


def test_a_task_that_states_all_that_was_asked_for_is_found_at_once() -> None:
    world = World()
    task_id = world.wan.make(request30())
    assert found(world.look(request30(), after=401)) == task_id


@pytest.mark.parametrize("wanted", [ANY_SHAPE, ANY_LENGTH, ANYTHING])
def test_a_task_that_may_be_another_requests_is_left_to_it_for_a_while(wanted: VideoRequest) -> None:
    world = World()
    task_id = world.wan.make(wanted, seconds=Decimal("5.000"), ratio="16:9")
    assert world.look(wanted, after=2 * GRACE) == PERHAPS
    assert found(world.look(wanted, after=1)) == task_id


def test_a_task_that_does_not_state_what_it_made_is_left_to_others_as_well() -> None:
    world = World()
    task_id = world.wan.make(request30())
    silent = TaskAnswer(task_id, "SUCCEEDED", orig_prompt=PROMPT)
    world.wan.answers = [silent]
    assert world.look(request30(), after=401) == PERHAPS
    world.wan.answers = [silent]
    assert found(world.look(request30())) == task_id


def test_nothing_is_taken_by_an_open_request_while_another_task_may_still_turn_out_to_be_it() -> None:
    world = World()
    world.wan.make(ANYTHING, at=NOW + 5)
    world.wan.make(ANYTHING, at=NOW + 1, status="RUNNING")
    assert world.look(ANYTHING) == PERHAPS


def test_of_several_that_fit_an_open_request_takes_the_nearest() -> None:
    world = World()
    world.wan.make(ANYTHING, at=NOW + 40, ratio="1:1")
    nearest = world.wan.make(ANYTHING, at=NOW + 1, ratio="9:16", seconds=Decimal("7.300"))
    assert found(world.look(ANYTHING)) == nearest


@pytest.mark.parametrize("other", [request30(seconds=9), request30(aspect_ratio="9:16"), ANYTHING])
def test_a_task_of_the_same_prompt_in_another_format_forbids_the_proof_of_absence(other: VideoRequest) -> None:
    world = World()
    world.wan.make(other, seconds=Decimal("9.000"), ratio="9:16")
    assert world.look(request30()) == PERHAPS


@pytest.mark.parametrize("other", [request30(prompt="another fox"), request30(resolution=Tier.P1080)])
def test_a_task_that_is_certainly_another_one_does_not(other: VideoRequest) -> None:
    world = World()
    world.wan.make(other)
    assert world.look(request30()) == NOTHING


CLOSED: Final = request30(seconds=7, aspect_ratio="9:16")
MADE: Final[dict[str, Any]] = {"seconds": Decimal("8.200"), "ratio": "1:1"}


@pytest.mark.parametrize("accepted", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("pair", list(permutations([CLOSED, ANYTHING, ANY_SHAPE, ANY_LENGTH, request30()], 2)))
def test_lost_answers_of_equal_prompts_are_never_billed_twice(
    pair: tuple[VideoRequest, VideoRequest], accepted: tuple[bool, bool]
) -> None:
    world = World()
    for number, (wanted, taken) in enumerate(zip(pair, accepted, strict=True)):
        made = {"seconds": MADE["seconds"] if wanted.seconds == -1 else None}
        made["ratio"] = MADE["ratio"] if wanted.aspect_ratio == "adaptive" else None
        world.lose(number, wanted, accepted=taken, **made)
    world.carry_on(hours=3)
    rows = world.rows()
    owned = [row.task.id for row in rows.values() if row.task is not None]
    assert len(set(owned)) == len(owned)
    # One task for each video, and each has its own: nothing was paid for twice or without a result.
    assert sorted(owned) == sorted(world.wan.task_ids)
    assert len(owned) == 2
    for number, wanted in enumerate(pair):
        task = rows[f"video_{number}"].task
        assert task is not None
        (mine,) = (made for made in world.wan.tasks_made if made.id == task.id)
        assert wanted.seconds in (-1, mine.request.seconds) or mine.seconds == wanted.seconds
        assert wanted.aspect_ratio in ("adaptive", mine.request.aspect_ratio, mine.ratio)


def test_several_takes_of_one_prompt_whose_answers_are_all_lost_each_find_a_task() -> None:
    world = World()
    for number, ratio in enumerate(("16:9", "9:16", "1:1", "16:9")):
        world.lose(number, replace(ANY_SHAPE, seed=number), accepted=True, ratio=ratio)
    world.carry_on(hours=1)
    owned = {row.task.id for row in world.rows().values() if row.task is not None}
    assert owned == set(world.wan.task_ids)
    assert len(owned) == 4


def test_a_stranger_with_the_same_prompt_only_keeps_a_lost_submission_from_being_sent_again() -> None:
    world = World()
    world.wan.make(request30(seconds=9), status="SUCCEEDED", at=NOW)
    world.lose(1, request30(), accepted=False)
    world.carry_on(hours=3)
    (row,) = world.rows().values()
    assert (row.task, row.in_doubt, len(world.wan.posts)) == (None, True, 1)
