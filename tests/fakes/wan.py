"""Wan in memory: scripted answers, and a count of every POST and of every task that would be billed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wan_video.domain.models import Region
from wan_video.domain.request import VideoRequest
from wan_video.errors import WanUnauthorized
from wan_video.ports import TaskAnswer


@dataclass(frozen=True)
class Reply:
    """What one POST comes to: whether Wan accepts the task, and the error the caller gets instead of the answer."""

    accepted: bool = True
    error: BaseException | None = None


@dataclass
class FakeWan:
    """The port `Wan`. A POST without a scripted reply is accepted and answered."""

    replies: list[Reply] = field(default_factory=list)
    answers: list[TaskAnswer | Exception] = field(default_factory=list)
    fresh_keys: list[bool] = field(default_factory=list)
    has_key: bool = True
    broken: Exception | None = None
    posts: list[VideoRequest] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    refreshes: int = 0
    during_post: Callable[[], object] = lambda: None

    def prepare(self, request: VideoRequest) -> Callable[[], TaskAnswer]:
        if self.broken is not None:
            raise self.broken
        if not self.has_key:
            raise WanUnauthorized("KeyMissing", f"The stack's secret has no key {request.region!r}.")
        return lambda: self._post(request)

    def _post(self, request: VideoRequest) -> TaskAnswer:
        self.posts.append(request)
        reply = self.replies.pop(0) if self.replies else Reply()
        if reply.accepted:
            self.tasks.append(f"task-{len(self.tasks) + 1}")
        self.during_post()
        if reply.error is not None:
            raise reply.error
        return TaskAnswer(task_id=self.tasks[-1], status="PENDING", request_id="request-1")

    def query(self, region: Region, task_id: str) -> TaskAnswer:
        self.queries.append(task_id)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def refresh_key(self, region: Region) -> bool:
        self.refreshes += 1
        return self.fresh_keys.pop(0) if self.fresh_keys else False
