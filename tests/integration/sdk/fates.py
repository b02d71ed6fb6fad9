"""What happens to a video when Wan returns an error: our client and services with the simulator."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeTopic
from tests.integration.sdk.clients import own_client
from tools.harness.samples import request, running, starting
from wan_simulator.simulator import Simulator
from wan_video.domain.document import video_document
from wan_video.domain.models import Region
from wan_video.domain.video import Video
from wan_video.errors import WanError
from wan_video.services.announce import Announce
from wan_video.services.lost_tasks import LostTasks
from wan_video.services.poll import Poll
from wan_video.services.reconcile import Reconcile
from wan_video.services.report_failure import ReportFailure
from wan_video.services.submit import Outcome, Submit

_ID = "video_1"


@dataclass(frozen=True)
class Fate:
    """What callers see: status, condition and failure in the API, and the event of the topic."""

    status: str
    condition: str | None = None
    code: str | None = None
    message: str | None = None
    retryable: bool | None = None
    event: str | None = None
    raised: str | None = None


class Stack:
    """One video and its services, with a simulator."""

    def __init__(self, simulator: Simulator, video: Video) -> None:
        self.store, self.topic, clock = MemoryStore(video), FakeTopic(), FakeClock()
        client = own_client(simulator.base_url(), simulator.key())
        reconcile = Reconcile(self.store, LostTasks(client, self.store, self.store, clock, 600), clock, grace=600)
        self.submit = Submit(self.store, client, reconcile, clock)
        self.poll = Poll(self.store, client, clock)
        self.report_failure = ReportFailure(self.store, Announce(self.store, self.topic, clock), clock)

    def fate(self, raised: str | None = None) -> Fate:
        """Return the present state of the video."""
        shown = video_document(self.store.get(_ID), 0)
        error, condition = shown["error"] or {}, shown["condition"] or {}
        return Fate(
            status=shown["status"],
            condition=condition.get("code"),
            code=error.get("code"),
            message=error.get("message"),
            retryable=error.get("retryable"),
            event=self.topic.events[-1]["type"] if self.topic.events else None,
            raised=raised,
        )


def error_of_create(simulator: Simulator, code: str) -> WanError:
    """Return the error that our client raises when a creation is answered with `code`."""
    client = own_client(simulator.base_url(), simulator.key())
    try:
        client.prepare(request(prompt=f"a fox [simulate:{code}]"))()
    except WanError as error:
        return error
    raise AssertionError(f"{code} was not raised")


def error_of_query(simulator: Simulator) -> WanError:
    """Return the error that our client raises when a query gets the fault that is queued in the simulator."""
    try:
        own_client(simulator.base_url(), simulator.key()).query(Region.SINGAPORE, "any")
    except WanError as error:
        return error
    raise AssertionError("nothing was raised")


def refused_at_once(simulator: Simulator, code: str) -> Fate:
    """Return the fate of a video whose creation is answered with `code`."""
    stack = Stack(simulator, starting(_ID, request=request(prompt=f"a fox [simulate:{code}]")))
    try:
        submitted = stack.submit(_ID)
    except WanError as error:
        return stack.fate(raised=type(error).__name__)
    if submitted.outcome is Outcome.REFUSED:
        stack.report_failure(_ID)
    return stack.fate()


def failed_later(simulator: Simulator, code: str) -> Fate:
    """Return the fate of a video whose task is accepted and ends with `code`."""
    client = own_client(simulator.base_url(), simulator.key())
    task = client.prepare(request(prompt=f"a fox [simulate:task:{code}]"))()
    simulator.finish(task.task_id)
    stack = Stack(simulator, running(_ID))
    stack.poll(_ID, task.task_id, 1)
    stack.report_failure(_ID)
    return stack.fate()
