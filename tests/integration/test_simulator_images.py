"""Videos that begin, and end, with the caller's image: what Wan fetches, shows, refuses and bills."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import pytest
import requests

from tools.harness.patience import PATIENCE
from wan_simulator.clock import Clock
from wan_simulator.simulator import Settings, Simulator
from wan_simulator.testing import TEST_ORIGIN, frames_of, image, running_simulator, shows, tone

FIRST, LAST = image(480, 360, seed=1), image(400, 480, "JPEG", seed=2)
RESOLVING = {"X-DashScope-OssResourceResolve": "enable"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as one:
        yield one


def base_url(simulator: Simulator, model: str) -> str:
    return f"{simulator.origin}/ws-simulator.singapore/api/v1" if "wan3" in model else simulator.base_url()


def create(simulator: Simulator, model: str, given: dict[str, Any], **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {simulator.key()}", "X-DashScope-Async": "enable", **more.pop("headers", {})}
    return requests.post(
        f"{base_url(simulator, model)}/services/aigc/video-generation/video-synthesis",
        json={"model": model, "input": given, "parameters": more},
        headers=headers,
        timeout=PATIENCE,
    )


def answer(simulator: Simulator, model: str, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Create a task, wait until it has ended, and return what a query says of it."""
    created = create(simulator, model, given, **more)
    assert created.status_code == 200
    task_id = created.json()["output"]["task_id"]
    simulator.finish(task_id)
    url = f"{base_url(simulator, model)}/tasks/{task_id}"
    found: dict[str, Any] = requests.get(
        url, headers={"Authorization": f"Bearer {simulator.key()}"}, timeout=PATIENCE
    ).json()
    return found


def video(found: dict[str, Any]) -> bytes:
    assert found["output"]["task_status"] == "SUCCEEDED", found
    return requests.get(found["output"]["video_url"], timeout=PATIENCE).content


def data_url(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def frames(*contents: str) -> dict[str, Any]:
    kinds = ("first_frame", "last_frame")
    return {"media": [{"type": kind, "url": url} for kind, url in zip(kinds, contents, strict=False)]}


@contextmanager
def serving(content: bytes, status: int = 200, kind: str = "image/png") -> Iterator[tuple[str, list[str]]]:
    """Serve `content` on this machine; yields its URL and the User-Agents that asked for it."""
    agents: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            agents.append(self.headers["User-Agent"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/fox.png", agents
        server.shutdown()
        thread.join(PATIENCE)


def uploaded(simulator: Simulator, content: bytes, model: str) -> str:
    policy = requests.get(
        f"{simulator.base_url()}/uploads",
        params={"action": "getPolicy", "model": model},
        headers={"Authorization": f"Bearer {simulator.key()}"},
        timeout=PATIENCE,
    ).json()["data"]
    key = f"{policy['upload_dir']}/fox.png"
    form = {
        "OSSAccessKeyId": policy["oss_access_key_id"],
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": key,
        "success_action_status": "200",
    }
    requests.post(policy["upload_host"], data=form, files={"file": content}, timeout=PATIENCE).raise_for_status()
    return f"oss://{key}"


@pytest.mark.parametrize(
    ("model", "tier", "size", "usage"),
    [
        ("wan3.0-video", "480P", (720, 544), {"duration": 5.0, "input_video_duration": 0.0,
         "output_video_duration": 5.0, "video_count": 1, "SR": 480, "ratio": "4:3", "fps": 30}),
        ("wan2.7-i2v", "720P", (1104, 816), {"duration": 5, "input_video_duration": 0, "output_video_duration": 5,
         "video_count": 1, "SR": 720}),
        ("wan2.6-i2v", "720P", (1104, 816), {"duration": 5, "input_video_duration": 0, "output_video_duration": 5,
         "video_count": 1, "SR": 720}),
        ("wan2.6-i2v-flash", "720P", (1104, 816), {"duration": 5, "input_video_duration": 0,
         "output_video_duration": 5, "video_count": 1, "SR": 720, "audio": True}),
        ("wan2.5-i2v-preview", "480P", (720, 544), {"duration": 5, "video_count": 1, "SR": 480}),
        ("wan2.2-i2v-flash", "480P", (720, 544), {"duration": 5, "video_count": 1, "SR": 480}),
    ],
)  # fmt: skip
def test_frame_0_is_the_image_and_the_usage_is_that_of_the_model(
    simulator: Simulator, model: str, tier: str, size: tuple[int, int], usage: dict[str, Any]
) -> None:
    given = {"img_url": data_url(FIRST)} if model < "wan2.7" else frames(data_url(FIRST))
    found = answer(simulator, model, given, resolution=tier)
    (frame,) = frames_of(video(found), 0)

    assert (frame.size, found["usage"]) == (size, usage)
    assert shows(frame, FIRST)
    assert not shows(frame, LAST)
    assert found["output"]["orig_prompt"] == ""
    assert ("actual_prompt" in found["output"]) == (model < "wan2.6")
    assert [(entry["images_sha256"], entry["seconds"]) for entry in simulator.ledger("billed")] == [
        ([sha256(FIRST).hexdigest()], 5)
    ]


@pytest.mark.parametrize("model", ["wan3.0-video", "wan2.7-i2v"])
def test_the_last_frame_is_the_last_image(simulator: Simulator, model: str) -> None:
    found = answer(simulator, model, frames(data_url(FIRST), data_url(LAST, "jpeg")), resolution="720P")
    first, middle, last = frames_of(video(found), 0, 75, -1)

    assert shows(first, FIRST)
    assert shows(last, LAST)
    assert not shows(middle, FIRST)
    assert not shows(middle, LAST)


def test_tasks_that_share_a_clip_share_it_only_with_the_same_image(simulator: Simulator) -> None:
    found = [answer(simulator, "wan2.6-i2v", {"img_url": data_url(one)}) for one in (FIRST, LAST, FIRST)]
    videos = [video(one) for one in found]

    assert [shows(frames_of(one, 0)[0], FIRST) for one in videos] == [True, False, True]
    assert len(set(videos)) == 3


def test_wan_fetches_a_url_itself_as_its_user_bot(simulator: Simulator) -> None:
    with serving(FIRST) as (url, agents):
        found = answer(simulator, "wan2.6-i2v", {"img_url": url})

    assert shows(frames_of(video(found), 0)[0], FIRST)
    assert len(agents) == 1
    assert "DashScopeUserBot" in agents[0]


@pytest.mark.parametrize(
    ("content", "status", "kind", "message"),
    [
        (FIRST, 404, "image/png", "Failed to find the requested media resource"),
        (FIRST, 403, "image/png", "Don't have authorization to access the media resource"),
        (FIRST, 302, "image/png", "Unable to download the media resource"),
        (FIRST, 200, "text/html", "The media format is not supported"),
        (b"", 200, "image/png", "The media format is not supported"),
        (image(359, 400), 200, "image/png", "the size of input image is too small or too large."),
    ],
)
def test_an_image_that_cannot_be_used_fails_the_task_and_costs_nothing(
    simulator: Simulator, content: bytes, status: int, kind: str, message: str
) -> None:
    with serving(content, status, kind) as (url, _):
        found = answer(simulator, "wan2.6-i2v", {"img_url": url, "prompt": "a fox"})

    assert found["output"]["task_status"] == "FAILED"
    assert found["output"]["message"].startswith(message)
    assert simulator.ledger("billed") == []


def test_img_url_for_wan27_is_accepted_and_fails(simulator: Simulator) -> None:
    output = answer(simulator, "wan2.7-i2v", {"img_url": data_url(FIRST)})["output"]

    assert (output["code"], output["message"]) == ("InvalidParameter", "Field required: input.media")


@pytest.mark.parametrize("model", ["wan2.6-i2v", "wan2.7-i2v"])
def test_an_uploaded_image_is_shown_only_with_its_header_and_for_its_model(simulator: Simulator, model: str) -> None:
    name = uploaded(simulator, FIRST, model)
    given = {"img_url": name} if model < "wan2.7" else frames(name)
    other = {"img_url": uploaded(simulator, FIRST, "wan2.6-t2v")} if model < "wan2.7" else frames("oss://a/b.png")

    assert shows(frames_of(video(answer(simulator, model, given, headers=RESOLVING)), 0)[0], FIRST)
    for lost in (answer(simulator, model, given), answer(simulator, model, other, headers=RESOLVING)):
        assert lost["output"]["code"] == "InvalidParameter.DataInspection"
    assert len(simulator.ledger("billed")) == 1


def test_audio_false_makes_a_silent_video_of_wan26_flash_only(simulator: Simulator) -> None:
    silent = answer(simulator, "wan2.6-i2v-flash", {"img_url": data_url(FIRST)}, audio=False)

    assert silent["usage"]["audio"] is False
    assert simulator.ledger("billed")[0]["audio"] is False


def test_driving_audio_of_wan27_is_among_its_media(simulator: Simulator) -> None:
    with serving(tone(3), kind="audio/wav") as (url, agents):
        given = {"media": [*frames(data_url(FIRST))["media"], {"type": "driving_audio", "url": url}]}
        assert shows(frames_of(video(answer(simulator, "wan2.7-i2v", given)), 0)[0], FIRST)

    assert len(agents) == 1


def test_a_body_beyond_the_gateways_limit_is_answered_with_413(simulator: Simulator) -> None:
    fitting = create(simulator, "wan2.6-i2v", {"img_url": "A" * (17 * 1024 * 1024)})
    large = create(simulator, "wan2.6-i2v", {"img_url": "A" * (21 * 1024 * 1024)})

    assert (fitting.status_code, large.status_code) == (200, 413)
    assert len(simulator.ledger("received")) == 1


def test_the_rendered_film_fades_from_the_image_into_the_scenery_and_back() -> None:
    settings = Settings(clock=Clock(speed=0, origin=TEST_ORIGIN), latency=1, seed=1)
    with Simulator(settings) as simulator:
        given = {"prompt": "a fox", **frames(data_url(FIRST), data_url(LAST, "jpeg"))}
        found = answer(simulator, "wan3.0-video", given, resolution="480P", duration=4)
        first, soon, middle, last = frames_of(video(found), 0, 1, 60, -1)

    assert shows(first, FIRST)
    assert shows(last, LAST)
    assert not shows(middle, FIRST)
    assert not shows(middle, LAST)
    assert soon.size == (720, 544)
