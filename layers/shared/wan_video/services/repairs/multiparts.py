"""Multipart uploads that will never be completed."""

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
"""Four times as long as a Lambda function may run: the worker that started an older upload has ended."""


@dataclass(frozen=True)
class OpenMultiparts:
    """Aborts uploads whose worker died; what they hold is stored, and paid for, without being seen anywhere."""

    multiparts: Multiparts
    clock: Clock

    def __call__(self) -> Iterator[Step]:
        """Abort every upload that is old enough."""
        for upload in self.multiparts.open():
            yield partial(self._upload, upload)

    def _upload(self, upload: OpenUpload) -> Mended | None:
        if self.clock.now() - upload.begun_at <= ABANDONED_SECONDS:
            return None
        self.multiparts.abort(upload)
        return Mended("multipart_aborted", upload.key)
