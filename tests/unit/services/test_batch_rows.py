"""The rows of a batch in pages, in the order of the file, each once, found only by their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from tests.fakes.store import MemoryStore
from tools.harness.samples import NOW, open_batch, rows_of
from wan_video.domain.batch import Batch
from wan_video.domain.listing import Page, VideoQuery
from wan_video.domain.prompt_file import row_id
from wan_video.domain.video import Status, Video
from wan_video.errors import InvalidRequest
from wan_video.services import batch_rows
from wan_video.services.batch_rows import rows_page

FAILED = VideoQuery(limit=2, descending=False, statuses=(Status.FAILED,))


class CountingStore(MemoryStore):
    """A store that records the number of keys in each read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    def get_many(self, video_ids: Sequence[str]) -> Mapping[str, Video]:
        assert len(video_ids) <= 100
        self.reads.append(len(video_ids))
        return super().get_many(video_ids)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def written(store: MemoryStore, *numbers: int, last_row: int) -> Batch:
    """Store a batch with these rows, and return it."""
    opened = open_batch(total=last_row)
    rows = rows_of(opened, *numbers)
    for video in rows:
        store.add(video)
    return replace(opened.write(NOW, rows), last_row=last_row)


def pages(store: MemoryStore, batch: Batch, query: VideoQuery) -> Iterator[Page]:
    after = None
    while True:
        page = rows_page(store, batch, query, after)
        yield page
        if not page.has_more:
            return
        after = page.last_id


def ids(batch: Batch, *numbers: int) -> list[str]:
    return [row_id(batch.id, number) for number in numbers]


@pytest.mark.parametrize("descending", [False, True])
def test_pages_contain_each_row_once_in_ascending_or_descending_order(store: CountingStore, descending: bool) -> None:
    batch = written(store, *range(1, 251), last_row=250)
    found = list(pages(store, batch, VideoQuery(limit=60, descending=descending)))
    listed = [video.id for page in found for video in page.videos]
    assert listed == ids(batch, *(range(250, 0, -1) if descending else range(1, 251)))
    assert [len(page.videos) for page in found] == [60, 60, 60, 60, 10]


def test_refused_and_deleted_rows_leave_no_gap_and_no_empty_last_page(store: CountingStore) -> None:
    batch = written(store, 2, 3, 7, last_row=9)
    (page,) = pages(store, batch, VideoQuery(limit=3, descending=False))
    assert [video.id for video in page.videos] == ids(batch, 2, 3, 7)
    assert (page.has_more, page.last_id) == (False, row_id(batch.id, 7))


def test_listing_continues_after_a_deleted_row(store: CountingStore) -> None:
    batch = written(store, 1, 2, 3, last_row=3)
    first = rows_page(store, batch, VideoQuery(limit=1, descending=False), None)
    store.delete(first.videos[0], NOW)
    second = rows_page(store, batch, VideoQuery(limit=1, descending=False), first.last_id)
    assert [video.id for video in second.videos] == ids(batch, 2)


def test_a_batch_without_rows_is_an_empty_page(store: CountingStore) -> None:
    assert rows_page(store, open_batch(), VideoQuery(limit=20), None) == Page([])
    assert store.reads == []


def test_a_page_of_many_rows_costs_one_read_and_that_of_its_mark_at_any_position(store: CountingStore) -> None:
    batch = written(store, *range(49_970, 50_001), last_row=50_000)
    page = rows_page(store, batch, VideoQuery(limit=20, descending=False), row_id(batch.id, 49_970))
    assert [video.id for video in page.videos] == ids(batch, *range(49_971, 49_991))
    assert store.reads == [1, 21]


def test_the_number_of_an_existing_row_is_read_and_not_searched(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = written(store, 1, 2, 3, last_row=3)
    reckoned: list[int] = []

    def note(batch_id: str, number: int) -> str:
        reckoned.append(number)
        return row_id(batch_id, number)

    monkeypatch.setattr(batch_rows, "row_id", note)
    page = rows_page(store, batch, VideoQuery(limit=20, descending=False), row_id(batch.id, 2))
    assert [video.row for video in page.videos] == [3]
    assert reckoned == [3]


def test_a_few_remaining_rows_among_many_are_found_in_bounded_requests(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_rows, "MOST_READ", 300)
    batch = written(store, 5, 700, 701, 702, last_row=1000)
    found = list(pages(store, batch, VideoQuery(limit=99, descending=False)))
    assert [video.id for page in found for video in page.videos] == ids(batch, 5, 700, 701, 702)
    assert found[1].videos == []
    assert max(store.reads) == 100
    assert found[1].last_id == row_id(batch.id, 600)


@pytest.mark.parametrize("descending", [False, True])
def test_a_filtered_list_continues_after_a_row_even_if_that_has_changed(store: CountingStore, descending: bool) -> None:
    batch = written(store, *range(1, 1001), last_row=1000)
    for video in rows_of(batch, 5, 700, 701, 702):
        store.add(replace(video, status=Status.FAILED))
    wanted = replace(FAILED, descending=descending)
    first = rows_page(store, batch, wanted, None)
    assert first.last_id is not None
    store.save(store.get(first.last_id), replace(store.get(first.last_id), status=Status.QUEUED))
    second = rows_page(store, batch, wanted, first.last_id)
    numbers = [702, 701, 700, 5] if descending else [5, 700, 701, 702]
    assert [video.id for page in (first, second) for video in page.videos] == ids(batch, *numbers)
    assert (first.has_more, second.has_more) == (True, False)
    assert store.reads == [1]


@pytest.mark.parametrize("after", ["video_1", row_id("batch_2", 1), row_id("batch_1", 4), ""])
def test_a_page_can_start_only_after_a_row_of_this_batch(store: CountingStore, after: str) -> None:
    batch = written(store, 1, 2, 3, last_row=3)
    with pytest.raises(InvalidRequest, match="in this batch"):
        rows_page(store, batch, VideoQuery(limit=2), after)
