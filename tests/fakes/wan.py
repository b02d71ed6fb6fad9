"""Wan in memory, with scripted answers and a record of every POST and of every task that would be billed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from tests.fakes.world import FakeClock
from wan_video.domain.image import NO_ADDRESSES, ImageAddresses
from wan_video.domain.models import MODELS, Region
from wan_video.domain.request import VideoRequest
from wan_video.domain.task import ListedTask, TaskAnswer, TaskList
from wan_video.errors import WanRefused, WanUnauthorized
from wan_video.ports.claims import Claims
from wan_video.ports.videos import UnsettledVideos
from wan_video.services.lost_tasks import LostTasks

BASE_URL: Final = "https://wan.test/api/v1"


@dataclass(frozen=True)
class Reply:
    """The outcome of one POST: whether Wan accepts the task, and the error that replaces the answer."""

    accepted: bool = True
    error: BaseException | None = None


@dataclass
class WanTask:
    """A task at one of Wan's hosts; with `status` None it is RUNNING for a time, then SUCCEEDED.

    `seconds` and `ratio` are what Wan made of a request that left them to the model.
    """

    id: str
    request: VideoRequest
    created_at: float
    status: str | None = None
    base_url: str = BASE_URL
    seconds: Decimal | int | None = None
    ratio: str | None = None


@dataclass
class FakeWan:
    """The port `Wan`. A POST without a scripted reply is accepted and answered.

    `answers` are the next answers to queries, `cancel_replies` those to cancellations, and `list_errors` are raised by
    the next lists. A task takes `takes` seconds, and lists contain it after `lag` seconds. `current` is the base URL
    that new tasks are created at; base URLs in `shut` refuse the key; `asked` records the base URLs of other calls.
    `sent` contains the addresses of the images of `posts`.
    """

    replies: list[Reply] = field(default_factory=list)
    answers: list[TaskAnswer | Exception] = field(default_factory=list)
    fresh_keys: list[bool] = field(default_factory=list)
    has_key: bool = True
    broken: Exception | None = None
    clock: FakeClock = field(default_factory=FakeClock)
    takes: float = 60
    lag: float = 0
    posts: list[VideoRequest] = field(default_factory=list)
    sent: list[ImageAddresses] = field(default_factory=list)
    tasks_made: list[WanTask] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    cancel_replies: list[Reply] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lists: int = 0
    list_errors: list[Exception] = field(default_factory=list)
    refreshes: int = 0
    current: str = BASE_URL
    shut: set[str] = field(default_factory=set)
    during_post: Callable[[], object] = lambda: None
    during_query: Callable[[], object] = lambda: None

    @property
    def task_ids(self) -> list[str]:
        """Return the ids of all tasks."""
        return [task.id for task in self.tasks_made]

    def make(self, request: VideoRequest, *, status: str | None = None, at: float | None = None, **made: Any) -> str:
        """Create a task for any caller, and return its id."""
        created_at = self.clock.now() if at is None else at
        task = WanTask(f"task-{len(self.tasks_made) + 1}", request, created_at, status, self.current, **made)
        self.tasks_made.append(task)
        return task.id

    def base_url(self, region: Region, model: str | None = None) -> str:
        return self.current

    def prepare(self, request: VideoRequest, addresses: ImageAddresses = NO_ADDRESSES) -> Callable[[], TaskAnswer]:
        if self.broken is not None:
            raise self.broken
        if not self.has_key:
            raise WanUnauthorized("KeyMissing", f"The stack's secret has no key {request.region!r}.")
        return lambda: self._post(request, addresses)

    def _post(self, request: VideoRequest, addresses: ImageAddresses) -> TaskAnswer:
        self.posts.append(request)
        self.sent.append(addresses)
        reply = self.replies.pop(0) if self.replies else Reply()
        task_id = self.make(request) if reply.accepted else ""
        self.during_post()
        if reply.error is not None:
            raise reply.error
        return TaskAnswer(task_id=task_id, status="PENDING", request_id="request-1", base_url=self.current)

    def query(self, region: Region, task_id: str, base_url: str | None = None) -> TaskAnswer:
        asked = self._asked(base_url)
        self.queries.append(task_id)
        self.during_query()
        if not self.answers:
            task = next((task for task in self.tasks_made if task.id == task_id), None)
            here = task is not None and task.base_url == asked
            answer = self._state(task) if task is not None and here else TaskAnswer(task_id, "UNKNOWN")
            return replace(answer, base_url=asked)
        scripted = self.answers.pop(0)
        if isinstance(scripted, Exception):
            raise scripted
        return replace(scripted, base_url=asked)

    def cancel(self, region: Region, task_id: str, base_url: str | None = None) -> None:
        asked = self._asked(base_url)
        self.cancels.append(task_id)
        reply = self.cancel_replies.pop(0) if self.cancel_replies else Reply()
        task = next((task for task in self.tasks_made if task.id == task_id and task.base_url == asked), None)
        refused = task is None or self._status(task) != "PENDING"
        if reply.accepted and task is not None and not refused:
            task.status = "CANCELED"
        if reply.error is not None:
            raise reply.error
        if refused:
            raise WanRefused("UnsupportedOperation", "Failed to cancel the task.", status=400)

    def tasks(self, region: Region, model: str, since: int, until: int, base_url: str | None = None) -> TaskList:
        asked = self._asked(base_url)
        self.lists += 1
        if self.list_errors:
            raise self.list_errors.pop(0)
        listed = [
            ListedTask(task.id, self._status(task), task.created_at)
            for task in self.tasks_made
            if (task.request.region, task.request.model, task.base_url) == (region, model, asked)
            and since <= task.created_at <= min(until, self.clock.now() - self.lag)
        ]
        return TaskList(asked, listed)

    def refresh_key(self, region: Region) -> bool:
        self.refreshes += 1
        return self.fresh_keys.pop(0) if self.fresh_keys else False

    def _asked(self, base_url: str | None) -> str:
        """Return the base URL that a query goes to, and record it."""
        asked = self.current if base_url in self.shut else base_url or self.current
        if asked in self.shut:
            raise WanUnauthorized("InvalidApiKey", "Invalid API-key provided.", status=401)
        self.asked.append(asked)
        return asked

    def _status(self, task: WanTask) -> str:
        over = self.clock.now() - task.created_at >= self.takes
        return task.status or ("SUCCEEDED" if over else "RUNNING")

    def _state(self, task: WanTask) -> TaskAnswer:
        status = self._status(task)
        if status != "SUCCEEDED":
            return TaskAnswer(task.id, status)
        asked, model = task.request, MODELS[task.request.model]
        return TaskAnswer(
            task.id,
            status,
            orig_prompt=asked.prompt,
            seconds=task.seconds or asked.most_seconds,
            size=asked.size if model.usage == "size" else None,
            tier=asked.tier if model.usage in ("size", "decimals", "length", "lengths") else None,
            ratio=(task.ratio or asked.ratio) if model.usage == "decimals" else None,
            video_url="https://x",
        )


def lost_tasks(wan: FakeWan, claims: Claims, videos: UnsettledVideos) -> LostTasks:
    """Return the search for lost tasks, without its pauses."""
    return LostTasks(wan, claims, videos, wan.clock, 600, pause=lambda _: None, stopwatch=lambda: 0.0)
