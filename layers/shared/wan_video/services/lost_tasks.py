"""Looking in Wan's list for a task that a lost answer may have left behind.

A task is the one that is looked for where it was made at that time, of that model, from that prompt, in that length and
size. More Wan does not tell of a task, so tasks that are equal in all of these are interchangeable, whoever made them;
the one made nearest to the submission is taken first. One that was made before the submission is left for a while to
whoever asked for it earlier: that one would otherwise find nothing, and submit again, before our own task is listed.
"""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wan_video.domain.models import MODELS
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

It is left to others for twice the grace: by then whoever it belongs to has found it, and our own is listed.
"""

ACCEPTED_WITHIN_SECONDS: Final = 3600
"""After its start, in which a submission is accepted or never."""

LONGEST_SPAN_SECONDS: Final = 12 * 3600
MAX_QUERIES: Final = 100
SEARCH_SECONDS: Final = 60.0
"""In which a search comes to its end, in real time; with one more request, that is below the functions' time-outs."""

PAUSE_SECONDS: Final = 0.1
"""Between two queries: an account has 20 a second, and polls need them."""

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
    """Finds tasks of ours that no video knows; it only ever asks. `grace` is how long (seconds) Wan's list may lag."""

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
        for number, listed in enumerate(candidates):
            if number >= MAX_QUERIES or self.stopwatch() - begun > SEARCH_SECONDS:
                raise WanUnavailable("SearchTooLong", "There are too many tasks to be looked at in one go.")
            self.pause(PAUSE_SECONDS)
            answer = self.wan.query(request.region, listed.task_id, asked)
            status = answer.status.upper()
            if status in _NEVER_BILLED:
                continue
            if status != TaskStatus.SUCCEEDED or answer.orig_prompt is None or _is_garbled(request, answer):
                undecided = True
            elif made_for(request, answer):
                if self._is_left_to_others(submission, listed):
                    undecided = True
                else:
                    return Trace(answer, undecided)
        return Trace(None, undecided)

    def _is_left_to_others(self, submission: Submission, listed: ListedTask) -> bool:
        if self.clock.now() - submission.started_at > 2 * self.grace:
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


def made_for(request: VideoRequest, answer: TaskAnswer) -> bool:
    """Whether a task that has succeeded made what was asked for; what the answer does not state decides nothing."""
    model = MODELS[request.model]
    stated = (
        (answer.seconds, request.seconds),
        (answer.size, request.size),
        (answer.tier, model.tier_of(request.size)),
        (answer.ratio, model.ratio_of(request.size)),
    )
    same = all(made is None or made == asked for made, asked in stated)
    return same and _plain(answer.orig_prompt or "") == _plain(request.prompt)


def _is_garbled(request: VideoRequest, answer: TaskAnswer) -> bool:
    """Whether the prompt of an answer came damaged, so that it may be any other."""
    return UNREADABLE in (answer.orig_prompt or "") and UNREADABLE not in request.prompt


def _plain(prompt: str) -> str:
    """A prompt without what may change on its way: the form of its characters, and its white space."""
    return " ".join(unicodedata.normalize("NFC", prompt).split())
