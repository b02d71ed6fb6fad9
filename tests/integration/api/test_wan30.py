"""wan3.0 by the API: accepted, priced and shown, or refused before anything is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.api.client import Api, assert_problem
from tools.harness.lambdas import end_process, warm

WAN30 = {"prompt": "a fox", "model": "wan3.0-video"}
WORKSPACE = {"WAN_WORKSPACE_ID": "ws-1"}


@pytest.fixture
def wan30(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API of a stack that knows its workspace."""
    warm(api.stack, monkeypatch, WAN_REGIONS="singapore,hongkong", **WORKSPACE)
    end_process()
    return api


def test_without_a_workspace_it_is_refused_by_the_name_of_the_parameter(api: Api) -> None:
    answer = api.post(WAN30)
    assert_problem(answer, 400, "invalid_request")
    assert ("WanWorkspaceId" in answer.json["detail"], answer.json["error"]["param"]) == (True, "region")
    assert api.stored == 0
    listed = api.get("/v1/models").json
    assert [one["id"] for one in listed["unreachable"]] == ["wan3.0-video", "wan3.0-video-prime"]
    missing = api.get("/v1/models/wan3.0-video")
    assert (missing.status, "WanWorkspaceId" in missing.json["detail"]) == (404, True)


def test_a_video_whose_shape_and_length_the_model_chooses_is_accepted_and_shown(wan30: Api) -> None:
    video = wan30.post(
        {**WAN30, "aspect_ratio": "adaptive", "resolution": "1080P", "seconds": "-1", "audio": False}
    ).json
    assert (video["size"], video["resolution"], video["aspect_ratio"]) == (None, "1080P", "adaptive")
    assert (video["seconds"], video["audio"], video["estimate"]["seconds"]) == ("-1", False, 30)
    assert (video["estimate"]["price"], video["estimate"]["confirmed"]) == ("44.035440", False)
    row = wan30.stack.videos.get(video["id"])
    assert (row.request.seconds, row.request.most_seconds, row.estimate.unconfirmed) == (-1, 30, True)


def test_a_size_is_shown_with_what_it_names(wan30: Api) -> None:
    video = wan30.post({**WAN30, "size": "1280x720"}).json
    assert (video["size"], video["resolution"], video["aspect_ratio"], video["audio"]) == (
        "1280x720",
        "720P",
        "16:9",
        True,
    )


def test_budgets_and_max_price_count_the_longest_length(wan30: Api) -> None:
    assert_problem(wan30.post({**WAN30, "seconds": -1, "max_price": "22.01"}), 402, "budget_exceeded")
    assert wan30.post({**WAN30, "seconds": -1, "max_price": "22.02"}).status == 202


def test_without_a_price_there_is_no_estimate_and_max_price_is_refused(
    wan30: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    hongkong = {**WAN30, "region": "hongkong"}
    assert wan30.post(hongkong, query={"dry_run": "true"}).json == {"valid": True, "estimate": None}
    refused = wan30.post({**hongkong, "max_price": "1000"})
    assert_problem(refused, 402, "budget_exceeded")
    assert ("WanPrices" in refused.json["detail"], wan30.stored) == (True, 0)
    assert wan30.post(hongkong).json["estimate"] is None
    warm(
        wan30.stack,
        monkeypatch,
        WAN_WORKSPACE_ID="ws-1",
        WAN_REGIONS="hongkong",
        WAN_PRICES="hongkong/wan3.0-video/720P=0.5",
    )
    end_process()
    estimate = wan30.post(hongkong, query={"dry_run": "true"}).json["estimate"]
    assert (estimate["price"], estimate["priced_on"], estimate["confirmed"]) == ("2.5", None, True)


def test_its_models_are_listed_with_what_is_known_and_what_is_not(wan30: Api) -> None:
    listed = wan30.get("/v1/models").json
    assert listed["unreachable"] == []
    model: dict[str, Any] = next(one for one in listed["data"] if one["id"] == "wan3.0-video")
    assert model["sizes"]["720P"] == {"16:9": "1280x720", "9:16": "720x1280", "1:1": "960x960"}
    assert model["aspect_ratios"]["720P"] == ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive"]
    assert (model["default_size"], model["auto_seconds"], model["seconds"][-1]) == (None, 30, 30)
    assert (model["audio_switch"], model["audio_url"], model["negative_prompt"]) == (True, False, False)
    assert model["regions"]["hongkong"] == {}
    assert model["unconfirmed"] == {"singapore": ["480P", "720P", "1080P"]}
    assert "third parties" in model["price_warning"] or "third party" in model["price_warning"]
    assert set(model["limits"]) == {"singapore", "hongkong"}


def test_old_prices_are_warned_of(wan30: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def warning(day: int) -> str | None:
        warm(wan30.stack, monkeypatch, CLOCK=f"0@{day}")
        end_process()
        found: str | None = wan30.get("/v1/models/wan2.6-t2v").json["price_warning"]
        return found

    priced_on = 1_780_272_000  # 2026-06-01
    assert warning(priced_on + 180 * 86_400) is None
    assert "2026-06-01" in str(warning(priced_on + 181 * 86_400))


def test_the_longest_prompt_is_taken_as_any_client_writes_it(wan30: Api) -> None:
    prompt = "\U0001f98a" * 20_000
    body = json.dumps({**WAN30, "prompt": prompt})
    assert len(body) > 200_000
    video = wan30.post(body)
    assert (video.status, wan30.stack.videos.get(video.json["id"]).request.prompt) == (202, prompt)
