"""A small client of the stack's REST API, by which every local run requests its video."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

FINAL = ("completed", "failed", "cancelled", "expired")
CHUNK_BYTES = 1 << 20
HEALTH_ATTEMPTS = 3

Video = Mapping[str, Any]


class RequestRefusedError(Exception):
    """Raised when the API refuses a request; `status` is its HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"The API refused the request ({status}): {detail}")
        self.status = status
        self.detail = detail


class TooSlowError(Exception):
    """Raised when a video was not final within the given time, in real seconds."""

    def __init__(self, video_id: str, status: str, seconds: float) -> None:
        super().__init__(f"Video {video_id} was still {status} after {seconds:.0f} seconds.")
        self.video_id = video_id
        self.status = status


def check_health(api_url: str) -> None:
    """Request the API's health, which needs no token. Raises RequestRefusedError.

    On a busy machine the first call, which unpacks the code, may take longer than the function's time-out.
    """
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(HEALTH_ATTEMPTS - 1):
            if session.get(f"{api_url}/healthz", timeout=60).ok:
                return
        _json(session.get(f"{api_url}/healthz", timeout=60))


class Client:
    """Calls one API with one bearer token, without a proxy."""

    def __init__(self, api_url: str, token: str) -> None:
        self._url = api_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def create(self, request: Mapping[str, Any], *, dry_run: bool = False) -> Video:
        """Request a video, or with `dry_run` only its price. Raises RequestRefusedError."""
        answer = self._session.post(
            f"{self._url}/v1/videos", json=dict(request), params={"dry_run": "true"} if dry_run else None, timeout=60
        )
        return _json(answer)

    def import_task(self, task_id: str, request: Mapping[str, Any]) -> Video:
        """Import a task that exists at Wan, with its request. Raises RequestRefusedError."""
        body = {**request, "task_id": task_id}
        return _json(self._session.post(f"{self._url}/v1/videos/import", json=body, timeout=60))

    def video(self, video_id: str) -> Video:
        """Get a video. Raises RequestRefusedError."""
        return _json(self._session.get(f"{self._url}/v1/videos/{video_id}", timeout=60))

    def model(self, name: str) -> Mapping[str, Any]:
        """Get a model, with its limits. Raises RequestRefusedError."""
        return _json(self._session.get(f"{self._url}/v1/models/{name}", timeout=60))

    def newest(self, limit: int) -> Sequence[Video]:
        """List the caller's newest videos, at most 100. Raises RequestRefusedError."""
        page = _json(self._session.get(f"{self._url}/v1/videos", params={"limit": limit}, timeout=60))
        videos: Sequence[Video] = page["data"]
        return videos

    def await_final(
        self, video_id: str, *, within: float, every: float = 0.5, watch: Callable[[Video], None] = lambda _: None
    ) -> Video:
        """Read the video every `every` real seconds until its status is final, and pass each reading to `watch`.

        Raises TooSlowError after `within` real seconds.
        """

        def is_final(video: Video) -> bool:
            watch(video)
            return video["status"] in FINAL

        return self.await_that(is_final, video_id, within=within, every=every)

    def await_that(self, holds: Callable[[Video], bool], video_id: str, *, within: float, every: float = 0.5) -> Video:
        """Read the video every `every` real seconds until a condition holds.

        Raises TooSlowError after `within` real seconds.
        """
        deadline = time.monotonic() + within
        while True:
            video = self.video(video_id)
            if holds(video):
                return video
            if time.monotonic() > deadline:
                raise TooSlowError(video_id, video["status"], within)
            time.sleep(every)

    def download(self, video_id: str, path: Path) -> int:
        """Save the video's content and return its length in bytes. Raises RequestRefusedError."""
        with self._session.get(f"{self._url}/v1/videos/{video_id}/content", stream=True, timeout=60) as answer:
            if not answer.ok:
                raise RequestRefusedError(answer.status_code, answer.text)
            partial = path.with_suffix(".part")
            with partial.open("wb") as file:
                written = sum(file.write(chunk) for chunk in answer.iter_content(CHUNK_BYTES))
        partial.replace(path)
        return written


def _json(answer: requests.Response) -> Video:
    if answer.ok:
        video: Video = answer.json()
        return video
    try:
        problem = answer.json()
        detail = "; ".join(error["detail"] for error in problem.get("errors", [])) or problem["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    raise RequestRefusedError(answer.status_code, detail)
