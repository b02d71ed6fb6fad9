"""Open multipart uploads: those that no worker can still use are aborted."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.fakes.repairs import mended_by
from tests.fakes.world import FakeClock
from tools.harness.samples import NOW
from wan_video.domain.objects import OpenUpload
from wan_video.services.repairs import Mended
from wan_video.services.repairs.multiparts import OpenMultiparts


@dataclass
class FakeMultiparts:
    """The port `Multiparts`: uploads by key."""

    uploads: dict[str, OpenUpload] = field(default_factory=dict)

    def begin(self, key: str, at: float) -> None:
        """Start an upload."""
        self.uploads[key] = OpenUpload(key, f"upload of {key}", at)

    def open(self) -> list[OpenUpload]:
        return list(self.uploads.values())

    def abort(self, upload: OpenUpload) -> None:
        self.uploads.pop(upload.key, None)


def test_an_upload_older_than_an_hour_is_aborted_and_a_younger_one_is_left_to_its_worker() -> None:
    multiparts = FakeMultiparts()
    multiparts.begin("videos/video_1/video.mp4", NOW - 3601)
    multiparts.begin("videos/video_2/video.mp4", NOW - 3600)
    repair = OpenMultiparts(multiparts, FakeClock())
    assert mended_by(repair) == [Mended("multipart_aborted", "videos/video_1/video.mp4")]
    assert list(multiparts.uploads) == ["videos/video_2/video.mp4"]
    assert mended_by(repair) == []
