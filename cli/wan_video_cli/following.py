"""The end of every command that makes a video or waits for one: wait, save, and show the result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from wan_video_cli.api import Api, Document
from wan_video_cli.download import download, file_name, prepare_folder
from wan_video_cli.errors import VideoNotMade
from wan_video_cli.screen import emit, say
from wan_video_cli.waiting import wait
from wan_video_cli.watchers import watcher
from wan_video_cli.words import expected_price, is_final, price, span, standing, trouble, wanted


@dataclass(frozen=True)
class HowFar:
    """How to follow a video or batch: the `folder` to save it in (implies waiting), seconds, and the output format."""

    waits: bool
    folder: Path | None
    timeout: float
    every: float | None
    force: bool
    as_json: bool

    def prepare(self) -> None:
        """Check that the result can be saved, before anything is billed. Raises NotUsable."""
        if self.folder is not None:
            prepare_folder(self.folder)


class Following(HowFar):
    """Follows a video."""

    def show(self, api: Api, video: Document) -> None:
        """Follow a video and show it.

        Raises VideoNotMade if the video ends without content, and the errors of waiting and saving.
        """
        if self.waits or self.folder is not None:
            self._to_the_end(api, video)
        elif self.as_json:
            emit(video)
        else:
            say(f"{standing(video).capitalize()}: {wanted(video)}, {expected_price(video['estimate'])}.")
            print(video["id"])
            say(f"`wan-video wait {video['id']} --download .` downloads it.")

    def _to_the_end(self, api: Api, video: Document) -> None:
        started = time.monotonic()
        if not is_final(video):
            say(f"{video['id']}: {wanted(video)}, {expected_price(video['estimate'])}.")
        video = wait(lambda: api.video(video["id"]), video, watcher(), timeout=self.timeout, every=self.every)
        if video["status"] != "completed":
            raise VideoNotMade(*_why(video), document=video)
        path = None
        if self.folder is not None:
            path = self.folder / file_name(video["id"])
            # A file appears under this name only as a whole, so an existing file was saved by an earlier command.
            if path.exists() and not self.force:
                say(f"{path} already exists; --force replaces it.")
            else:
                download(api, video["id"], path, force=self.force)
        if self.as_json:
            emit({**video, "path": str(path)} if path else video)
            return
        paid = price(video["usage"])
        say(f"Completed after {span(time.monotonic() - started)}{f', {paid}' if paid else ''}.")
        print(path or video["id"])


def _why(video: Document) -> tuple[str, str]:
    """Explain why a video has no content, and what to do."""
    error = video.get("error") or {}
    again = f"`wan-video retry {video['id']}` makes it again, as a new video."
    remedy = again if error.get("retryable") else f"The same request would fail again; {again}"
    reason = trouble(video)
    what = f"{video['id']} is {video['status']}{f': {reason}' if reason else '.'}"
    return what, again if video["status"] == "cancelled" else remedy
