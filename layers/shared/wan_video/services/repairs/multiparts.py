"""The repair of multipart uploads that will never be completed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from wan_video.services.repairs import Mended, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wan_video.domain.objects import OpenUpload
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Multiparts

ABANDONED_SECONDS: Final = 3600
"""The age at which an upload no longer has a worker: four times the longest run of a Lambda function."""


@dataclass(frozen=True)
class OpenMultiparts:
    """A repair that aborts uploads whose worker has died; S3 bills their parts, but no list of objects shows them."""

    multiparts: Multiparts
    clock: Clock

    def __call__(self) -> Iterator[Step]:
        """Yield a step for every open upload; the step aborts the upload if it is old enough."""
        for upload in self.multiparts.open():
            yield partial(self._upload, upload)

    def _upload(self, upload: OpenUpload) -> Mended | None:
        if self.clock.now() - upload.begun_at <= ABANDONED_SECONDS:
            return None
        self.multiparts.abort(upload)
        return Mended("multipart_aborted", upload.key)
