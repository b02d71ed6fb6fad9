"""What the simulated Wan does with a call: it checks the caller, takes the order, and reports how the task is."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from wan_simulator import answers
from wan_simulator.accounts import Accounts
from wan_simulator.answers import Json
from wan_simulator.clock import Clock
from wan_simulator.errors import RefusalError
from wan_simulator.films import Film, Studio
from wan_simulator.ledger import Ledger, prompt_digest
from wan_simulator.limits import QUERIES_PER_SECOND, RateLimit
from wan_simulator.links import LinkError, Signer, task_id_of
from wan_simulator.listing import Listing
from wan_simulator.models import MODELS
from wan_simulator.orders import Order, parse_order
from wan_simulator.quotas import QUOTA_ROUTES, Quota, QuotaRoute, Quotas, paged
from wan_simulator.retirements import Retirements
from wan_simulator.tasks import Failure, Lane, Latency, Phase, Task
from wan_simulator.triggers import Trigger, find_seconds, find_trigger
from wan_simulator.uploads import UPLOADS_PER_SECOND, Uploads
from wan_video.domain.models import MAX_SEED, Region

ListKey = Literal["data", "tasks", "both"]
"""The member of a list that holds its tasks: `data` is documented, `tasks` is what the SDK reads from 2.0 on."""


@dataclass(slots=True)
class Switches:
    """How this Wan behaves where the real one varies, or where a test needs it to.

    `rates` is whether limits of requests hold. `queue` is whether tasks beyond a quota of running tasks wait or are
    refused. `list_lag` is how many seconds of the clock pass before the list shows a new task. `list_key` is the member
    that holds the listed tasks. `quota_routes` are the paths of the quota API that exist. `retry_after` is the header
    of every 429 and 503; None leaves it out, for Wan documents none.
    """

    rates: bool = True
    queue: bool = True
    list_lag: float = 0.0
    list_key: ListKey = "data"
    quota_routes: Sequence[QuotaRoute] = QUOTA_ROUTES
    retry_after: str | None = "1"


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it arrived: its region, the relevant headers, the workspaces that it names, and an id for the answer.

    `host` is the workspace in the name of the host; None is a host that all workspaces share.
    """

    region: Region
    authorization: str | None
    asynchronous: bool
    resolves_oss: bool
    workspaces: tuple[str, ...]
    request_id: str
    host: str | None = None


@dataclass(slots=True)
class Wan:
    """All accounts, tasks and films of one simulator; every method may be called from any thread.

    `calls` counts what the limits admitted and refused, by what was called: "queries admitted", "wan2.6-t2v refused".
    A call that names no workspace counts for the first one of its region.
    """

    accounts: Accounts
    clock: Clock
    latency: Latency
    switches: Switches
    quotas: Quotas
    retirements: Retirements
    studio: Studio
    signer: Signer
    uploads: Uploads
    ledger: Ledger
    random: Random
    calls: Counter[str] = field(default_factory=Counter, init=False)
    _tasks: dict[str, Task] = field(default_factory=dict, init=False)
    _lanes: dict[tuple[Region, str], Lane] = field(default_factory=dict, init=False)
    _rates: dict[tuple[str, ...], RateLimit] = field(default_factory=dict, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def request_id(self) -> str:
        """Return a new id, which is repeatable if the simulator has a seed."""
        with self._lock:
            return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def receive(self, call: Call, body: bytes, fault: str | None) -> None:
        """Record that a create call has arrived, before anything else happens to it."""
        document = _json_or_none(body)
        given = document.get("input") if isinstance(document, dict) else None
        prompt = given.get("prompt") if isinstance(given, dict) else None
        self.ledger.write(
            "received",
            self.clock.now(),
            request_id=call.request_id,
            region=call.region,
            body_sha256=hashlib.sha256(body).hexdigest(),
            prompt_sha256=prompt_digest(prompt) if isinstance(prompt, str) else None,
            fault=fault,
        )

    def create(self, call: Call, body: bytes) -> Json:
        """Accept an order and create its task; raises RefusalError."""
        with self._lock:
            now = self.clock.now()
            try:
                task = self._accept(call, body, now)
            except RefusalError as refusal:
                facts = {"request_id": call.request_id, "region": call.region, "code": refusal.code}
                self.ledger.write("refused", now, **facts)
                raise
            self.ledger.write("accepted", now, request_id=call.request_id, **_facts(task))
            return answers.created(task, call.request_id)

    def query(self, call: Call, task_id: str) -> Json:
        """Report how a task is; raises RefusalError."""
        with self._lock:
            now = self._admit_question(call, "queries", QUERIES_PER_SECOND)
            task = self._known(call.region, task_id, now)
            if task is None:
                return answers.unknown(task_id, call.request_id)
            link = self.signer.link(task) if task.phase is Phase.SUCCEEDED else ""
            return answers.task_state(task, link, call.request_id)

    def list_tasks(self, call: Call, query: Mapping[str, str]) -> Json:
        """List the region's tasks, page by page; raises RefusalError."""
        with self._lock:
            now = self._admit_question(call, "lists", QUERIES_PER_SECOND)
            own = [task for task in self._tasks.values() if task.region == call.region]
            page = Listing.parse(query, now).page(own, now, self.switches.list_lag)
            tasks = page.pop("data")
            keys = ("data", "tasks") if self.switches.list_key == "both" else (self.switches.list_key,)
            return {**page, **dict.fromkeys(keys, tasks), "request_id": call.request_id}

    def list_quotas(self, call: Call, route: QuotaRoute, query: Mapping[str, str]) -> Json:
        """Say what the caller's workspace may do with each model; raises RefusalError.

        A route that is switched off is NotFound. Wan documents no limit of how often this may be asked.
        """
        with self._lock:
            self._admit_question(call, "quotas", None)
            if route not in self.switches.quota_routes:
                raise RefusalError("NotFound")
            page = self.quotas.page(call.region, self._workspace(call), query)
            return {"request_id": call.request_id, "output": page}

    def list_models(self, call: Call, query: Mapping[str, str]) -> Json:
        """Name the region's models, and when those that are to be retired go offline; raises RefusalError."""
        with self._lock:
            self._admit_question(call, "models", None)
            models = [
                {"model": model.name, "inference_offline_info": self.retirements.shown(call.region, model.name)}
                for model in MODELS.values()
                if call.region in model.limits
            ]
            return {"request_id": call.request_id, "output": paged("models", models, query)}

    def change_quota(self, region: Region, model: str, workspace: str | None, given: Mapping[str, object]) -> Quota:
        """Change a quota at once; tasks that already run are not stopped. Raises QuotaError."""
        with self._lock:
            self.settle()
            quota = self.quotas.change(region, model, workspace, given)
            self._resize_lane(region, model)
            return quota

    def reset_quotas(self) -> None:
        """Return to the limits that the models have by default."""
        with self._lock:
            self.settle()
            self.quotas.reset()
            for region, model in self._lanes:
                self._resize_lane(region, model)

    def cancel(self, call: Call, task_id: str) -> Json:
        """Cancel a task that has not started; raises RefusalError(UnsupportedOperation) for any other."""
        with self._lock:
            now = self._admit_question(call, "cancels", QUERIES_PER_SECOND)
            task = self._known(call.region, task_id, now)
            if task is None or task.phase is not Phase.PENDING:
                raise RefusalError("UnsupportedOperation")
            self._lanes[task.region, task.order.model.name].cancel(task, now)
            if task.failure is None:
                self.studio.forget(task)
            self.ledger.write("cancelled", now, **_facts(task))
            return answers.cancelled(call.request_id)

    def upload_policy(self, call: Call, query: Mapping[str, str]) -> Json:
        """Return a policy for uploading files for one model; raises RefusalError."""
        with self._lock:
            model = query.get("model", "")
            now = self._admit_question(call, f"uploads of {model}", UPLOADS_PER_SECOND)
            if query.get("action") != "getPolicy":
                raise RefusalError("InvalidParameter", "The type or value of action is out of definition.")
            if model not in MODELS:
                raise RefusalError("ModelNotFound", f"The model {model} does not exist.")
            policy = self.uploads.policy(call.region, model, now, name=self.request_id())
            return {"request_id": call.request_id, "data": policy}

    def upload(self, form: Mapping[str, str], content: bytes) -> None:
        """Store a file that a policy allows; raises LinkError."""
        with self._lock:
            self.uploads.receive(form, content, self.clock.now())

    def result(self, method: str, resource: str, query: dict[str, str]) -> tuple[Film, float]:
        """Return the film that a signed link opens and the moment when it was made; raises LinkError."""
        with self._lock:
            self.settle()
            self.signer.check(method, resource, query, self.clock.now())
            task = self._tasks.get(task_id_of(resource))
            if task is None or task.phase is not Phase.SUCCEEDED or task.ended_at is None:
                raise LinkError(404, "NoSuchKey", "The specified key does not exist.")
            return self.studio.film(task), task.ended_at

    def settle(self) -> None:
        """Bring all tasks up to the time of the clock, and bill those that have succeeded since."""
        with self._lock:
            now = self.clock.now()
            ended = [task for lane in self._lanes.values() for task in lane.settle(now, self.studio.made)]
            for task in sorted(ended, key=lambda task: task.ended_at or 0.0):
                self._book(task)

    def task(self, task_id: str) -> Task | None:
        """Return a task by its id as it is now, however old it is, or None."""
        with self._lock:
            self.settle()
            return self._tasks.get(task_id)

    def finish(self, task_id: str, patience: float) -> None:
        """Wait for a task's film and move the clock until the task has ended; raises KeyError, TimeoutError."""
        task = self._tasks[task_id]
        if task.failure is None:
            self.studio.wait(task, patience)
        while task.ended_at is None:
            with self._lock:
                self.clock.advance(max(self.latency.pending + self.latency.running, 1.0))
                self.settle()

    def _workspace(self, call: Call) -> str:
        return call.host or next(iter(call.workspaces), self.accounts.default_workspace(call.region))

    def _admit_question(self, call: Call, what: str, per_second: int | None) -> float:
        """Check the caller and the rate of a call that creates no task; returns its moment."""
        self.accounts.authorise(call.region, call.authorization, call.workspaces, call.host)
        if call.asynchronous:
            raise RefusalError("AccessDenied", "Current user api does not support asynchronous calls.")
        now = self.clock.now()
        self._meter(what, now, {(call.region, what): (per_second, 1)})
        self.settle()
        return now

    def _known(self, region: Region, task_id: str, now: float) -> Task | None:
        task = self._tasks.get(task_id)
        return task if task is not None and task.region == region and task.is_kept(now) else None

    def _accept(self, call: Call, body: bytes, now: float) -> Task:
        self.accounts.authorise(call.region, call.authorization, call.workspaces, call.host)
        if not call.asynchronous:
            raise RefusalError("AccessDenied", "current user api does not support synchronous calls.")
        order = parse_order(_json_or_none(body), call.region, self.random.randint(0, MAX_SEED))
        if self.retirements.is_offline(call.region, order.model.name, now) or (
            call.host is None and call.region in order.model.workspace_only
        ):
            raise RefusalError("Endpoint.AccessDenied")
        lane = self._admit(order, call.region, self._workspace(call), now)
        trigger = find_trigger(order.prompt)
        if trigger and not trigger.in_task:
            raise RefusalError(trigger.code, trigger.message)
        sound = self._content(call, order, order.audio_url, now)
        images = [self._content(call, order, image, now) for image in order.images]
        seconds = find_seconds(order.prompt)
        task = Task(
            id=self.request_id(),
            region=call.region,
            order=order,
            seed=order.seed,
            submitted_at=now,
            failure=_failure(
                order, trigger, is_complete=None not in images and (sound is not None or not order.audio_url)
            ),
            request_id=call.request_id,
            workspace=self._workspace(call),
            sound=sound,
            images=tuple(image for image in images if image is not None),
            latency=None if seconds is None else Latency.of(seconds),
        )
        if task.failure is None:
            self.studio.commission(task)
        self._tasks[task.id] = task
        lane.add(task)
        return task

    def _content(self, call: Call, order: Order, url: str | None, now: float) -> str | bytes | None:
        """Return where audio or an image comes from; None also for an oss:// URL that is not valid."""
        if url is None or not url.lower().startswith("oss://"):
            return url
        return self.uploads.find(url, call.region, order.model.name, now) if call.resolves_oss else None

    def _admit(self, order: Order, region: Region, workspace: str, now: float) -> Lane:
        """Check the quotas of the model and of the workspace; returns the lane for the order."""
        name = order.model.name
        quota = self.quotas.of_model(region, name)
        own = self.quotas.of_workspace(region, workspace, name) or Quota()
        windows: dict[tuple[str, ...], tuple[int | None, float]] = {
            (region, name): (quota.request_limit, quota.request_limit_period),
            (region, name, workspace): (own.request_limit, own.request_limit_period),
        }
        self._meter(name, now, windows)
        self.settle()
        lane = self._resize_lane(region, name)
        queues = (quota.async_user_queue_limit, own.async_user_queue_limit) if self.switches.queue else (0, 0)
        if not lane.has_room(workspace, *queues):
            self.calls[f"{name} refused"] += 1
            # Wan does not document which code answers a full queue.
            raise RefusalError("Throttling.Concurrency" if self.switches.queue else "Throttling")
        return lane

    def _resize_lane(self, region: Region, model: str) -> Lane:
        places = self.quotas.of_model(region, model).async_user_concurrency_limit
        workspaces = self.quotas.workspaces(region, model)
        lane = self._lanes.setdefault((region, model), Lane(places, self.latency))
        own = {workspace: quota.async_user_concurrency_limit for workspace, quota in workspaces.items()}
        lane.resize(places, own, self.clock.now())
        return lane

    def _meter(self, what: str, now: float, windows: Mapping[tuple[str, ...], tuple[int | None, float]]) -> None:
        """Count a call of `what` in all its windows, or refuse it where one is full; raises RefusalError."""
        rates = []
        for key, (most, period) in windows.items():
            rate = self._rates.setdefault(key, RateLimit(most))
            rate.most, rate.period = most, period
            rates.append(rate)
        if self.switches.rates:
            if not all(rate.has_room(now) for rate in rates):
                self.calls[f"{what} refused"] += 1
                raise RefusalError("Throttling.RateQuota")
            for rate in rates:
                rate.count(now)
        self.calls[f"{what} admitted"] += 1

    def _book(self, task: Task) -> None:
        assert task.ended_at is not None
        if task.failure:
            self.ledger.write("failed", task.ended_at, **_facts(task), code=task.failure.code)
            return
        film = self.studio.film(task)
        facts = _facts(task) | {"audio": task.order.audio, "images_sha256": list(task.image_digests)}
        self.ledger.write("billed", task.ended_at, **facts, bytes=film.size, sha256=film.sha256)


def _facts(task: Task) -> Json:
    order = task.order
    return {
        "task_id": task.id,
        "region": task.region,
        "model": order.model.name,
        "size": str(order.size),
        "seconds": order.seconds,
        "seed": task.seed,
        "prompt_sha256": prompt_digest(order.prompt),
    }


def _failure(order: Order, trigger: Trigger | None, *, is_complete: bool) -> Failure | None:
    """Return why a task will fail, if that is known when it is created; `is_complete` if its oss:// files are here."""
    if trigger:
        return Failure(trigger.code, trigger.message)
    if order.fault:
        return Failure("InvalidParameter", order.fault)
    if not order.makes_size:
        return Failure("InvalidParameter", f"The size is not match {order.size.width}*{order.size.height}")
    if not is_complete:
        return Failure.of("InvalidParameter.DataInspection")
    return None


def _json_or_none(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document
