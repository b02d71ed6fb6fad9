"""A video gets a thumbnail after it is completed, by its notice."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import requests
from av.video.reformatter import Interpolation

from tests.e2e.conftest import Local
from tests.e2e.steps import make
from tools.harness.patience import PATIENCE, until
from wan_video.domain.thumbnail import MAX_SIDE


def asked(local: Local, video_id: str, variant: str = "thumbnail") -> requests.Response:
    """Ask for a file of a video without following the redirect."""
    return requests.get(
        f"{local.stack.api_url}/v1/videos/{video_id}/content",
        params={"variant": variant},
        headers={"Authorization": f"Bearer {local.stack.token}"},
        allow_redirects=False,
        timeout=PATIENCE,
    )


def first_frame(path: Path | BytesIO, kind: str) -> av.VideoFrame:
    with av.open(path, "r", format=kind) as container:
        return next(container.decode(video=0))


def test_a_completed_video_gets_a_thumbnail_that_shows_its_first_picture(local: Local, tmp_path: Path) -> None:
    video_id = make(local, "a fox looks into the camera")["id"]

    def ready() -> bool | None:
        shown = local.client.video(video_id)["thumbnail"]
        answer = asked(local, video_id)
        assert (answer.status_code, shown) in {(409, "pending"), (302, "pending"), (302, "ready")}
        assert answer.status_code == 302 or int(answer.headers["Retry-After"]) >= 1
        return True if (answer.status_code, shown) == (302, "ready") else None

    until(ready, "the thumbnail")
    picture = requests.get(asked(local, video_id).headers["Location"], timeout=PATIENCE)
    assert picture.headers["Content-Type"] == "image/jpeg"
    small = first_frame(BytesIO(picture.content), "mjpeg")
    local.client.download(video_id, tmp_path / "video.mp4")
    large = first_frame(tmp_path / "video.mp4", "mp4")
    scaled = large.reformat(width=small.width, height=small.height, format="gray", interpolation=Interpolation.AREA)
    assert max(small.width, small.height) == MAX_SIDE
    difference = np.abs(small.reformat(format="gray").to_ndarray().astype(int) - scaled.to_ndarray())
    # The JPEG has all shades from 0 to 255, and the video those from 16 to 235.
    assert difference.mean() < 12
