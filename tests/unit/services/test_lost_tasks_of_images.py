"""lost tasks of images: no answer names the image of a task, so nothing is taken that another submission may own."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.examples import examples
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, Reply, lost_tasks
from tests.fakes.world import FakeClock, FakeTopic, Killed
from tools.harness.samples import NOW, request, request30, running, starting
from wan_video.domain.failures import submission_unresolved
from wan_video.domain.image import Image, ImageAddresses
from wan_video.domain.models import ADAPTIVE, Tier
from wan_video.domain.request import VideoRequest
from wan_video.domain.submission import MAX_CANDIDATES, Submission, SubmissionState
from wan_video.domain.task import TaskAnswer
from wan_video.domain.video import Video
from wan_video.errors import TaskClaimed, VideoChanged, WanError, WanThrottled, WanUncertain, WanUnreachable
from wan_video.services import lost_tasks as lost_tasks_module
from wan_video.services.announce import Announce
from wan_video.services.lost_tasks import IMAGE_WITHIN_SECONDS, Trace
from wan_video.services.poll import Poll
from wan_video.services.reconcile import Reconcile
from wan_video.services.repairs.orphans import OrphanedTasks
from wan_video.services.report_failure import ReportFailure
from wan_video.services.submit import Submit

GRACE: Final = 600
DAY: Final = 24 * 3600
LOST: Final = WanUncertain("AnswerLost", "ReadTimeout")
SUBMISSION: Final = Submission(attempt=1, started_at=NOW, state=SubmissionState.UNCERTAIN)
NOTHING: Final = Trace(None, undecided=False)
PERHAPS: Final = Trace(None, undecided=True)
FOX, DEN = Image("inputs/fox", "f0" * 32), Image("inputs/den", "de" * 32)


def with_image(image: Image | None = FOX, **more: Any) -> VideoRequest:
    """Return a request of wan2.7-i2v, or, without an image, of wan3.0, which takes both."""
    named = {"size": None, "resolution": Tier.P720, "aspect_ratio": ADAPTIVE, "first_frame": image}
    return request(**{"model": "wan2.7-i2v", "prompt": "", **named, **more})


def addresses_of(wanted: VideoRequest) -> ImageAddresses:
    """Return what Wan receives for the images of a request."""
    return ImageAddresses(*(f"https://inputs.invalid/{image.digest}" for image in wanted.images))


def of_wan30(image: Image | None, **more: Any) -> VideoRequest:
    return request30(**{"aspect_ratio": "16:9", "first_frame": image, **more})


@dataclass
class World:
    """Wan, whose answers to submissions are lost, and everything that looks for their tasks."""

    resend: bool = True
    wan: FakeWan = field(default_factory=lambda: FakeWan(takes=100))

    def __post_init__(self) -> None:
        self.clock: FakeClock = self.wan.clock
        self.store = MemoryStore()
        self.search = lost_tasks(self.wan, self.store, self.store)
        reconcile = Reconcile(self.store, self.search, self.clock, GRACE, resend=self.resend)
        self.submit = Submit(self.store, self.wan, reconcile, self.clock, addresses=addresses_of)

    def look(self, wanted: VideoRequest, after: int = 2 * GRACE + 1, submission: Submission = SUBMISSION) -> Trace:
        self.clock.advance(after)
        return self.search(wanted, submission)

    def lose(self, name: str, wanted: VideoRequest, *, accepted: bool) -> Video:
        """Submit a video whose answer is lost; `accepted` says whether Wan has made a task of it."""
        video = self.store.add(replace(starting(name), request=wanted))
        self.wan.replies = [Reply(accepted=accepted, error=LOST)]
        self.submit(video.id)
        self.clock.advance(1)
        return self.store.get(name)

    def carry_on(self, hours: float, *names: str) -> None:
        """Let each execution look again every minute."""
        for _ in range(int(hours * 60)):
            self.clock.advance(60)
            for video in self.store.rows():
                if self.waits(video.id) and (not names or video.id in names):
                    self.submit(video.id)

    def waits(self, name: str) -> bool:
        """Whether the execution of a video submits it again."""
        video = self.store.get(name)
        return video.task is None and video.error is None

    def task_of(self, name: str) -> str | None:
        task = self.store.get(name).task
        return task.id if task is not None else None


def found(trace: Trace) -> str | None:
    return trace.task.task_id if trace.task is not None else None


def test_the_only_task_that_fits_is_taken_after_twice_the_grace_period() -> None:
    world = World()
    task_id = world.wan.make(with_image())
    assert world.look(with_image(), after=2 * GRACE) == PERHAPS
    assert found(world.look(with_image(), after=1)) == task_id


@pytest.mark.parametrize("prompt", ["it runs", ""])
@pytest.mark.parametrize("model", ["wan2.6-i2v", "wan2.5-i2v-preview", "wan2.7-i2v"])
def test_a_lost_answer_to_an_image_is_found_and_nothing_is_sent_again(model: str, prompt: str) -> None:
    world = World()
    world.lose("video_1", with_image(model=model, prompt=prompt), accepted=True)
    world.carry_on(1)
    assert [world.task_of("video_1")] == world.wan.task_ids


def test_a_submission_that_never_arrived_is_sent_again_if_nothing_fits() -> None:
    world = World()
    world.wan.make(with_image(prompt="another"))
    world.lose("video_1", with_image(), accepted=False)
    world.carry_on(2)
    assert world.task_of("video_1") == world.wan.task_ids[-1]
    assert len(world.wan.posts) == 2


def test_two_tasks_that_fit_are_candidates_and_neither_is_taken() -> None:
    world = World()
    tasks = {world.wan.make(with_image(FOX)), world.wan.make(with_image(DEN), at=NOW + 2)}
    assert world.look(with_image()) == Trace(None, True, frozenset(tasks))


def test_a_task_that_fits_beside_one_that_may_fit_is_a_candidate() -> None:
    world = World()
    tasks = {world.wan.make(with_image()), world.wan.make(with_image(), at=NOW - 60)}
    assert world.look(with_image()) == Trace(None, True, frozenset(tasks))


@pytest.mark.parametrize("at", [NOW - 6, NOW + IMAGE_WITHIN_SECONDS + 1])
def test_a_task_of_another_time_is_not_taken_and_forbids_the_proof_of_absence(at: int) -> None:
    world = World()
    world.wan.make(with_image(), at=at)
    assert world.look(with_image(), after=3 * GRACE) == PERHAPS


@pytest.mark.parametrize("at", [NOW - 5, NOW + IMAGE_WITHIN_SECONDS])
def test_a_task_of_the_time_of_the_submission_is_taken(at: int) -> None:
    world = World()
    task_id = world.wan.make(with_image(), at=at)
    assert found(world.look(with_image(), after=3 * GRACE)) == task_id


def test_nothing_is_taken_while_a_task_is_unfinished() -> None:
    world = World()
    world.wan.make(with_image())
    world.wan.make(with_image(prompt="another"), status="RUNNING")
    assert world.look(with_image()) == PERHAPS


def test_a_task_whose_answer_states_no_prompt_at_all_decides_nothing() -> None:
    world = World()
    task_id = world.wan.make(with_image())
    world.wan.answers = [TaskAnswer(task_id, "SUCCEEDED", tier=Tier.P720)]
    assert world.look(with_image()) == PERHAPS


@pytest.mark.parametrize("first", [True, False])
def test_of_two_lost_images_with_one_task_neither_takes_it_and_neither_is_sent_again(first: bool) -> None:
    world = World()
    world.lose("video_1", with_image(FOX), accepted=first)
    world.lose("video_2", with_image(DEN), accepted=not first)
    world.carry_on(23)
    assert (world.task_of("video_1"), world.task_of("video_2"), len(world.wan.posts)) == (None, None, 2)
    for name in ("video_1", "video_2"):
        condition = world.store.get(name).condition
        assert condition is not None
        assert world.wan.task_ids[0] in condition.message
    world.carry_on(2)
    for name in ("video_1", "video_2"):
        error = world.store.get(name).error
        assert error is not None
        assert world.wan.task_ids[0] in error.message
        assert "its task may be one of these" in error.message
        assert not error.retryable
    assert len(world.wan.posts) == 2


def test_a_submission_is_not_sent_again_after_its_candidate_was_imported() -> None:
    world = World()
    world.lose("video_1", with_image(FOX), accepted=True)
    world.lose("video_2", with_image(DEN), accepted=False)
    world.carry_on(1)
    world.store.adopt(running("imported").rescued(int(world.clock.now()), world.wan.task_ids[0]))
    world.carry_on(3)
    assert (len(world.wan.posts), world.task_of("video_1"), world.task_of("video_2")) == (2, None, None)


def test_two_lost_images_with_two_tasks_are_held_and_name_both() -> None:
    world = World()
    world.lose("video_1", with_image(FOX), accepted=True)
    world.lose("video_2", with_image(DEN), accepted=True)
    world.carry_on(25)
    for name in ("video_1", "video_2"):
        video = world.store.get(name)
        assert video.task is None
        assert video.error is not None
        assert all(task_id in video.error.message for task_id in world.wan.task_ids)
    assert len(world.wan.posts) == 2


def test_lost_images_of_different_prompts_find_their_own_tasks() -> None:
    world = World()
    world.lose("video_1", with_image(FOX, prompt="it runs"), accepted=True)
    world.lose("video_2", with_image(DEN, prompt="it sleeps"), accepted=True)
    world.carry_on(1)
    assert [world.task_of("video_1"), world.task_of("video_2")] == world.wan.task_ids


def test_two_lost_submissions_of_one_image_are_interchangeable_while_there_is_one_task() -> None:
    world = World()
    world.lose("video_1", with_image(FOX), accepted=False)
    world.lose("video_2", with_image(FOX), accepted=True)
    world.carry_on(3)
    owned = {world.task_of("video_1"), world.task_of("video_2")}
    assert owned == set(world.wan.task_ids)
    assert len(world.wan.task_ids) == 2


def test_a_rival_that_ended_and_was_deleted_does_not_release_the_candidate() -> None:
    world = World()
    world.lose("video_1", with_image(FOX), accepted=False)
    rival = world.lose("video_2", with_image(DEN), accepted=True)
    world.carry_on(1)
    assert world.store.get("video_1").candidates == set(world.wan.task_ids)
    world.store.delete(world.store.get(rival.id), int(world.clock.now()) + 1000)
    world.carry_on(10, "video_1")
    assert (world.task_of("video_1"), len(world.wan.posts)) == (None, 2)


@pytest.mark.parametrize("image_was_accepted", [True, False])
def test_a_text_does_not_take_the_task_of_a_lost_image_nor_the_reverse(image_was_accepted: bool) -> None:
    world = World()
    world.lose("video_1", of_wan30(FOX), accepted=image_was_accepted)
    world.lose("video_2", of_wan30(None), accepted=not image_was_accepted)
    world.carry_on(20)
    assert (world.task_of("video_1"), world.task_of("video_2")) == (None, None)
    assert len(world.wan.posts) == 2


def test_a_lost_text_is_found_at_once_if_no_lost_image_may_own_its_task() -> None:
    world = World()
    world.lose("video_1", of_wan30(FOX, prompt="another"), accepted=True)
    world.lose("video_2", of_wan30(None), accepted=True)
    world.carry_on(0.1)
    assert world.task_of("video_2") == world.wan.task_ids[1]


def test_a_model_of_text_only_reads_no_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.store, "attention", lambda *_: pytest.fail("rows were read"))
    task_id = world.wan.make(request())
    assert found(world.look(request())) == task_id


def test_an_image_that_was_sent_again_may_own_a_task_of_its_first_attempt() -> None:
    world = World()
    video = world.lose("video_2", with_image(DEN), accepted=True)
    assert video.submission is not None
    world.store.save(video, replace(video, submission=replace(video.submission, state=None, resends=1, first_at=NOW)))
    world.lose("video_1", with_image(FOX), accepted=False)
    world.carry_on(2, "video_1")
    assert (world.task_of("video_1"), world.store.get("video_1").candidates) == (None, frozenset(world.wan.task_ids))


def test_an_end_that_is_still_looked_for_may_own_a_task() -> None:
    world = World()
    world.lose("video_2", with_image(DEN), accepted=True)
    topic = FakeTopic()
    ended = replace(world.store.get("video_2"), error=None)
    failed = ended.ended(int(world.clock.now()), submission_unresolved())
    world.store.save(ended, failed)
    Announce(world.store, topic, world.clock)(world.store.get("video_2"))
    assert world.store.get("video_2").attention == "watched"
    world.lose("video_1", with_image(FOX), accepted=False)
    world.carry_on(2, "video_1")
    assert (world.task_of("video_1"), world.store.get("video_1").candidates) == (None, frozenset(world.wan.task_ids))


def test_too_many_other_rows_are_like_a_rival(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(lost_tasks_module, "MAX_OTHERS", 2)
    world.lose("video_1", with_image(FOX), accepted=True)
    for number in range(2, 5):
        world.store.add(replace(starting(f"video_{number}"), request=with_image(FOX)))
    world.carry_on(1, "video_1")
    assert (world.task_of("video_1"), world.store.get("video_1").candidates) == (None, frozenset(world.wan.task_ids))


def test_a_submission_records_a_limited_number_of_candidates() -> None:
    many = [f"task-{number:03}" for number in range(100)]
    scanned = SUBMISSION.scanned(NOW + 1, empty=False, grace=GRACE, candidates=many[:15])
    assert scanned.scanned(NOW + 2, empty=False, grace=GRACE, candidates=many).candidates == set(many[:MAX_CANDIDATES])
    assert Submission.after(scanned, NOW + 3).candidates == set(many[:15])


# --- any order of errors ---------------------------------------------------------------------------------------------

REPLIES = [
    Reply(),
    Reply(False, WanThrottled("Throttling", "")),
    Reply(False, WanUnreachable("ConnectionFailed", "")),
    *(Reply(accepted, error) for accepted in (True, False) for error in (LOST, Killed(), ZeroDivisionError())),
]
WISHES: Final = {
    "video_0": of_wan30(FOX),
    "video_1": of_wan30(DEN),
    "video_2": of_wan30(None),
    "video_3": of_wan30(FOX, prompt="another"),
    "video_4": of_wan30(FOX, prompt=""),
    "video_5": of_wan30(DEN, prompt=""),
}
TROUBLES = (WanError, VideoChanged, Killed, ZeroDivisionError, TaskClaimed)


FATES: Final = {
    "made": Reply(),
    "lost, accepted": Reply(True, LOST),
    "lost": Reply(False, LOST),
    "killed, accepted": Reply(True, Killed()),
    "killed": Reply(False, Killed()),
}


def assert_own_tasks(store: MemoryStore, wan: FakeWan) -> None:
    """Check that a video has only a task of its own images and prompt, and that no wish has more tasks than videos."""
    made = {task.id: task.request for task in wan.tasks_made}
    for video in store.rows():
        if video.task is not None:
            asked = made[video.task.id]
            assert (asked.images, asked.prompt) == (video.request.images, video.request.prompt), video.id
    wishes = Counter((wanted.prompt, tuple(wanted.images)) for wanted in WISHES.values())
    tasks = Counter((task.request.prompt, tuple(task.request.images)) for task in wan.tasks_made)
    assert all(tasks[wish] <= wishes[wish] for wish in tasks), tasks


@settings(max_examples=examples(150), deadline=None)
@given(
    fates=st.fixed_dictionaries({name: st.sampled_from(list(FATES)) for name in WISHES}),
    order=st.permutations(list(WISHES)),
    gaps=st.lists(st.sampled_from([0, 1, 4, 30, 200, 400]), min_size=len(WISHES), max_size=len(WISHES)),
    lag=st.integers(0, GRACE - 60),
    takes=st.integers(10, 1500),
    resend=st.booleans(),
    shuffled=st.integers(0).map(Random),  # 60 orders from one draw; st.randoms() draws each place of each order
)
def test_whatever_is_lost_no_video_gets_the_task_of_another_image_and_none_is_paid_twice(
    fates: dict[str, str],
    order: list[str],
    gaps: list[int],
    lag: int,
    takes: int,
    resend: bool,
    shuffled: Random,
) -> None:
    world = World(resend=resend, wan=FakeWan(takes=takes, lag=lag))
    for name, gap in zip(order, gaps, strict=True):
        world.store.add(replace(starting(name), request=WISHES[name]))
        world.wan.replies = [FATES[fates[name]]]
        with suppress(Killed):
            world.submit(name)
        world.clock.advance(gap)
    assert_own_tasks(world.store, world.wan)
    for _ in range(60):
        world.clock.advance(200)
        waiting = [name for name in order if world.waits(name)]
        for name in shuffled.sample(waiting, len(waiting)):
            with suppress(*TROUBLES):
                world.submit(name)
        if not waiting:
            break
        assert_own_tasks(world.store, world.wan)
    for name, fate in fates.items():
        if fate == "made":
            assert world.task_of(name) is not None
        if not resend and "accepted" not in fate and fate != "made":
            assert world.task_of(name) is None


class AnyTrouble(RuleBasedStateMachine):
    """Images and texts of one prompt, with every kind of error: no video has the task of another image."""

    @initialize(lag=st.integers(0, GRACE - 60), takes=st.integers(10, 1500), resend=st.booleans())
    def begin(self, lag: int, takes: int, resend: bool) -> None:
        self.clock = FakeClock()
        self.wan = FakeWan(clock=self.clock, lag=lag, takes=takes)
        self.store = MemoryStore()
        self.resend = resend
        for name, wanted in WISHES.items():
            self.store.add(replace(starting(name), request=wanted))
        search = lost_tasks(self.wan, self.store, self.store)
        reconcile = Reconcile(self.store, search, self.clock, GRACE, resend)
        self.submit = Submit(self.store, self.wan, reconcile, self.clock, addresses=addresses_of)
        self.poll = Poll(self.store, self.wan, self.clock)
        self.report_failure = ReportFailure(self.store, Announce(self.store, FakeTopic(), self.clock), self.clock)
        self.orphans = OrphanedTasks(self.store, search, self.clock, start=lambda _: 0)

    @rule(name=st.sampled_from(list(WISHES)), reply=st.sampled_from(REPLIES))
    def submit_one(self, name: str, reply: Reply) -> None:
        self.wan.replies = [reply]
        self.tried(lambda: self.submit(name))

    @rule(name=st.sampled_from(list(WISHES)), write=st.integers(1, 3), before=st.booleans())
    def submit_and_be_killed_at_a_write(self, name: str, write: int, before: bool) -> None:
        writes = iter(range(1, 20))

        def die(_: Video) -> None:
            if next(writes) == write:
                raise Killed

        if before:
            self.store.before_write = die
        else:
            self.store.after_write = die
        self.tried(lambda: self.submit(name))

    @rule(first=st.sampled_from(list(WISHES)), second=st.sampled_from(list(WISHES)), accepted=st.booleans())
    def submit_two_at_once(self, first: str, second: str, accepted: bool) -> None:
        def other_worker() -> None:
            self.wan.during_post = lambda: None
            with suppress(*TROUBLES):
                self.submit(second)

        self.wan.during_post = other_worker
        self.wan.replies = [Reply(accepted, None if accepted else LOST)]
        self.tried(lambda: self.submit(first))

    @rule(seconds=st.sampled_from([1, 30, 61, GRACE, GRACE + 1, 2 * GRACE + 1, 7200]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(rounds=st.integers(1, 5))
    def look_again(self, rounds: int) -> None:
        for _ in range(rounds):
            self.clock.advance(GRACE)
            for name in WISHES:
                if self.store.get(name).in_doubt:
                    self.tried(lambda name=name: self.submit(name))

    @rule(failing=st.integers(1, 3))
    def wan_does_not_answer(self, failing: int) -> None:
        self.wan.list_errors = [WanUnreachable("ConnectionFailed", "")] * failing

    @rule(name=st.sampled_from(list(WISHES)))
    def poll_one(self, name: str) -> None:
        task = self.store.get(name).task
        if task is not None:
            self.tried(lambda: self.poll(name, task.id, 1))

    @rule(name=st.sampled_from(list(WISHES)))
    def ask_for_its_end(self, name: str) -> None:
        before = self.store.get(name)
        if before.submission is not None and (before.task is not None or before.in_doubt):
            self.tried(lambda: self.report_failure(name))

    @rule()
    def look_for_orphans(self) -> None:
        for step in self.orphans():
            self.tried(step)

    def tried(self, step: Any) -> None:
        with suppress(*TROUBLES):
            step()
        self.store.before_write = self.store.after_write = lambda _: None
        self.wan.during_post = lambda: None
        self.wan.replies = []

    @invariant()
    def a_video_has_only_its_own_task_and_none_is_billed_twice(self) -> None:
        assert_own_tasks(self.store, self.wan)

    @invariant()
    def a_task_is_known_or_looked_for(self) -> None:
        known = {row.task.id for row in self.store.rows() if row.task is not None}
        unknown = [task.request for task in self.wan.tasks_made if task.id not in known]
        lost = Counter(str((asked.prompt, asked.images)) for asked in unknown)
        doubtful = Counter(str((row.request.prompt, row.request.images)) for row in self.store.rows() if row.in_doubt)
        assert all(lost[wish] <= doubtful[wish] for wish in lost)

    @invariant()
    def with_hold_nothing_is_ever_sent_again_after_a_doubt(self) -> None:
        if not self.resend:
            rows = self.store.rows()
            assert all(row.submission is None or row.submission.resends == 0 for row in rows)


TestAnyTrouble = AnyTrouble.TestCase
TestAnyTrouble.settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)
