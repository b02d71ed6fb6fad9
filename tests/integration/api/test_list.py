"""GET /v1/videos: pages without repetitions and gaps, and only the owner's videos."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.integration.api.client import Api, assert_problem, listed_pages
from tests.rows import put_rows
from tools.harness.samples import NOW, made, queued, request, running, stored
from tools.harness.stack import VIDEOS
from wan_video.adapters.dynamodb.lists import Lists
from wan_video.domain.listing import Page, VideoQuery
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video

COUNT = 250


def number(at: int) -> str:
    """Return an id; the order of ids differs from that of their creation."""
    return f"video_{at * 7919 % 1000:03d}_{at}"


def listed(api: Api, **query: str) -> list[str]:
    """Return the ids of all pages together."""
    return [video["id"] for page in listed_pages(api, **query) for video in page["data"]]


def accept(api: Api, *videos: Video) -> list[str]:
    for video in videos:
        api.stack.videos.accept(video)
    return [video.id for video in videos]


@pytest.mark.parametrize(("order", "seconds_between"), [("asc", 1), ("desc", 0)])
def test_pages_of_many_videos_contain_each_of_them_once(api: Api, order: str, seconds_between: int) -> None:
    videos = [queued(number(at), at=NOW + at * seconds_between) for at in range(COUNT)]
    put_rows(api.stack.dynamodb, VIDEOS, videos)
    ids = [video.id for video in videos]
    found = listed(api, limit="60", order=order)
    assert sorted(found) == sorted(ids)
    if seconds_between:
        assert found == ids


def test_a_page_names_its_first_and_last_id_and_the_newest_come_first(api: Api) -> None:
    ids = accept(api, *(queued(f"video_{at:02d}", at=NOW + at) for at in range(25)))
    first, second = listed_pages(api)
    assert [video["id"] for video in first["data"]] == ids[:4:-1]
    assert (first["object"], first["first_id"], first["last_id"]) == ("list", "video_24", "video_05")
    assert [len(page["data"]) for page in (first, second)] == [20, 5]
    assert (second["first_id"], second["last_id"], second["has_more"]) == ("video_04", "video_00", False)


def test_without_videos_the_list_is_empty(api: Api) -> None:
    assert api.get("/v1/videos").json == {
        "object": "list",
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


@pytest.mark.parametrize("count", [2, 3])
def test_a_full_last_page_is_the_last(api: Api, count: int) -> None:
    accept(api, *(queued(f"video_{at}", at=NOW + at) for at in range(count)))
    assert len(list(listed_pages(api, limit="1"))) == count


def test_a_list_shows_videos_as_single_ones_without_their_positions(api: Api) -> None:
    accept(api, queued("video_1"))
    (listed_video,) = api.get("/v1/videos").json["data"]
    assert api.get("/v1/videos/video_1").json == {**listed_video, "queue_position": 0}


def test_an_owner_does_not_see_the_videos_of_another(api: Api) -> None:
    accept(api, queued("video_1"), queued("video_2", owner="bob"), queued("video_3"))
    assert sorted(listed(api)) == ["video_1", "video_3"]
    assert_problem(api.get("/v1/videos", {"after": "video_2"}), 400, "invalid_request")
    assert [video["id"] for video in api.get("/v1/videos", owner="bob").json["data"]] == ["video_2"]


def test_a_list_is_filtered_by_status_and_model(api: Api) -> None:
    done = made("video_2", at=NOW + 2).completed(NOW + 9, stored("video_2"))
    other = queued("video_3", at=NOW + 3, request=request(model="wan2.5-t2v-preview"))
    accept(api, queued("video_1", at=NOW + 1), done, other, running("video_4", at=NOW + 4))
    assert listed(api, status="queued", order="asc") == ["video_1", "video_3"]
    assert listed(api, status="completed") == ["video_2"]
    assert listed(api, status="expired") == []
    assert listed(api, model="wan2.5-t2v-preview") == ["video_3"]
    assert listed(api, status="in_progress", model="wan2.6-t2v") == ["video_4"]


def test_a_starting_video_is_listed_as_queued(api: Api) -> None:
    api.stack.videos.accept(queued("video_1"))
    video = api.stack.videos.get("video_1")
    api.stack.videos.save(video, replace(video, status=running().status.STARTING))
    assert listed(api, status="queued") == ["video_1"]
    assert listed(api, status="in_progress") == []


def test_a_few_matches_among_many_are_all_found_in_pages(api: Api) -> None:
    failure = Failure("x", "y", "poll", False)
    accept(api, *(queued(number(at), at=NOW + at) for at in range(100) if at % 25))
    ids = accept(api, *(running(number(at), at=NOW + at).ended(NOW, failure) for at in range(0, 100, 25)))
    assert listed(api, status="failed", limit="2", order="asc") == ids


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"order": "up"}, "order"),
        ({"status": "done"}, "status"),
        ({"status": "starting"}, "status"),
        ({"after": "video_9"}, "after"),
        ({"after": ""}, "after"),
    ],
    ids=str,
)
def test_an_invalid_query_is_a_400_that_names_the_parameter(api: Api, query: dict[str, str], name: str) -> None:
    answer = api.get("/v1/videos", query)
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["error"]["param"] == name


def test_a_page_costs_one_query_and_one_read_each_for_its_mark_and_the_budgets(api: Api, asked: list[str]) -> None:
    accept(api, *(queued(number(at), at=NOW + at) for at in range(60)))
    first = api.get("/v1/videos").json
    api.get("/v1/videos", {"after": first["last_id"]})
    assert asked == ["Query", "BatchGetItem", "GetItem", "Query", "BatchGetItem"]


@pytest.mark.parametrize(
    ("query", "queries"),
    [
        ({"status": "failed"}, 1),
        ({"status": "queued"}, 2),
        ({"status": "failed", "model": "wan2.6-t2v"}, 1),
        ({"model": "wan2.5-t2v-preview"}, len(Status)),
    ],
    ids=str,
)
def test_a_page_of_few_matches_costs_the_same_among_ten_and_among_hundreds(
    api: Api, asked: list[str], query: dict[str, str], queries: int
) -> None:
    for count in (10, 300):
        put_rows(api.stack.dynamodb, VIDEOS, (running(f"video_{at}", at=NOW + at) for at in range(1, count)))
        other = request(model=query.get("model", "wan2.6-t2v"))
        match = queued("video_0", at=NOW, request=other)
        failure = Failure("x", "y", "poll", False)
        put_rows(api.stack.dynamodb, VIDEOS, [match if query.get("status") == "queued" else match.ended(NOW, failure)])
        asked.clear()
        page = api.get("/v1/videos", query).json
        assert [video["id"] for video in page["data"]] == ["video_0"]
        assert [name for name in asked if name == "Query"] == ["Query"] * queries
        assert len(asked) <= queries + 2


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_videos_of_one_second_are_each_on_one_page_of_any_size(api: Api, order: str) -> None:
    videos = [queued(number(at), at=NOW + at // 6) for at in range(12)]
    starting = [replace(video, status=Status.STARTING) for video in videos[::2]]
    put_rows(api.stack.dynamodb, VIDEOS, [*videos[1::2], *starting])
    expected = sorted((video.created_at, video.id) for video in videos)
    found = listed(api, status="queued", limit="1", order=order)
    assert found == [video_id for _, video_id in (expected if order == "asc" else reversed(expected))]


def test_a_page_whose_videos_have_all_changed_is_empty_and_says_where_to_continue(api: Api) -> None:
    accept(api, *(queued(f"video_{at}", at=NOW + at) for at in range(3)))
    wanted = VideoQuery(limit=2, statuses=(Status.QUEUED,))
    late = Lists(api.stack.tables, VIDEOS, lambda ids: {video_id: running(video_id) for video_id in ids})
    assert late.page("alice", wanted) == Page([], has_more=True, last_id="video_1")
    gone = Lists(api.stack.tables, VIDEOS, lambda _: {})
    assert gone.page("alice", wanted) == Page([], has_more=True, last_id="video_1")


def test_a_video_that_changes_during_the_lookup_is_on_the_page_once(api: Api) -> None:
    accept(api, *(queued(f"video_{at}", at=NOW + at) for at in range(2)))
    video, events = api.stack.videos.get("video_1"), api.stack.tables.meta.events

    def go_on(**_: object) -> None:
        events.unregister("after-call.dynamodb.Query", go_on)
        api.stack.videos.save(video, replace(video, status=Status.STARTING))

    events.register("after-call.dynamodb.Query", go_on)
    lists = Lists(api.stack.tables, VIDEOS, api.stack.videos.get_many)
    page = lists.page("alice", VideoQuery(limit=2, model=video.request.model))
    assert ([found.id for found in page.videos], page.has_more) == (["video_1", "video_0"], False)


def test_listing_can_continue_after_deleted_videos(api: Api) -> None:
    videos = [made(f"video_{at}", at=NOW + at).completed(NOW, stored(f"video_{at}")) for at in range(5)]
    accept(api, *(video.announced(NOW) for video in videos))
    found = []
    for page in listed_pages(api, limit="2"):
        for video in page["data"]:
            found.append(video["id"])
            assert api.delete(f"/v1/videos/{video['id']}").status == 200
    assert found == ["video_4", "video_3", "video_2", "video_1", "video_0"]
    assert listed(api) == []
