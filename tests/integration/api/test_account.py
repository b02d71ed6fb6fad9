"""Dry runs, models, usage and positions in the queue: what a caller can find out before and after paying."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.fakes.world import FakeClock
from tests.integration.api.client import Api, assert_problem
from tools.harness.lambdas import end_process, event, invoke, warm
from tools.harness.samples import NOW, queued
from tools.harness.stack import LEDGER
from wan_video.domain.budget import Usage, utc_day
from wan_video.domain.models import CURRENCY, MODELS, PRICED_ON, Region
from wan_video.domain.queue import POSITION_LIMIT
from wan_video.domain.quota import LimitSource, Quota
from wan_video.domain.task import Task
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video

POOL = "singapore#wan2.6-t2v"


def test_a_model_is_shown_as_in_the_list_and_an_unknown_one_is_a_404_with_the_known_ones(api: Api) -> None:
    for model in api.get("/v1/models").json["data"]:
        assert api.get(f"/v1/models/{model['id']}").json == model
    for other in ("wan9.9-t2v", "wanx2.1-t2v-plus"):  # the second is offered only in Beijing
        answer = api.get(f"/v1/models/{other}")
        assert_problem(answer, 404, "model_not_found")
        assert "wan2.6-t2v" in answer.json["detail"]


# --- dry run ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_returns_the_price_and_stores_nothing(api: Api) -> None:
    answer = api.post({"prompt": "a fox", "seconds": 10}, query={"dry_run": "true"})
    assert (answer.status, answer.json["valid"]) == (200, True)
    estimate = answer.json["estimate"]
    assert (estimate["seconds"], estimate["currency"], estimate["priced_on"]) == (10, CURRENCY, PRICED_ON)
    assert api.stored == 0
    assert api.stack.dynamodb.Table(LEDGER).scan()["Count"] == 0
    assert api.post({"prompt": "a fox", "seconds": 10}).json["estimate"] == estimate


def test_a_dry_run_uses_no_idempotency_key(api: Api) -> None:
    key = {"Idempotency-Key": "k"}
    api.post({"prompt": "a fox"}, key, query={"dry_run": "true"})
    assert api.post({"prompt": "a cat"}, key).status == 202


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"prompt": ""}, 400, "invalid_request"),
        ({"prompt": "a", "max_price": "0.01"}, 402, "budget_exceeded"),
    ],
    ids=["no prompt", "too dear"],
)
def test_a_dry_run_refuses_what_would_be_refused(api: Api, body: dict[str, str], status: int, code: str) -> None:
    assert_problem(api.post(body, query={"dry_run": "true"}), status, code)


@pytest.mark.parametrize("dry_run", ["perhaps", "", "2"])
def test_a_dry_run_that_is_neither_true_nor_false_creates_nothing(api: Api, dry_run: str) -> None:
    assert_problem(api.post({"prompt": "a"}, query={"dry_run": dry_run}), 400, "invalid_request")
    assert api.stored == 0


@pytest.mark.parametrize("name", ["dryrun", "dry-run", "DRY_RUN", "limit"])
def test_an_unknown_parameter_is_a_400_and_creates_nothing(api: Api, name: str) -> None:
    answer = api.post({"prompt": "a"}, query={name: "true"})
    assert_problem(answer, 400, "invalid_request")
    assert "dry_run" in answer.json["detail"]
    assert api.stored == 0


def test_a_repeated_parameter_is_a_400_and_creates_nothing(api: Api) -> None:
    given = event("api_post")
    given["queryStringParameters"] = {"dry_run": "true"}
    given["multiValueQueryStringParameters"] = {"dry_run": ["false", "true"]}
    answer = api.call(given)
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["error"]["param"] == "dry_run"
    assert api.stored == 0


# --- models ----------------------------------------------------------------------------------------------------------


def test_the_models_of_the_configured_regions_are_listed_with_their_sizes_and_lengths(api: Api) -> None:
    models = {model["id"]: model for model in api.get("/v1/models").json["data"]}
    reached = [name for name, model in MODELS.items() if "singapore" in model.regions and "wan3.0" not in name]
    assert list(models) == reached
    wan26 = models["wan2.6-t2v"]
    assert wan26["sizes"]["720P"]["16:9"] == "1280x720"
    assert wan26["seconds"] == list(range(2, 16))
    assert {region for model in models.values() for region in model["regions"]} == {"singapore"}


def test_the_models_are_listed_with_the_stacks_defaults(api: Api) -> None:
    defaults = api.get("/v1/models").json["defaults"]
    assert defaults == {"model": "wan2.6-t2v", "size": "1280x720", "seconds": 5, "region": "singapore"}
    video = api.post({"prompt": "a fox"}).json
    assert {**defaults, "seconds": "5"} == {name: video[name] for name in defaults}


def test_every_size_and_length_that_is_listed_is_accepted(api: Api) -> None:
    for model in api.get("/v1/models").json["data"]:
        for tier, sizes in model["sizes"].items():
            if tier in model["regions"]["singapore"] and sizes:
                body = {"prompt": "a", "model": model["id"], "size": next(iter(sizes.values()))}
                asked = api.post({**body, "seconds": model["seconds"][-1]}, query={"dry_run": "true"})
                price = Decimal(model["regions"]["singapore"][tier]) * model["seconds"][-1]
                assert Decimal(asked.json["estimate"]["price"]) == price
        assert all(model["sizes"].values()) or model["images"]["sets_aspect_ratio"]


def test_a_model_says_which_images_it_takes(api: Api) -> None:
    models = {model["id"]: model for model in api.get("/v1/models").json["data"]}
    assert models["wan2.6-t2v"]["images"] is None
    assert models["wan2.7-i2v"]["images"] == {
        "required": True,
        "last_frame": True,
        "sets_aspect_ratio": True,
        "least_side": 240,
        "most_side": 8000,
        "most_bytes": 20 * 1024 * 1024,
        "most_ratio": 8,
        "formats": ["jpeg", "png", "bmp", "webp"],
    }
    old = models["wan2.6-i2v"]
    assert (old["images"]["last_frame"], old["images"]["least_side"], old["images"]["most_side"]) == (False, 360, 2000)
    assert old["aspect_ratios"] == {"720P": ["adaptive"], "1080P": ["adaptive"]}
    assert old["silent_regions"] == {}
    flash = models["wan2.6-i2v-flash"]
    assert flash["regions"] == {"singapore": {"720P": "0.366962", "1080P": "0.550443"}}
    assert flash["silent_regions"] == {"singapore": {"720P": "0.183481", "1080P": "0.275221"}}


def limit_of(api: Api, model: str = "wan2.6-t2v") -> dict[str, object]:
    limits: dict[str, dict[str, object]] = api.get(f"/v1/models/{model}").json["limits"]
    assert set(limits) == {"singapore"}
    return limits["singapore"]


def test_every_model_is_listed_with_the_limit_in_force_in_each_region(api: Api) -> None:
    for model in api.get("/v1/models").json["data"]:
        published = MODELS[model["id"]].regions[Region.SINGAPORE].concurrency
        assert model["limits"] == {
            "singapore": {"concurrency": published, "source": "registry", "read_at": None},
        }
        assert model["retires_at"] == {}


def test_a_limit_that_wan_states_is_shown_with_its_source_and_time(api: Api) -> None:
    api.stack.quotas.keep_quota(POOL, Quota(20, 50, LimitSource.ACCOUNT), NOW)
    assert limit_of(api) == {"concurrency": 20, "source": "account", "read_at": NOW}
    api.stack.quotas.keep_quota(POOL, Quota(3, 50, LimitSource.WORKSPACE), NOW + 60)
    assert limit_of(api) == {"concurrency": 3, "source": "workspace", "read_at": NOW + 60}
    assert limit_of(api, "wan2.2-t2v-plus")["source"] == "registry"


def test_the_limit_of_the_parameter_is_shown_before_all_others(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.stack.quotas.keep_quota(POOL, Quota(20), NOW)
    monkeypatch.setenv("WAN_QUOTAS", "singapore/wan2.6-t2v=1,beijing/wan2.6-t2v=9")
    end_process()
    assert limit_of(api) == {"concurrency": 1, "source": "parameter", "read_at": NOW}


def test_an_announced_retirement_is_shown_in_its_region(api: Api) -> None:
    api.stack.quotas.keep_retirement(POOL, NOW + 1000)
    api.stack.quotas.keep_retirement("beijing#wan2.7-t2v", NOW + 1000)
    retiring = {model["id"]: model["retires_at"] for model in api.get("/v1/models").json["data"]}
    assert {name: at for name, at in retiring.items() if at} == {"wan2.6-t2v": {"singapore": NOW + 1000}}


# --- usage -----------------------------------------------------------------------------------------------------------


def seconds(api: Api, owner: str = "alice") -> tuple[int, int, str]:
    """Return the reserved and spent seconds of today, and their price."""
    today = api.get("/v1/usage", owner=owner).json["today"]
    return today["reserved_seconds"], today["spent_seconds"], today["spent_price"]


def started(api: Api, body: dict[str, object]) -> Video:
    """Return the id of a video that Wan is generating."""
    video_id = api.post(body).json["id"]
    invoke("dispatch", event("schedule"))
    video = api.stack.videos.get(video_id)
    video = api.stack.videos.save(video, video.submitting(NOW))
    return api.stack.videos.save(video, video.submitted(NOW, Task(id=f"task-of-{video_id}", accepted_at=NOW)))


def test_a_waiting_video_costs_nothing_and_a_running_one_is_reserved(api: Api) -> None:
    assert seconds(api) == (0, 0, "0")
    api.post({"prompt": "a fox", "seconds": 10})
    assert seconds(api) == (0, 0, "0")
    invoke("dispatch", event("schedule"))
    assert seconds(api) == (10, 0, "0")
    assert seconds(api, "bob") == (0, 0, "0")


def test_a_generated_video_is_spent_as_wan_bills_it(api: Api) -> None:
    video = started(api, {"prompt": "a fox", "seconds": 10})
    api.stack.videos.save(video, video.task_succeeded(NOW, Usage(9, Decimal("6.60"), CURRENCY)))
    assert seconds(api) == (0, 9, "6.60")
    assert api.get(f"/v1/videos/{video.id}").json["usage"] == {
        "seconds": 9,
        "price": "6.60",
        "currency": CURRENCY,
        "stated_seconds": "9",
        "estimated_seconds": 10,
        "differs": True,
        "aspect_ratio": None,
    }
    month = api.get("/v1/usage").json["this_month"]
    assert (month["spent_seconds"], month["estimated_seconds"], month["spent_price"]) == (9, 10, "6.60")


def test_a_failed_video_costs_nothing(api: Api) -> None:
    video = started(api, {"prompt": "a fox"})
    ended = api.stack.videos.save(video, video.task_ended(NOW, Failure("x", "y", "poll", False)))
    assert seconds(api) == (0, 0, "0")
    assert api.stack.videos.save(ended, ended.ended(NOW, Failure("x", "y", "poll", False))).spent_seconds == 0
    assert seconds(api) == (0, 0, "0")


def test_a_month_is_the_sum_of_its_days(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    warm(api.stack, monkeypatch, CLOCK=f"0@{NOW}")
    end_process()
    ledger = api.stack.dynamodb.Table(LEDGER)
    for day, used in (("2026-04-30", 100), ("2026-05-01", 5), ("2026-05-28", 7), ("2026-05-29", 100)):
        ledger.put_item(Item={"pk": "budget#alice", "sk": day, "used": used, "spent": used - 1, "price": Decimal(used)})
    account = api.get("/v1/usage", daily_seconds="60").json
    april = api.get("/v1/usage", {"month": "2026-04"}).json
    assert api.get("/v1/usage", {"month": "2026-05"}).json["days"] == account["days"]
    assert api.get("/v1/usage", {"month": "2026-06"}).json["days"] == []
    end_process()
    assert (account["day"], account["daily_seconds"], account["owner"]) == ("2026-05-28", 60, "alice")
    assert (account["today"]["reserved_seconds"], account["today"]["spent_seconds"]) == (1, 6)
    assert (account["this_month"]["reserved_seconds"], account["this_month"]["spent_seconds"]) == (2, 10)
    assert account["this_month"]["spent_price"] == "12"
    assert (account["month"], [day["day"] for day in account["days"]]) == ("2026-05", ["2026-05-01", "2026-05-28"])
    assert (april["month"], april["today"], april["this_month"]) == ("2026-04", account["today"], account["this_month"])
    assert april["days"] == [
        {
            "day": "2026-04-30",
            "reserved_seconds": 1,
            "spent_seconds": 99,
            "estimated_seconds": 99,
            "spent_price": "100",
            "unpriced_seconds": 0,
            "currency": CURRENCY,
        }
    ]


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-5", "05-2026", "2026-05-01", ""])
def test_an_invalid_month_is_a_400(api: Api, month: str) -> None:
    assert_problem(api.get("/v1/usage", {"month": month}), 400, "invalid_request")


def test_a_video_that_waits_for_the_next_budget_shows_it_with_the_time(api: Api) -> None:
    first, second = (api.post({"prompt": "a fox"}, daily_seconds="5").json["id"] for _ in range(2))
    waiting = api.get(f"/v1/videos/{first}").json
    assert (waiting["waiting_for"], waiting["waiting_until"]) == ("place", None)
    invoke("dispatch", event("schedule"))
    running, waiting = (api.get(f"/v1/videos/{video_id}").json for video_id in (first, second))
    assert (running["waiting_for"], waiting["waiting_for"]) == ("place", "budget")
    assert waiting["waiting_until"] % 86400 == 0
    assert waiting["waiting_until"] > waiting["created_at"]
    listed = {video["id"]: video["waiting_for"] for video in api.get("/v1/videos").json["data"]}
    assert listed == {first: "place", second: "budget"}
    api.stack.dynamodb.Table(LEDGER).delete_item(Key={"pk": "budget#alice", "sk": utc_day(time.time())})
    assert api.get(f"/v1/videos/{second}").json["waiting_for"] == "place"


# --- scopes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/v1/videos", "/v1/usage", "/v1/videos/video_1", "/v1/videos/video_1/content", "/v1/videos/video_1/file"]
)
def test_a_token_with_only_the_scope_to_write_cannot_read(api: Api, path: str) -> None:
    api.stack.videos.accept(queued("video_1"))
    assert_problem(api.get(path, scopes="write"), 403, "forbidden")


def test_an_admin_may_do_everything_but_only_with_its_own_videos(api: Api) -> None:
    video_id = api.post({"prompt": "a fox"}, scopes="admin").json["id"]
    assert api.get(f"/v1/videos/{video_id}", scopes="admin").status == 200
    assert_problem(api.get(f"/v1/videos/{video_id}", scopes="admin", owner="bob"), 404, "video_not_found")


# --- the position in the queue ---------------------------------------------------------------------------------------


def test_a_queued_video_shows_the_number_before_it(api: Api) -> None:
    clock = FakeClock()
    for at in range(3):
        clock.advance(1)
        api.stack.videos.accept(queued(f"video_{at}", at=clock.now()))
    api.stack.videos.accept(queued("video_3", at=NOW, owner="bob"))
    positions = [api.get(f"/v1/videos/video_{at}").json["queue_position"] for at in range(3)]
    assert positions == [0, 1, 2]
    assert api.get("/v1/videos/video_3", owner="bob").json["queue_position"] == 0
    first = api.stack.videos.get("video_0")
    api.stack.videos.save(first, first.cancelled(NOW))
    assert api.get("/v1/videos/video_0").json["queue_position"] is None
    assert api.get("/v1/videos/video_1").json["queue_position"] == 0


def test_positions_are_counted_up_to_a_thousand(api: Api) -> None:
    last = queued("video_last", at=NOW)
    with api.stack.dynamodb.Table(LEDGER).batch_writer() as batch:
        for at in range(POSITION_LIMIT - 1):
            batch.put_item(Item={"pk": "queue#singapore#wan2.6-t2v#alice", "sk": f"0#{at:015d}", "video_id": str(at)})
    api.stack.videos.accept(last)
    assert api.get("/v1/videos/video_last").json["queue_position"] == POSITION_LIMIT - 1
    api.stack.videos.accept(replace(queued("video_more"), queue_key="0#000000000000001#"))
    assert api.get("/v1/videos/video_last").json["queue_position"] == "1000+"
