"""The failures of a batch that has ended, as requests of a new batch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from wan_video.domain.batch import ERRORS, report_key
from wan_video.domain.listing import ROWS_AT_ONCE
from wan_video.domain.prompt_file import Row
from wan_video.domain.video import Status
from wan_video.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wan_video.ports.objects import Reports
    from wan_video.ports.videos import Videos

_FAILED: Final = (Status.FAILED, Status.EXPIRED)


@dataclass(frozen=True)
class FailuresOf:
    """The reader of failures: the report of errors, which never changes, names them; their rows have the requests."""

    reports: Reports
    videos: Videos

    def __call__(self, batch_id: str, *, capped: bool = False) -> Iterator[Row]:
        """Yield the requests of that batch that failed or expired, in order and with new numbers.

        If they are `capped`, none of them may cost more than its failure was estimated to cost.
        """
        lines = (json.loads(line) for line in self.reports.lines(report_key(batch_id, ERRORS)))
        failures = enumerate((line for line in lines if line.get("status") in _FAILED), start=1)
        while group := list(islice(failures, ROWS_AT_ONCE)):
            videos = self.videos.get_many([line["video_id"] for _, line in group])
            for number, line in group:
                video = videos.get(line["video_id"])
                if video is None:
                    problem = Problem("", f"The video {line['video_id']!r} was deleted, and its request with it.")
                    yield Row(number, problems=[problem])
                else:
                    fields = video.request.fields()
                    yield Row(number, replace(fields, max_price=video.estimate.price) if capped else fields)
