"""The messages of a run while it waits for a video, and when it is stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from wan_video_local.client import Video
from wan_video_local.screen import Screen

QUIET_SECONDS = 30.0
"""Real seconds without a change after which a line says that the wait continues."""


class PaidTaskLeft(KeyboardInterrupt):
    """Raised when a run is stopped after Wan may have accepted a billed task; the message says what to do."""


@dataclass
class Waiting:
    """Shows every reading of a video on the live line, and important changes on a line of their own."""

    screen: Screen
    base_url: str = ""
    """The base URL of the real service; empty for the simulator."""
    clock: Callable[[], float] = time.monotonic
    _last: tuple[object, ...] = ()
    _said_at: float = 0.0
    _task_id: str = field(default="", init=False)

    def seen(self, video: Video) -> None:
        """Show a reading."""
        upstream = video["upstream"] or {}
        self._task_id = upstream.get("task_id") or self._task_id
        condition = video["condition"] or {}
        self.screen.now(f"{video['status']} {video['progress']} %")
        now, state = self.clock(), (video["status"], upstream.get("status"), condition.get("code"))
        if state != self._last:
            if condition:
                self.screen.stage(f"{video['status']}: {condition['message']}")
            self._last, self._said_at = state, now
        elif now - self._said_at >= QUIET_SECONDS:
            self.screen.stage(self._still(video))
            self._said_at = now

    def stopped(self, video_id: str) -> KeyboardInterrupt:
        """Return the error of a run that is stopped while it waits."""
        if not self.base_url:
            return KeyboardInterrupt()
        tasks = f"{self.base_url}/tasks"
        if self._task_id:
            return PaidTaskLeft(
                f"Interrupted. Task {self._task_id} of {video_id} continues at Wan and is billed if it succeeds.\n"
                f"Its result can be fetched for 24 hours:\n"
                f'  curl --fail-with-body -H "Authorization: Bearer $DASHSCOPE_API_KEY" {tasks}/{self._task_id}'
            )
        return PaidTaskLeft(
            f"Interrupted. Wan may just have accepted {video_id}; in that case its list shows the task:\n"
            f'  curl --fail-with-body -H "Authorization: Bearer $DASHSCOPE_API_KEY" {tasks}'
        )

    def _still(self, video: Video) -> str:
        if self.base_url and not self._task_id:
            host = self.base_url.split("/")[2]
            return f"Wan has not accepted it yet; {host} is tried again until it answers. Ctrl-C stops this at no cost."
        return f"still {video['status']}, {video['progress']} %"
