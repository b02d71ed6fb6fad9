"""The recorded requests of the official SDK: the simulator accepts them, and our own client sends the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests

from tests.integration.sdk.clients import own_client
from tests.integration.sdk.record import (
    BY_RATIO,
    FIRST_URL,
    FRAMES,
    IMAGE,
    KEY,
    MULTI_SHOT,
    SAMPLE,
    golden,
    record,
)
from tests.integration.sdk.record_ai import golden_ai, record_ai
from tests.integration.sdk.record_client import FRAMES as FRAMES_OF_CLIENT
from tests.integration.sdk.record_client import FRAMES_OF_WAN3, WAN3, golden_client, record_client
from tests.integration.sdk.record_client import IMAGE as IMAGE_OF_CLIENT
from tests.integration.sdk.recorder import TASK_ID, UPLOAD_PATH, Json, recording
from tools.harness.patience import PATIENCE
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.domain.image import ImageAddresses
from wan_video.domain.models import MODELS, Region, Size, Tier
from wan_video.domain.request import VideoRequest
from wan_video.wire.dashscope import read_order

REQUESTS: Final = golden()
CLIENT_REQUESTS: Final = golden_client()
AI_REQUESTS: Final = golden_ai()

SDK_ALONE: Final = {
    "input.extend_prompt": "deprecated by the SDK itself, which sends it whatever the caller says; Wan ignores it",
    "input.function": "the last part of the path; Wan does not need it again",
}
"""Fields that only the SDK sends, and why our client does not."""

HEADERS_APART: Final = {
    "accept": "our client names no character set, because JSON has only one",
    "content-type": "the same",
    "user-agent": "each client names itself",
    "x-dashscope-sdk-client": "our client is not the SDK",
    "x-dashscope-sdk-session-id": "our client is not the SDK",
}
"""Headers that differ between the two clients, and why."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as one:
        yield one


def sdk(name: str) -> Json:
    """Return the last request of a recorded call, which the others prepare."""
    recorded: Json = REQUESTS[name][-1]
    return recorded


def ours(fields: Json) -> VideoRequest:
    """Return our own request for the video of a recorded call."""
    model = MODELS[fields["model"]]
    same = ("prompt", "model", "seed", "prompt_extend", "watermark", "negative_prompt", "audio_url", "shot_type")
    asked = {name: fields[name] for name in same if name in fields} | fields.get("parameters", {})
    if model.image_required or "media" in fields:
        asked |= {"resolution": Tier(fields["resolution"]), "aspect_ratio": "adaptive"}
        if "audio" in fields:
            asked["audio"] = fields["audio"]
        for item in fields.get("media", []):
            if item["type"] == "driving_audio":
                asked["audio_url"] = item["url"]
    elif "size" in fields:
        asked["size"] = Size.parse(fields["size"])
    elif model.audio_switch:
        asked |= {"resolution": Tier(fields["resolution"]), "aspect_ratio": fields["ratio"]}
    else:
        asked["size"] = model.sizes[Tier(fields["resolution"])][fields["ratio"]]
    return VideoRequest(seconds=fields["duration"], region=Region.SINGAPORE, **asked)


def addresses_of(fields: Json) -> ImageAddresses:
    """Return the addresses of the images of a recorded call."""
    media = {item["type"]: item["url"] for item in fields.get("media", [])}
    return ImageAddresses(fields.get("img_url") or media.get("first_frame"), media.get("last_frame"))


def flat(body: Json, prefix: str = "") -> dict[str, Any]:
    """Return a body as one level of dotted names."""
    fields: dict[str, Any] = {}
    for name, value in body.items():
        fields |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return fields


def every_recorded_call() -> list[tuple[str, list[Json]]]:
    """Return each recorded call with its name, of both interfaces of the official SDK and of npm's `ai`."""
    surfaces = {"1.x": REQUESTS, "2.x": CLIENT_REQUESTS, "ai": AI_REQUESTS}
    return [(f"{surface}: {name}", calls) for surface, named in surfaces.items() for name, calls in named.items()]


def every_recorded_image() -> list[tuple[str, list[Json]]]:
    """Return each recorded creation with an image, with its name."""
    return [(name, calls) for name, calls in every_recorded_call() if "image" in name or "frames" in name]


def test_the_sdk_still_sends_what_was_recorded() -> None:
    with recording() as recorder:
        assert record(recorder) == REQUESTS


def test_the_sdks_client_still_sends_what_was_recorded() -> None:
    with recording() as recorder:
        assert record_client(recorder) == CLIENT_REQUESTS


@pytest.mark.slow
def test_ai_still_sends_what_was_recorded() -> None:
    with recording() as recorder:
        assert record_ai(recorder) == AI_REQUESTS


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("create", SAMPLE),
        ("create, multi-shot", MULTI_SHOT),
        ("create, resolution and ratio", BY_RATIO),
        ("create, image", IMAGE),
        ("create, image, asyncio", IMAGE),
        ("create, frames", FRAMES),
    ],
)
def test_our_client_sends_the_same_request_for_the_same_video(name: str, fields: Json) -> None:
    with recording() as recorder:
        own_client(recorder.base_url, KEY).prepare(ours(fields), addresses_of(fields))()
        (own,) = recorder.take()
    theirs = sdk(name)
    sent, said = flat(theirs["body"]), flat(own["body"])

    assert (own["method"], own["path"]) == (theirs["method"], theirs["path"])
    assert sent.keys() - said.keys() == SDK_ALONE.keys()
    assert {field: sent[field] for field in said} == said
    assert {field: type(sent[field]) for field in said} == {field: type(value) for field, value in said.items()}


@pytest.mark.parametrize(("model", "fields"), [("wan2.7", BY_RATIO), ("wan3.0", WAN3)])
@pytest.mark.parametrize(
    ("recorded", "client"),
    [(CLIENT_REQUESTS, "create, {}"), (CLIENT_REQUESTS, "create, {}, asyncio"), (AI_REQUESTS, "create, {}")],
    ids=["Client", "AsyncClient", "ai"],
)
def test_the_newer_clients_and_ours_send_the_same_body(recorded: Json, client: str, model: str, fields: Json) -> None:
    theirs: list[Json] = recorded[client.format(model)]
    with recording() as recorder:
        own_client(recorder.base_url, KEY).prepare(ours(fields))()
        (own,) = recorder.take()
    (sent,) = theirs

    assert (own["method"], own["path"], own["body"]) == (sent["method"], sent["path"], sent["body"])


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("image, wan2.6", IMAGE_OF_CLIENT | {"model": "wan2.6-i2v", "img_url": FIRST_URL}),
        ("image, wan2.7", IMAGE_OF_CLIENT | {"model": "wan2.7-i2v", "media": FRAMES_OF_CLIENT[:1]}),
        ("frames, wan2.7", IMAGE_OF_CLIENT | {"model": "wan2.7-i2v", "media": FRAMES_OF_CLIENT}),
        ("frames, wan3.0", FRAMES_OF_WAN3 | {"media": FRAMES_OF_CLIENT}),
    ],
)
def test_the_newer_client_and_ours_send_the_same_body_for_images(name: str, fields: Json) -> None:
    with recording() as recorder:
        own_client(recorder.base_url, KEY).prepare(ours(fields), addresses_of(fields))()
        (own,) = recorder.take()
    (theirs,) = CLIENT_REQUESTS[f"create, {name}"]

    assert (own["method"], own["path"], own["body"]) == (theirs["method"], theirs["path"], theirs["body"])


@pytest.mark.parametrize(("name", "calls"), every_recorded_image())
def test_our_own_dashscope_routes_read_the_image_that_the_sdks_send(name: str, calls: list[Json]) -> None:
    read = read_order(calls[-1]["body"])

    assert read.images.first_frame is not None
    assert (read.images.last_frame is not None) == ("frames" in name)


def test_our_client_queries_a_task_as_the_sdk_does() -> None:
    with recording() as recorder:
        own_client(recorder.base_url, KEY).query(Region.SINGAPORE, TASK_ID)
        (own,) = recorder.take()

    assert (own["method"], own["path"]) == (sdk("fetch")["method"], sdk("fetch")["path"])


@pytest.mark.parametrize("name", ["create", "fetch"])
def test_the_headers_of_the_two_clients_differ_only_as_listed(name: str) -> None:
    with recording() as recorder:
        client = own_client(recorder.base_url, KEY)
        client.prepare(ours(SAMPLE))() if name == "create" else client.query(Region.SINGAPORE, TASK_ID)
        (own,) = recorder.take()

    def shared(request: Json) -> Json:
        return {header: value for header, value in request["headers"].items() if header not in HEADERS_APART}

    assert shared(own) == shared(sdk(name))


@pytest.mark.parametrize(("name", "calls"), every_recorded_call())
def test_the_simulator_accepts_what_the_sdks_send(simulator: Simulator, name: str, calls: list[Json]) -> None:
    answers = [replayed(simulator, request) for request in calls if request["path"] != UPLOAD_PATH]

    assert [(answer.status_code, answer.headers["Content-Type"]) for answer in answers] == [
        (200, "application/json") for _ in answers
    ]
    if name.partition(": ")[2].startswith(("create", "fetch")):
        assert answers[-1].json()["output"].keys() >= {"task_id", "task_status"}


def replayed(simulator: Simulator, request: Json) -> requests.Response:
    """Send a recorded request again, with a key and a task that exist in the region that has every model."""
    authorization = re.sub(r"<volatile>|<key>", simulator.key(Region.BEIJING), str(request["headers"]["authorization"]))
    headers = request["headers"] | {"authorization": authorization}
    path = request["path"].removeprefix("/api/v1")
    if TASK_ID in path:
        pending = replayed(simulator, sdk("create, only a prompt")).json()["output"]["task_id"]
        path = path.replace(TASK_ID, pending)
    return requests.request(
        request["method"],
        f"{simulator.base_url(Region.BEIJING)}{path}",
        params=request.get("query"),
        json=request.get("body"),
        headers=headers,
        timeout=PATIENCE,
    )
