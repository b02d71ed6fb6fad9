"""Waiting for a video, with a clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from wan_video_cli.api import Reading
from wan_video_cli.errors import CommandError, Interrupted, Refused, StillUnderWay, Unreachable
from wan_video_cli.waiting import DAY, MISSES, SOON, wait
from wan_video_cli.words import Document


def video(status: str = "queued", progress: int = 0) -> dict[str, Any]:
    return {"id": "video_1", "status": status, "progress": progress, "queue_position": 3, "upstream": None}


LOST = Unreachable("The API cannot be reached.")


@dataclass
class World:
    """A clock, and an API that returns prepared answers in order, and the last one forever."""

    answers: list[Reading | CommandError | KeyboardInterrupt]
    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    seen_statuses: list[str] = field(default_factory=list)
    misses: int = 0

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def read(self) -> Reading:
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Reading):
            return answer
        raise answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def seen(self, video: Document) -> None:
        self.seen_statuses.append(video["status"])

    def missed(self, error: CommandError) -> None:
        self.misses += 1

    def wait(self, **options: Any) -> Document:
        return wait(self.read, video(), self, clock=self.clock, pause=self.pause, **options)


def test_a_wait_polls_at_the_apis_pace_and_shows_every_answer() -> None:
    world = World([Reading(video("in_progress", 5), 30.0), Reading(video("completed", 100), None)])
    assert world.wait()["status"] == "completed"
    assert world.pauses == [SOON, 30.0]
    assert world.seen_statuses == ["queued", "in_progress", "completed"]


def test_the_users_own_pace_takes_precedence_over_the_apis() -> None:
    world = World([Reading(video("in_progress", 5), 30.0), Reading(video("failed"), None)])
    assert world.wait(every=2.0)["status"] == "failed"
    assert world.pauses == [2.0, 2.0]


def test_a_wait_ends_at_its_limit_after_a_last_poll() -> None:
    world = World([Reading(video("in_progress", 5), 15.0)])
    with pytest.raises(StillUnderWay, match="still under way after 20s: in progress") as caught:
        world.wait(timeout=20.0)
    assert world.pauses == [SOON, 15.0, 4.0]
    assert caught.value.document["status"] == "in_progress"
    assert "wan-video wait video_1" in caught.value.remedy


def test_a_wait_ends_after_a_day_by_default() -> None:
    world = World([Reading(video(), 15.0)])
    with pytest.raises(StillUnderWay, match="24h") as caught:
        world.wait()
    assert world.now == DAY
    assert "wan-video cancel video_1" in caught.value.remedy


def test_a_wait_survives_an_outage_that_ends() -> None:
    outage: list[Reading | CommandError | KeyboardInterrupt] = [LOST] * MISSES
    back = Reading(video("in_progress", 5), 15.0)
    world = World([*outage, back, *outage, Reading(video("completed", 100), None)])
    assert world.wait()["status"] == "completed"
    assert world.misses == 2 * MISSES


def test_a_long_outage_ends_the_wait_and_says_how_to_continue() -> None:
    world = World([Unreachable("The API cannot be reached.")])
    with pytest.raises(Unreachable) as caught:
        world.wait()
    assert world.misses == MISSES
    assert "wan-video wait video_1" in caught.value.remedy


def test_throttling_counts_as_an_outage_and_any_other_refusal_ends_the_wait() -> None:
    world = World([Refused("slowly", status=429), Reading(video("completed", 100), None)])
    assert world.wait()["status"] == "completed"
    world = World([Refused("no such token", status=401)])
    with pytest.raises(Refused):
        world.wait()
    assert world.misses == 0


def test_ctrl_c_ends_only_the_wait() -> None:
    world = World([Reading(video("in_progress", 5), 15.0), KeyboardInterrupt()])
    with pytest.raises(Interrupted, match="continues without this command") as caught:
        world.wait()
    assert caught.value.document["progress"] == 5
    assert "cancel" not in caught.value.remedy
