"""Videos that begin with an image, through official clients: frame 0 of the stored video is the image."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import pytest
import requests
from dashscope import Client
from dashscope.aigc.video_synthesis import VideoSynthesis
from openai import OpenAI

from tests.e2e.clients import node
from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, accepted
from tests.integration.sdk.record import pointed_at
from tools.harness.patience import PATIENCE
from wan_simulator.testing import frames_of, image, shows

FOX, DEN = image(480, 360, seed=11), image(400, 480, "JPEG", seed=12)
SMALL: Final[dict[str, Any]] = {"resolution": "720P", "duration": 2}
BASE64: Final = base64.b64encode(FOX).decode()

Sync = cast(Any, VideoSynthesis)


@contextmanager
def serving(local: Local, content: bytes) -> Iterator[str]:
    """Serve an image on this machine, from which the API may fetch it while the block runs; yields its URL."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["User-Agent"])
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "image/png")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        origin = f"http://127.0.0.1:{server.server_port}"
        local.set_variable(["api"], "IMAGE_ORIGINS", origin)
        yield f"{origin}/fox.png"
        local.set_variable(["api"], "IMAGE_ORIGINS", "")
        server.shutdown()
        thread.join(PATIENCE)
    # Our stack has fetched it once, and Wan has received a copy.
    assert asked == ["wan-video"]


def assert_begins_with(
    local: Local, prompt: str, link: str, model: str, first: bytes = FOX, last: bytes | None = None
) -> None:
    """Check the only task of a prompt, by Wan's own ledger, and the first and the last frame of the stored video."""
    (task,) = accepted(local, prompt)
    (billed,) = local.simulator.entries_about(task["task_id"], "billed")
    images = [image for image in (first, last) if image is not None]
    assert billed["model"] == model
    assert billed["images_sha256"] == [hashlib.sha256(one).hexdigest() for one in images]
    content = requests.get(link, timeout=PATIENCE).content
    assert content == local.simulator.film(task["task_id"])
    opening, closing = frames_of(content, 0, -1)
    assert shows(opening, first)
    assert shows(closing, last) if last is not None else not shows(closing, first)


def assert_bytes_begin_with(local: Local, prompt: str, content: bytes, model: str) -> None:
    """Check the only task of a prompt, by Wan's own ledger, and the first frame of the video that a client received."""
    (task,) = accepted(local, prompt)
    (billed,) = local.simulator.entries_about(task["task_id"], "billed")
    assert (billed["model"], billed["images_sha256"]) == (model, [hashlib.sha256(FOX).hexdigest()])
    (opening,) = frames_of(content, 0)
    assert shows(opening, FOX)


@pytest.fixture
def sdk(local: Local) -> Iterator[None]:
    """Point the older surface of the SDK at the stack, with the stack's token."""
    with pointed_at(f"{local.stack.api_url}/api/v1", local.stack.token):
        yield


@pytest.fixture
def client(local: Local) -> Iterator[Client]:
    with Client(base_url=f"{local.stack.api_url}/api/v1", api_key=local.stack.token) as one:
        yield one


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of this machine, with a name that users give to files."""
    path = tmp_path / "My fox (1).png"
    path.write_bytes(FOX)
    return str(path)


# --- DashScope's SDK, the older surface ------------------------------------------------------------------------------


def called(prompt: str, **asked: Any) -> str:
    answer = Sync.call(**{"model": "wan2.6-i2v-flash", **SMALL, "prompt": prompt, **asked}, wait_timeout=PATIENCE)
    assert answer.output.task_status == "SUCCEEDED", answer
    return str(answer.output.video_url)


@pytest.mark.usefixtures("sdk")
def test_video_synthesis_makes_a_video_of_a_local_file(local: Local, file: str) -> None:
    prompt = "VideoSynthesis and a local file"
    assert_begins_with(local, prompt, called(prompt, img_url=file), "wan2.6-i2v-flash")


@pytest.mark.usefixtures("sdk")
def test_video_synthesis_makes_a_video_of_a_url(local: Local) -> None:
    prompt = "VideoSynthesis and a URL"
    with serving(local, FOX) as url:
        link = called(prompt, img_url=url)
    assert_begins_with(local, prompt, link, "wan2.6-i2v-flash")


@pytest.mark.usefixtures("sdk")
@pytest.mark.parametrize("prefix", ["data:image/png;base64,", ""], ids=["data URL", "base64"])
def test_video_synthesis_makes_a_video_of_base64(local: Local, prefix: str) -> None:
    # Another test searches everything that the stack has written, including prompts, for data URLs.
    prompt = f"VideoSynthesis and {'a prefix' if prefix else 'nothing'} before base64"
    assert_begins_with(local, prompt, called(prompt, img_url=prefix + BASE64), "wan2.6-i2v-flash")


@pytest.mark.usefixtures("sdk")
def test_video_synthesis_makes_a_video_of_wan27_from_media_with_a_first_and_a_last_frame(local: Local) -> None:
    prompt = "VideoSynthesis and two frames"
    last = f"data:image/jpeg;base64,{base64.b64encode(DEN).decode()}"
    media = [{"type": "first_frame", "url": f"data:image/png;base64,{BASE64}"}, {"type": "last_frame", "url": last}]
    link = called(prompt, model="wan2.7-i2v", media=media)
    assert_begins_with(local, prompt, link, "wan2.7-i2v", FOX, DEN)


@pytest.mark.usefixtures("sdk")
def test_video_synthesis_makes_a_video_without_a_prompt(local: Local) -> None:
    before = len(local.simulator.entries("billed"))
    answer = Sync.call(model="wan2.6-i2v", **SMALL, img_url=f"data:image/png;base64,{BASE64}", wait_timeout=PATIENCE)
    assert answer.output.task_status == "SUCCEEDED"
    (billed,) = local.simulator.entries("billed")[before:]
    assert billed["images_sha256"] == [hashlib.sha256(FOX).hexdigest()]
    (opening,) = frames_of(requests.get(answer.output.video_url, timeout=PATIENCE).content, 0)
    assert shows(opening, FOX)


# --- DashScope's SDK, the newer surface ------------------------------------------------------------------------------


def generated(client: Client, prompt: str, model: str, **asked: Any) -> str:
    job = client.videos.generate(model=model, prompt=prompt, **SMALL, timeout=FINAL_SECONDS, **asked)
    return job.video_url or ""


@pytest.mark.parametrize("model", ["wan2.7-i2v", "wan3.0-video"])
def test_client_makes_a_video_of_a_local_file(local: Local, client: Client, file: str, model: str) -> None:
    prompt = f"Client, {model} and a local file"
    assert_begins_with(local, prompt, generated(client, prompt, model, image_url=file), model)


def test_client_makes_a_video_of_a_url(local: Local, client: Client) -> None:
    prompt = "Client and a URL"
    with serving(local, FOX) as url:
        link = generated(client, prompt, "wan2.7-i2v", image_url=url)
    assert_begins_with(local, prompt, link, "wan2.7-i2v")


@pytest.mark.parametrize("model", ["wan2.6-i2v", "wan2.7-i2v", "wan3.0-video"])
def test_client_makes_a_video_of_base64(local: Local, client: Client, model: str) -> None:
    prompt = f"Client, {model} and base64"
    link = generated(client, prompt, model, image_url=f"data:image/png;base64,{BASE64}")
    assert_begins_with(local, prompt, link, model)


def test_client_makes_a_video_of_wan30_from_media_with_a_first_and_a_last_frame(local: Local, client: Client) -> None:
    prompt = "Client and two frames"
    last = f"data:image/jpeg;base64,{base64.b64encode(DEN).decode()}"
    media = [{"type": "first_frame", "url": f"data:image/png;base64,{BASE64}"}, {"type": "last_frame", "url": last}]
    link = generated(client, prompt, "wan3.0-video", media=media)
    assert_begins_with(local, prompt, link, "wan3.0-video", FOX, DEN)


# --- npm's `ai` with `@ai-sdk/alibaba` -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("model", ["wan2.6-i2v-flash", "wan2.7-i2v", "wan3.0-video"])
def test_ai_makes_a_video_of_bytes(local: Local, model: str) -> None:
    prompt = f"Node and {model}"
    asked = {
        "do": "generate",
        "baseURL": local.stack.api_url,
        "apiKey": local.stack.token,
        "model": model,
        "video": {"prompt": {"image": BASE64, "text": prompt}, "resolution": "1280x720", "duration": 2},
        "alibaba": {},
    }
    made = node.run("ai.mjs", asked)
    assert_bytes_begin_with(local, prompt, base64.b64decode(made["bytes"]), model)


# --- openai ----------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_openai_makes_a_video_of_a_file(local: Local, file: str) -> None:
    prompt = "openai and a local file"
    with OpenAI(base_url=f"{local.stack.api_url}/v1", api_key=local.stack.token) as client:
        video = client.videos.create_and_poll(
            prompt=prompt,
            model="wan2.7-i2v",
            input_reference=Path(file),
            poll_interval_ms=300,
            extra_body={"seconds": "2", "resolution": "720P"},
        )
        assert video.status == "completed"
        content = client.videos.download_content(video.id).content
    assert_bytes_begin_with(local, prompt, content, "wan2.7-i2v")


@pytest.mark.slow
def test_openai_of_npm_makes_a_video_of_a_file(local: Local) -> None:
    prompt = "Node, openai and a file"
    asked = {
        "baseURL": f"{local.stack.api_url}/v1",
        "apiKey": local.stack.token,
        "prompt": prompt,
        "model": "wan2.7-i2v",
        "image": BASE64,
    }
    made = node.run("openai.mjs", asked)
    assert_bytes_begin_with(local, prompt, base64.b64decode(made["bytes"]), "wan2.7-i2v")
