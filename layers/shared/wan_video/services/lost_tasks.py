"""lost_tasks: search Wan's list for a task that may exist after a lost answer.

A task matches if its time, model, prompt, length and format are those of the submission. Wan's answers contain nothing
else, so tasks that are equal in all of these are interchangeable, whichever program created them; the one created
nearest to the submission is taken first. A task that was created before the submission is left for a while to the
request that may have created it: otherwise that request would find nothing, and be submitted again. The same is true
for any task that fits a request which leaves length or shape to the model.

Images are an exception: no answer names the image of a task, and tasks of different images are not interchangeable.
A request with an image takes a task only if all of these are true:

- It is the only task that may belong to the request, and no task of that time is unfinished or unreadable.
- It was created within IMAGE_WITHIN_SECONDS of the submission, and not before it.
- Twice the grace period has passed, so that the owner of the task, if it is another request, has claimed it.
- No other submission in doubt, with other images or without, may own it.

Otherwise the tasks become the candidates of the submission. It never takes one of them later, because the other
submission may be over and forgotten by then, and it is not sent again. A request without an image follows the last
rule too, if its model also takes images.

What remains is a task that another program with the same account created from another image, within the same minutes,
with the same model, prompt, length and resolution, while our submission never arrived. The prompt is what makes this
unlikely, so it matters most for requests without a prompt: any task without a prompt fits them. The module does not
guess where the answer states no prompt at all: such a task decides nothing.
"""

from __future__ import annotations

import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from wan_video.domain.models import ADAPTIVE, AUTO_SECONDS, MODELS
from wan_video.domain.task import TaskStatus
from wan_video.domain.text import UNREADABLE
from wan_video.errors import VideoNotFound, WanUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wan_video.domain.request import VideoRequest
    from wan_video.domain.submission import Submission
    from wan_video.domain.task import ListedTask, TaskAnswer
    from wan_video.domain.video import Video
    from wan_video.ports.claims import Claims
    from wan_video.ports.clock import Clock
    from wan_video.ports.videos import UnsettledVideos
    from wan_video.ports.wan import Wan

MARGIN_SECONDS: Final = 900
"""Seconds by which Wan's clock may differ from ours."""

EARLIER_SECONDS: Final = 5
"""A task created this many seconds before a submission belongs to another one, unless Wan's clock differs from ours.

For twice the grace period it is left to other submissions: by then its owner has found it, and our own is listed.
"""

ACCEPTED_WITHIN_SECONDS: Final = 3600
"""Seconds within which Wan accepts a submission, if it ever does."""

LONGEST_SPAN_SECONDS: Final = 12 * 3600
MAX_QUERIES: Final = 100
SEARCH_SECONDS: Final = 60.0
"""Real seconds after which a search ends; with one more request, this is below the timeouts of the functions."""

PAUSE_SECONDS: Final = 0.1
"""Seconds between two queries: an account may send 20 per second, and polls need most of them."""

HALF: Final = Decimal("0.5")
"""A stated length that differs by less matches the request, so that a task never matches two different lengths."""

IMAGE_WITHIN_SECONDS: Final = 300
"""Seconds after the start of a submission with an image in which a task must be created to be taken for its own.

It is longer than a request to Wan can last, and shorter than ACCEPTED_WITHIN_SECONDS: a task that is created later may
be that of the submission, but is more likely another one's, and no answer distinguishes them.
"""

MAX_OTHERS: Final = 500
"""The maximum number of other videos that are compared; beyond it, nothing is taken that another one may own."""

_NEVER_BILLED: Final = (TaskStatus.FAILED, TaskStatus.CANCELED)


@dataclass(frozen=True, slots=True)
class Trace:
    """The result of a complete search: the task, if it is certain, and whether another task may still be the one.

    `candidates` are the ids of tasks that fit and may as well belong to another submission.
    """

    task: TaskAnswer | None
    undecided: bool
    candidates: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool:
        """Whether no task in the list can be the one that is searched for."""
        return self.task is None and not self.undecided


@dataclass(slots=True)
class _Finds:
    """What a search has found so far: tasks that fit, those that may, and whether the rest decides nothing.

    `unfinished` is whether tasks have not ended or cannot be read. `others` are the other videos that need attention,
    read once and after Wan's list; None if they were not read yet, or are too many to compare.
    """

    fitting: list[tuple[ListedTask, TaskAnswer]] = field(default_factory=list)
    perhaps: list[TaskAnswer] = field(default_factory=list)
    undecided: bool = False
    unfinished: bool = False
    others: Sequence[Video] | None = None


@dataclass(frozen=True)
class LostTasks:
    """The search for our tasks that belong to no video; it only reads. `grace` is how many seconds the list may lag."""

    wan: Wan
    claims: Claims
    videos: UnsettledVideos
    clock: Clock
    grace: int
    pause: Callable[[float], None] = time.sleep
    stopwatch: Callable[[], float] = time.monotonic

    def __call__(self, request: VideoRequest, submission: Submission, base_url: str | None = None) -> Trace:
        """Search for the task of a submission to `base_url`. Raises WanError if Wan's answers are incomplete."""
        begun = self.stopwatch()
        asked, candidates = self._candidates(request, submission, base_url)
        # Another host may belong to another account, so a task that is missing in its list proves nothing.
        finds = _Finds(undecided=base_url not in (None, asked))
        contested: set[str] = set()
        for number, listed in enumerate(candidates):
            if number >= MAX_QUERIES or self.stopwatch() - begun > SEARCH_SECONDS:
                raise WanUnavailable("SearchTooLong", "There are too many tasks to check in one search.")
            self.pause(PAUSE_SECONDS)
            answer = self.wan.query(request.region, listed.task_id, asked)
            status = answer.status.upper()
            if status in _NEVER_BILLED:
                continue
            if status != TaskStatus.SUCCEEDED or answer.orig_prompt is None or _is_garbled(request, answer):
                finds.undecided = finds.unfinished = True
                continue
            same = made_for(request, answer)
            if same is None or (same and self._is_left_to_others(request, submission, listed)):
                finds.undecided = True
                finds.perhaps.append(answer)
            elif same and (request.images or is_shared(request, answer)):
                finds.fitting.append((listed, answer))
            elif same:
                if not self._is_contested(request, submission, finds, listed, answer):
                    return Trace(answer, finds.undecided)
                contested.add(answer.task_id)
        return self._decided(request, submission, finds, contested)

    def _decided(self, request: VideoRequest, submission: Submission, finds: _Finds, contested: set[str]) -> Trace:
        """Choose among the tasks that fit, and may fit others as well."""
        undecided = finds.undecided or bool(finds.fitting) or bool(contested)
        if request.images and len(finds.fitting) + len(finds.perhaps) > 1:
            found = [answer for _, answer in finds.fitting] + finds.perhaps
            return Trace(None, undecided, frozenset(answer.task_id for answer in found))
        if finds.unfinished or self._others_look(submission) or (request.images and finds.undecided):
            return Trace(None, undecided, frozenset(contested))
        for listed, answer in finds.fitting:
            if not self._is_contested(request, submission, finds, listed, answer):
                return Trace(answer, finds.undecided)
            contested.add(answer.task_id)
        return Trace(None, undecided, frozenset(contested))

    def _is_contested(
        self,
        request: VideoRequest,
        submission: Submission,
        finds: _Finds,
        listed: ListedTask,
        answer: TaskAnswer,
    ) -> bool:
        """Return whether a task that fits a request may belong to another submission with other images.

        A submission in doubt is a row that needs attention from before its POST, so an index that lags by less than a
        task takes shows every one that may own a task which has succeeded.
        """
        if not MODELS[request.model].takes_image:
            return False
        if answer.task_id in submission.candidates:
            return True
        if finds.others is None:
            finds.others = self._others()
        if finds.others is None:
            return True
        images = _digests(request)
        return any(
            _digests(video.request) != images and _may_own(video, request, listed, answer) for video in finds.others
        )

    def _others(self) -> Sequence[Video] | None:
        """Return the videos that need attention and may still look for a task; None if they are too many."""
        found: list[Video] = []
        now, number = self.clock.unix_seconds() + MARGIN_SECONDS, 0
        for kind in ("open", "watched"):
            for video_id in self.videos.attention(kind, now):
                number += 1
                if number > MAX_OTHERS:
                    return None
                with suppress(VideoNotFound):
                    found.append(self.videos.get(video_id))
        return found

    def _others_look(self, submission: Submission) -> bool:
        """Return whether other requests of the same time may still be searching for their tasks."""
        return self.clock.now() - submission.started_at <= 2 * self.grace

    def _is_left_to_others(self, request: VideoRequest, submission: Submission, listed: ListedTask) -> bool:
        earliest = submission.lost_since - EARLIER_SECONDS
        if request.images:
            latest = submission.started_at + IMAGE_WITHIN_SECONDS
            return listed.created_at is None or not earliest <= listed.created_at <= latest
        if not self._others_look(submission):
            return False
        return listed.created_at is not None and listed.created_at < earliest

    def _candidates(
        self, request: VideoRequest, submission: Submission, base_url: str | None
    ) -> tuple[str, Sequence[ListedTask]]:
        """Return the base URL that was asked, and the tasks of that time and model that may match, likeliest first.

        These tasks belong to no video and may be billed.
        """
        started = submission.started_at
        since = max(submission.lost_since, started - LONGEST_SPAN_SECONDS) - MARGIN_SECONDS
        until = min(self.clock.unix_seconds() + MARGIN_SECONDS, started + ACCEPTED_WITHIN_SECONDS)
        listed = self.wan.tasks(request.region, request.model, since, until, base_url)
        alive = [task for task in listed.tasks if task.status.upper() not in _NEVER_BILLED]
        claimed = self.claims.claimed(request.region, [task.task_id for task in alive])
        free = [task for task in alive if task.task_id not in claimed]
        return listed.base_url, sorted(free, key=lambda task: abs((task.created_at or until) - started))


def made_for(request: VideoRequest, answer: TaskAnswer) -> bool | None:
    """Return whether a task that has succeeded made what the request describes; None if the answer does not show it.

    Members that the answer does not state are not compared, and neither are those that the request leaves to the model.
    If a model can choose length and shape, a task with the same prompt and another length or shape may belong to
    another request that left them open, and that request may have claimed our task.
    """
    chooses = MODELS[request.model].protocol == "adaptive"
    if not (answer.tier is None or answer.tier == request.tier):
        return False
    if not (chooses or answer.size is None or answer.size == request.size):
        return False
    made = (_same_length(request, answer), _same_ratio(request, answer))
    verdicts = (_same_prompt(request, answer), *made)
    if verdicts[0] is False or (False in made and not chooses):
        return False
    return all(verdicts) or None


def _digests(request: VideoRequest) -> list[str]:
    """Return what distinguishes the images of requests."""
    return [image.digest for image in request.images]


def _may_own(video: Video, request: VideoRequest, listed: ListedTask, answer: TaskAnswer) -> bool:
    """Return whether a task may be that of another video, whose submission is in doubt or was sent again."""
    submission, other = video.submission, video.request
    if submission is None or not (video.in_doubt or submission.resends > 0):
        return False
    if (other.region, other.model) != (request.region, request.model) or made_for(other, answer) is False:
        return False
    if listed.created_at is None:
        return True
    earliest, latest = submission.lost_since - MARGIN_SECONDS, submission.started_at + ACCEPTED_WITHIN_SECONDS
    return earliest <= listed.created_at <= latest


def is_shared(request: VideoRequest, answer: TaskAnswer) -> bool:
    """Return whether a task that matches a request may belong to another request that no other task matches.

    This is possible if the request leaves length or shape to the model, or if the answer does not state them. Such a
    task is left to others for a while.
    """
    if MODELS[request.model].protocol != "adaptive":
        return False
    is_open = request.seconds == AUTO_SECONDS or request.ratio == ADAPTIVE
    return is_open or None in (answer.seconds, answer.tier, answer.ratio)


def _same_length(request: VideoRequest, answer: TaskAnswer) -> bool | None:
    """Compare lengths. Since wan3.0 they have decimals, and Wan does not say how close they are to the request."""
    if answer.seconds is None or request.seconds == AUTO_SECONDS:
        return True
    off = abs(Decimal(answer.seconds) - request.seconds)
    return off < HALF or (None if off < 1 else False)


def _same_ratio(request: VideoRequest, answer: TaskAnswer) -> bool | None:
    if answer.ratio in (None, request.ratio) or request.ratio == ADAPTIVE:
        return True
    model = MODELS[request.model]
    known = {ratio for tier in model.sizes for ratio in model.ratios_at(tier)} - {ADAPTIVE}
    return False if answer.ratio in known else None


def _same_prompt(request: VideoRequest, answer: TaskAnswer) -> bool | None:
    """Compare prompts. Wan may return a long prompt truncated, and does not document what it counts as a character."""
    asked, stated = _plain(request.prompt), _plain(answer.orig_prompt or "")
    if stated == asked:
        return True
    is_cut = asked.startswith(stated) and 2 * len(stated) >= MODELS[request.model].prompt_limit
    return None if is_cut else False


def _is_garbled(request: VideoRequest, answer: TaskAnswer) -> bool:
    """Return whether the prompt in an answer is damaged, so that it may be any prompt."""
    return UNREADABLE in (answer.orig_prompt or "") and UNREADABLE not in request.prompt


def _plain(prompt: str) -> str:
    """Return a prompt with normalized characters and white space, which may change in transit."""
    return " ".join(unicodedata.normalize("NFC", prompt).split())
