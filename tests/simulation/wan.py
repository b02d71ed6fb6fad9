"""Wan at the port: an account whose tasks take time, whose list lags, and whose answers get lost.

It keeps the ledger of the simulator, from which the checker learns what was sent, accepted and billed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tests.chaos.checker import digest
from tests.simulation.images import read_address
from tests.simulation.settings import GRACE_SECONDS
from wan_video.domain.image import NO_ADDRESSES, ImageAddresses
from wan_video.domain.models import ADAPTIVE, MODELS
from wan_video.domain.quota import Quota
from wan_video.domain.task import TASK_LIFE_SECONDS, ListedTask, TaskAnswer, TaskList, TaskStatus
from wan_video.errors import (
    WanRefused,
    WanThrottled,
    WanUnauthorized,
    WanUnavailable,
    WanUncertain,
    WanUnreachable,
)
from wan_video.services.lost_tasks import ACCEPTED_WITHIN_SECONDS

if TYPE_CHECKING:
    from tests.simulation.decisions import Draw
    from tests.simulation.world import World
    from wan_video.domain.models import Region
    from wan_video.domain.request import VideoRequest

T = TypeVar("T")

BASE_URL: Final = "https://wan.simulation/api/v1"
LINK: Final = "https://dashscope-result.oss-eu-central-1.aliyuncs.com/{}.mp4"
FOREIGN: Final = "https://elsewhere.invalid/{}.mp4"
LONGEST_LAG_SECONDS: Final = 240.0
LATEST_ACCEPTANCE_SECONDS: Final = 270.0
"""Both together are shorter than the grace period, as decision 10 demands.

The product counts from the moment at which it notes that it is about to submit, which is some seconds before Wan
receives the submission; a task with an image that is created later than IMAGE_WITHIN_SECONDS after that is held.
This number does not follow the product's, so that a window which becomes shorter is noticed.
"""

FAILS: Final = "[simulate:task:"
"""What the prompts of tasks contain that fail."""

AFTER_THE_GRACE: Final = (GRACE_SECONDS, ACCEPTED_WITHIN_SECONDS - LONGEST_LAG_SECONDS)
"""Seconds after which Wan accepts a submission in histories of late tasks: the list then shows its task too late.

Only a submission whose later ones fail, which costs nothing, is accepted so late: two tasks that are billed would be
what decision 10 excludes. The task itself does not fail, so `sweep` has to find it.
"""

Shares = tuple[tuple[str, float], ...]
CREATE: Final[Shares] = (
    ("throttle", 0.04),
    ("unreachable", 0.03),
    ("lost_before", 0.06),
    ("lost_after", 0.10),
    ("accepted_late", 0.03),
)
QUERY: Final[Shares] = (
    ("lost", 0.07),
    ("throttle", 0.03),
    ("unreachable", 0.02),
    ("unknown", 0.015),
    ("no_link", 0.015),
    ("foreign_host", 0.03),
)
LATE_SHARE: Final = 0.7
"""The share of submissions that are accepted after the grace period, in histories of late tasks."""

LIST: Final[Shares] = (("lost", 0.08), ("throttle", 0.03), ("unreachable", 0.03))
CANCEL: Final[Shares] = (("lost_before", 0.05), ("lost_after", 0.05), ("unreachable", 0.03))
QUOTA: Final[Shares] = (("lost", 0.1), ("throttle", 0.05))


@dataclass
class Task:
    """One task. It is PENDING until `begins`, and ends at `ends` (Unix seconds) unless it is cancelled."""

    id: str
    request: VideoRequest
    created_at: float
    shown_at: float
    begins: float
    ends: float
    fails: bool
    request_id: str
    cancelled: bool = False
    images: tuple[str | None, ...] = ()
    """The SHA-256 of each image that the video is made from; None for one that was gone when the task began."""


class Account:
    """Wan's side: tasks, the key that is valid, the quota, and the ledger."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tasks: dict[str, Task] = {}
        self.ledger: list[dict[str, Any]] = []
        self.key = "key-1"
        self.quota = Quota(running=2, waiting=2)
        self._requests = 0
        self.late_prompts: set[str] = set()
        """The prompts of tasks that were, or will be, accepted after the grace period."""

    def note(self, event: str, **facts: Any) -> None:
        """Add an entry to the ledger."""
        self.ledger.append({"event": event, "at": self.world.scheduler.now, **facts})
        self.world.story.add(f"Wan {event}", **facts)

    def request_id(self) -> str:
        """Return the id of a request."""
        self._requests += 1
        return f"request-{self._requests}"

    def may_be_late(self, request: VideoRequest) -> bool:
        """Return whether a submission may be accepted after the grace period: only the first one with its prompt."""
        if (
            not self.world.late_tasks
            or FAILS not in request.prompt
            or request.images
            or request.prompt in self.late_prompts
        ):
            return False
        return not any(task.request.prompt == request.prompt for task in self.tasks.values())

    def accept_after_the_grace(self, request: VideoRequest, request_id: str, draw: Draw) -> None:
        """Create a task that does not fail, when it is no longer expected."""
        self.late_prompts.add(request.prompt)
        moment = self.world.scheduler.now + draw.between(*AFTER_THE_GRACE, 6)

        def accept() -> None:
            self.accept(request, request_id, late=True)

        self.world.scheduler.at(moment, accept)

    def accept(
        self,
        request: VideoRequest,
        request_id: str,
        addresses: ImageAddresses = NO_ADDRESSES,
        *,
        late: bool = False,
    ) -> Task:
        """Create a task."""
        world = self.world
        same = sum(task.request.prompt == request.prompt for task in self.tasks.values())
        name = f"{digest(request.prompt)[:12]}-{same + 1}"
        draw = world.decisions.draw(f"task/{name}")
        now = world.scheduler.now
        slow = 4.0 if draw.number(0) < 0.1 else 1.0
        begins = now + draw.between(0.0, 40.0, 1) * slow
        task = Task(
            id=f"task-{name}",
            request=request,
            created_at=now,
            shown_at=now + (draw.between(0.0, LONGEST_LAG_SECONDS, 2) if draw.number(3) < 0.3 else 5.0),
            begins=begins,
            ends=begins + draw.between(20.0, 240.0, 4) * slow,
            fails=FAILS in request.prompt and not late,
            request_id=request_id,
        )
        self.tasks[task.id] = task
        stated = [address for address in (addresses.first_frame, addresses.last_frame) if address is not None]
        if stated:
            world.scheduler.at(task.begins, lambda: self._download(task, stated))
        self.note("accepted", task_id=task.id, request_id=request_id, **facts_of(request))
        self.let_end(task)
        return task

    def let_end(self, task: Task) -> None:
        """Let a task end when its time has come."""
        self.world.scheduler.at(task.ends, lambda: self._end(task))

    def _download(self, task: Task, addresses: Sequence[str]) -> None:
        """Read the images of a task that begins; a task whose image is gone fails."""
        task.images = tuple(read_address(self.world, address) for address in addresses)
        task.fails = task.fails or None in task.images

    def _end(self, task: Task) -> None:
        if task.cancelled:
            return
        if task.fails:
            self.note("failed", task_id=task.id, **facts_of(task.request))
        else:
            facts = {**facts_of(task.request), "images_sha256": list(task.images)}
            self.note("billed", task_id=task.id, sha256=film_of(task.id), **facts)

    def status(self, task: Task) -> str:
        """Return the status of a task as Wan names it."""
        now = self.world.scheduler.now
        if task.cancelled:
            return TaskStatus.CANCELED
        if now >= task.ends:
            return TaskStatus.FAILED if task.fails else TaskStatus.SUCCEEDED
        return TaskStatus.RUNNING if now >= task.begins else TaskStatus.PENDING

    def kept(self, task_id: str) -> Task | None:
        """Return a task that Wan still keeps."""
        task = self.tasks.get(task_id)
        if task is None or self.world.scheduler.now - task.created_at > TASK_LIFE_SECONDS:
            return None
        return task

    def unfinished(self, model: str) -> int:
        """Return the number of tasks of a model that have not ended."""
        return sum(
            task.request.model == model and self.status(task) in (TaskStatus.PENDING, TaskStatus.RUNNING)
            for task in self.tasks.values()
        )


def film_of(task_id: str) -> str:
    """Return what stands for the SHA-256 of the video that a task made."""
    return f"film of {task_id}"


def facts_of(request: VideoRequest) -> dict[str, Any]:
    """Return what an entry of the ledger says about a request."""
    return {"prompt_sha256": digest(request.prompt), "seconds": request.most_seconds}


class SimulatedWan:
    """The ports `Wan`, `Uploads` and `WanQuotas`; each function keeps the key that it has read last."""

    def __init__(self, current: Callable[[], World]) -> None:
        self._current = current

    @property
    def account(self) -> Account:
        return self._current().wan

    def base_url(self, region: Region, model: str | None = None) -> str:
        return BASE_URL

    def prepare(self, request: VideoRequest, addresses: ImageAddresses = NO_ADDRESSES) -> Callable[[], TaskAnswer]:
        if len(request.images) != sum(one is not None for one in (addresses.first_frame, addresses.last_frame)):
            raise ValueError(f"{len(request.images)} images have other addresses")
        key = self._key()
        return lambda: self._create(request, key, addresses)

    def _create(self, request: VideoRequest, key: str, addresses: ImageAddresses) -> TaskAnswer:
        world, account = self._current(), self.account
        call = world.call("wan.create", CREATE, world.decisions.rates.wan)
        kind, request_id = call.fault, account.request_id()
        if kind == "unreachable":
            call.end()
            raise WanUnreachable("ConnectionFailed", "No connection to Wan.")
        refused = self._refusal(request, key, kind)
        received = {"request_id": request_id, "fault": "refuse" if kind == "throttle" else kind, **facts_of(request)}
        account.note("received", **received)
        if refused is not None:
            account.note("refused", request_id=request_id, **facts_of(request))
            call.end()
            raise refused
        if (
            kind != "throttle"
            and account.may_be_late(request)
            and world.decisions.happens(f"{request_id}=accepted_after_the_grace", call.draw.number(5), LATE_SHARE)
        ):
            account.accept_after_the_grace(request, request_id, call.draw)
            kind = "lost_before"
        if kind == "accepted_late":
            later = call.draw.between(1.0, LATEST_ACCEPTANCE_SECONDS, 6)
            world.scheduler.at(
                world.scheduler.now + later, lambda: _accept_later(account, request, request_id, addresses)
            )
        task = account.accept(request, request_id, addresses) if kind in (None, "lost_after") else None
        call.end(20.0 if kind in ("accepted_late", "lost_before") and call.draw.number(7) < 0.5 else 0.0)
        if task is None or kind is not None:
            raise WanUncertain("AnswerLost", f"the answer is lost ({kind})")
        return TaskAnswer(task.id, TaskStatus.PENDING, request_id=request_id, base_url=BASE_URL)

    def _refusal(self, request: VideoRequest, key: str, kind: str | None) -> Exception | None:
        if kind == "throttle":
            return WanThrottled("Throttling.RateQuota", "Requests rate limit exceeded.", status=429)
        if key != self.account.key:
            return WanUnauthorized("InvalidApiKey", "Invalid API-key provided.", status=401)
        if "[simulate:DataInspectionFailed]" in request.prompt:
            return WanRefused("DataInspectionFailed", "Input data may contain inappropriate content.", status=400)
        limit = (self.account.quota.running or 0) + (self.account.quota.waiting or 0)
        if self.account.unfinished(request.model) >= limit:
            return WanThrottled("Throttling.AllocationQuota", "Allocated quota exceeded.", status=429)
        return None

    def query(self, region: Region, task_id: str, base_url: str | None = None) -> TaskAnswer:
        return self._with_good_key("wan.query", QUERY, lambda kind: self._answer(task_id, kind))

    def _answer(self, task_id: str, kind: str | None) -> TaskAnswer:
        task = self.account.kept(task_id)
        if task is None or kind == "unknown":
            return TaskAnswer(task_id, TaskStatus.UNKNOWN, base_url=BASE_URL)
        status = self.account.status(task)
        if status != TaskStatus.SUCCEEDED:
            code = "InternalError" if status == TaskStatus.FAILED else None
            return TaskAnswer(task_id, status, code=code, message=code, base_url=BASE_URL)
        asked, model = task.request, MODELS[task.request.model]
        link = None if kind == "no_link" else (FOREIGN if kind == "foreign_host" else LINK).format(task_id)
        return TaskAnswer(
            task_id,
            status,
            orig_prompt=asked.prompt,
            seconds=asked.most_seconds,
            size=asked.size if model.usage == "size" else None,
            tier=asked.tier if model.usage in ("size", "decimals") else None,
            ratio=("16:9" if asked.ratio == ADAPTIVE else asked.ratio) if model.usage == "decimals" else None,
            video_url=link,
            base_url=BASE_URL,
        )

    def cancel(self, region: Region, task_id: str, base_url: str | None = None) -> None:
        self._with_good_key("wan.cancel", CANCEL, lambda kind: self._cancel(task_id, kind))

    def _cancel(self, task_id: str, kind: str | None) -> None:
        task = self.account.kept(task_id)
        if kind == "lost_before":
            raise WanUnavailable("AnswerLost", "the answer is lost")
        if task is None or self.account.status(task) != TaskStatus.PENDING:
            raise WanRefused("UnsupportedOperation", "Failed to cancel the task.", status=400)
        task.cancelled = True
        self.account.note("cancelled", task_id=task_id, **facts_of(task.request))
        if kind == "lost_after":
            raise WanUnavailable("AnswerLost", "the answer is lost")

    def tasks(self, region: Region, model: str, since: int, until: int, base_url: str | None = None) -> TaskList:
        return self._with_good_key("wan.list", LIST, lambda _: self._list(region, model, since, until))

    def _list(self, region: Region, model: str, since: int, until: int) -> TaskList:
        now = self._current().scheduler.now
        found = [
            ListedTask(task.id, self.account.status(task), task.created_at)
            for task in self.account.tasks.values()
            if (task.request.region, task.request.model) == (region, model)
            and since <= task.created_at <= until
            and task.shown_at <= now
            and self.account.kept(task.id) is not None
        ]
        return TaskList(BASE_URL, found)

    def quota(self, region: Region, model: str) -> Quota | None:
        return self._with_good_key("wan.quota", QUOTA, lambda _: self.account.quota)

    def retirements(self, region: Region) -> Mapping[str, int | None]:
        return self._with_good_key("wan.models", QUOTA, lambda _: dict.fromkeys(sorted(MODELS)))

    def policy(self, region: Region, model: str) -> Mapping[str, Any]:
        raise NotImplementedError

    def refresh_key(self, region: Region) -> bool:
        world = self._current()
        world.aws("secretsmanager.get_secret_value", lambda: None, writes=False)
        word = world.scheduler.current().word
        changed = world.keys.get(word) != world.secret
        world.keys[word] = world.secret
        return changed

    def _key(self) -> str:
        world = self._current()
        word = world.scheduler.current().word
        if word not in world.keys:
            world.aws("secretsmanager.get_secret_value", lambda: None, writes=False)
            world.keys[word] = world.secret
        return world.keys[word]

    def _with_good_key(self, operation: str, shares: Shares, act: Callable[[str | None], T]) -> T:
        try:
            return self._asked(operation, shares, act)
        except WanUnauthorized:
            if not self.refresh_key("frankfurt"):  # type: ignore[arg-type]
                raise
            return self._asked(operation, shares, act)

    def _asked(self, operation: str, shares: Shares, act: Callable[[str | None], T]) -> T:
        world = self._current()
        key = self._key()
        call = world.call(operation, shares, world.decisions.rates.wan)
        if call.fault == "unreachable":
            call.end()
            raise WanUnreachable("ConnectionFailed", "No connection to Wan.")
        if call.fault == "throttle":
            call.end()
            raise WanThrottled("Throttling", "Requests rate limit exceeded.", status=429)
        if call.fault == "lost":
            call.end()
            raise WanUnavailable("AnswerLost", "the answer is lost")
        if key != self.account.key:
            call.end()
            raise WanUnauthorized("InvalidApiKey", "Invalid API-key provided.", status=401)
        try:
            return act(call.fault)
        finally:
            call.end()


def _accept_later(account: Account, request: VideoRequest, request_id: str, addresses: ImageAddresses) -> None:
    account.accept(request, request_id, addresses)
