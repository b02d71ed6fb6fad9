"""Searches Wan's list for a task that may exist after a lost answer.

A task matches if its time, model, prompt, length and format are those of the submission. Wan's answers contain nothing
else, so tasks that are equal in all of these are interchangeable, whichever program created them; the one created
nearest to the submission is taken first. A task that was created before the submission is left for a while to the
request that may have created it: otherwise that request would find nothing, and be submitted again. The same is true
for any task that fits a request which leaves length or shape to the model.
"""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from wan_video.domain.models import ADAPTIVE, AUTO_SECONDS, MODELS
from wan_video.domain.task import TaskStatus
from wan_video.domain.text import UNREADABLE
from wan_video.errors import WanUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wan_video.domain.request import VideoRequest
    from wan_video.domain.submission import Submission
    from wan_video.domain.task import ListedTask, TaskAnswer
    from wan_video.ports.claims import Claims
    from wan_video.ports.clock import Clock
    from wan_video.ports.wan import Wan

MARGIN_SECONDS: Final = 900
"""By which Wan's clock may differ from ours."""

EARLIER_SECONDS: Final = 5
"""A task made this long before a submission is not its own, unless Wan's clock differs from ours.

It is left to others for twice the grace: by then its owner has found it, and our own is listed.
"""

ACCEPTED_WITHIN_SECONDS: Final = 3600
"""After its start, in which a submission is accepted or never."""

LONGEST_SPAN_SECONDS: Final = 12 * 3600
MAX_QUERIES: Final = 100
SEARCH_SECONDS: Final = 60.0
"""In which a search comes to its end, in real time; with one more request, that is below the functions' time-outs."""

PAUSE_SECONDS: Final = 0.1
"""Between two queries: an account has 20 a second, and polls need them."""

HALF: Final = Decimal("0.5")
"""A stated length that is off by less is the one that was asked for: a task then never fits two different lengths."""

_NEVER_BILLED: Final = (TaskStatus.FAILED, TaskStatus.CANCELED)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a whole look at the list showed: the task, if it is certain, and whether some other may still be it."""

    task: TaskAnswer | None
    undecided: bool

    @property
    def empty(self) -> bool:
        """Whether no task in the list can be the one that is looked for."""
        return self.task is None and not self.undecided


@dataclass(frozen=True)
class LostTasks:
    """Finds our tasks that belong to no video; it only reads. `grace` is how long (seconds) Wan's list may lag."""

    wan: Wan
    claims: Claims
    clock: Clock
    grace: int
    pause: Callable[[float], None] = time.sleep
    stopwatch: Callable[[], float] = time.monotonic

    def __call__(self, request: VideoRequest, submission: Submission, base_url: str | None = None) -> Trace:
        """Look for the task of a submission to `base_url`; raises WanError where Wan did not say all that it knows."""
        begun = self.stopwatch()
        asked, candidates = self._candidates(request, submission, base_url)
        # Another host may be another account's: what its list does not have proves nothing.
        undecided = base_url not in (None, asked)
        unfinished = False
        fitting: list[TaskAnswer] = []
        for number, listed in enumerate(candidates):
            if number >= MAX_QUERIES or self.stopwatch() - begun > SEARCH_SECONDS:
                raise WanUnavailable("SearchTooLong", "There are too many tasks to be looked at in one go.")
            self.pause(PAUSE_SECONDS)
            answer = self.wan.query(request.region, listed.task_id, asked)
            status = answer.status.upper()
            if status in _NEVER_BILLED:
                continue
            if status != TaskStatus.SUCCEEDED or answer.orig_prompt is None or _is_garbled(request, answer):
                undecided = unfinished = True
                continue
            same = made_for(request, answer)
            if same is None or (same and self._is_left_to_others(submission, listed)):
                undecided = True
            elif same and not is_shared(request, answer):
                return Trace(answer, undecided)
            elif same:
                fitting.append(answer)
        if fitting and not unfinished and not self._others_look(submission):
            return Trace(fitting[0], undecided)
        return Trace(None, undecided or bool(fitting))

    def _others_look(self, submission: Submission) -> bool:
        """Whether other requests of the same time may still be looking for their tasks."""
        return self.clock.now() - submission.started_at <= 2 * self.grace

    def _is_left_to_others(self, submission: Submission, listed: ListedTask) -> bool:
        if not self._others_look(submission):
            return False
        return listed.created_at is not None and listed.created_at < submission.lost_since - EARLIER_SECONDS

    def _candidates(
        self, request: VideoRequest, submission: Submission, base_url: str | None
    ) -> tuple[str, Sequence[ListedTask]]:
        """The tasks of that time and model that belong to no video and may be billed, the likeliest first.

        With them comes the base URL that listed them.
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
    """Whether a task that has succeeded made what was asked for; None if the answer does not show it.

    What the answer does not state decides nothing, and neither does what the request left to the model. Where a model
    may choose length and shape, a task of the same prompt that differs in them is perhaps another request's that left
    them open, and that request may have taken ours for its own.
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


def is_shared(request: VideoRequest, answer: TaskAnswer) -> bool:
    """Whether a task that fits a request may be that of another request, which nothing else would fit.

    That is so where the request leaves length or shape to the model, and where the answer does not state them. Such a
    task is left to others for a while.
    """
    if MODELS[request.model].protocol != "adaptive":
        return False
    is_open = request.seconds == AUTO_SECONDS or request.ratio == ADAPTIVE
    return is_open or None in (answer.seconds, answer.tier, answer.ratio)


def _same_length(request: VideoRequest, answer: TaskAnswer) -> bool | None:
    """Lengths have decimals from wan3.0 on, and Wan does not say how near they are to what was asked for."""
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
    """A long prompt may come back cut: Wan says at how many characters, and not what it counts as one."""
    asked, stated = _plain(request.prompt), _plain(answer.orig_prompt or "")
    if stated == asked:
        return True
    is_cut = asked.startswith(stated) and 2 * len(stated) >= MODELS[request.model].prompt_limit
    return None if is_cut else False


def _is_garbled(request: VideoRequest, answer: TaskAnswer) -> bool:
    """Whether the prompt of an answer came damaged, so that it may be any other."""
    return UNREADABLE in (answer.orig_prompt or "") and UNREADABLE not in request.prompt


def _plain(prompt: str) -> str:
    """A prompt without what may change on its way: the form of its characters, and its white space."""
    return " ".join(unicodedata.normalize("NFC", prompt).split())
