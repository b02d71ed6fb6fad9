"""The rows of a batch, page by page, in the order of its file.

The ids of rows are derived from the batch and their numbers, so rows are read by their keys and not found in an index:
the last page of 50,000 rows costs as much as the first one. Only filtered pages use an index.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wan_video.domain.listing import ROWS_AT_ONCE, Page, VideoQuery
from wan_video.domain.names import VIDEO_ID
from wan_video.domain.prompt_file import row_id
from wan_video.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from wan_video.domain.batch import Batch
    from wan_video.ports.videos import ApiVideos

MOST_READ: Final = 10_000
"""The maximum number of rows that one request reads if many were deleted or refused; the next one continues."""


def rows_page(videos: ApiVideos, batch: Batch, query: VideoQuery, after: str | None) -> Page:
    """Return the rows of a query after the row `after`. Raises InvalidRequest if the batch has no such row."""
    mark = None if after is None else _number(videos, batch, after)
    if query.filtered:
        return videos.list_rows(batch, query, mark)
    numbers = range(1, batch.last_row + 1)
    if query.descending:
        numbers = numbers[::-1]
    if mark is not None:
        numbers = numbers[numbers.index(mark) + 1 :]
    size = min(ROWS_AT_ONCE, query.limit + 1)
    page = Page([], has_more=len(numbers) > MOST_READ)
    for at in range(0, min(len(numbers), MOST_READ), size):
        ids = [row_id(batch.id, number) for number in numbers[at : at + size]]
        rows = videos.get_many(ids)
        for video in [rows[video_id] for video_id in ids if video_id in rows]:
            if len(page.videos) == query.limit:
                return replace(page, has_more=True, last_id=page.videos[-1].id)
            page = replace(page, videos=[*page.videos, video], last_id=video.id)
        if page.has_more:
            page = replace(page, last_id=ids[-1])
    return page


def _number(videos: ApiVideos, batch: Batch, video_id: str) -> int:
    """Return the number of a row; the number of a deleted row is derived from its id."""
    if VIDEO_ID.fullmatch(video_id):
        video = videos.get_many([video_id]).get(video_id)
        if video is not None and video.batch_id == batch.id:
            return video.row
        for number in range(1, batch.last_row + 1):
            if row_id(batch.id, number) == video_id:
                return number
    raise InvalidRequest(
        [Problem("/after", f"The video {video_id!r} is not in this batch, so no page begins after it.")]
    )
