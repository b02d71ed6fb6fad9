"""Images through the whole stack: uploaded, in forms and in JSON, up to the frames of the video, and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from typing import Any, Final

import av
import requests

from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, NOTICE_SECONDS
from tests.e2e.test_canaries import texts
from tools.harness.images import BLUE, RED, image_bytes
from tools.harness.patience import PATIENCE

MODEL: Final = "wan2.7-i2v"
ASKED: Final[dict[str, Any]] = {"model": MODEL, "resolution": "720P", "seconds": 2}
FOX, DEN = image_bytes("PNG", (640, 360), RED), image_bytes("JPEG", (640, 360), BLUE)
LARGE: Final = FOX + bytes(7_000_000)
"""An image above the limit of data URLs; what follows the end of a PNG is ignored."""


def call(local: Local, method: str, path: str, **options: Any) -> requests.Response:
    """Call the API, and return its answer."""
    headers = {"Authorization": f"Bearer {local.stack.token}", **options.pop("headers", {})}
    with requests.Session() as session:
        session.trust_env = False
        url = f"{local.stack.api_url}{path}"
        return session.request(method, url, headers=headers, timeout=PATIENCE, allow_redirects=False, **options)


def made(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    return document


def completed(local: Local, video_id: str) -> bytes:
    """Wait for a video, and return its file."""
    ended = local.client.await_final(video_id, within=FINAL_SECONDS)
    assert ended["status"] == "completed", ended["error"]
    link = call(local, "GET", f"/v1/videos/{video_id}/content").headers["Location"]
    return requests.get(link, timeout=PATIENCE).content


def frames(film: bytes) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, int]]:
    """Return the colour in the middle of the first and of the last frame, and the sides of the video."""
    with av.open(io.BytesIO(film), "r") as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    height, width = pictures[0].shape[:2]
    first, last = (
        tuple(int(part) for part in picture[height // 2, width // 2]) for picture in (pictures[0], pictures[-1])
    )
    return first, last, (width, height)


def is_near(colour: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 24 for one, other in zip(colour, expected, strict=True))


def test_an_uploaded_image_is_the_first_frame_and_one_in_the_request_the_last(local: Local) -> None:
    opened = call(local, "POST", "/v1/inputs", json={}).json()
    upload = opened["upload"]
    put = requests.put(
        upload["url"], data=LARGE, headers={**upload["headers"], "Content-Type": "image/png"}, timeout=PATIENCE
    )
    assert put.ok, put.text
    again = requests.put(upload["url"], data=DEN, headers=upload["headers"], timeout=PATIENCE)
    assert again.status_code == 412, "an input never changes"
    last = f"data:image/jpeg;base64,{base64.b64encode(DEN).decode()}"
    video = made(call(local, "POST", "/v1/videos", json={**ASKED, "input_reference": opened["id"], "last_frame": last}))
    assert video["input_reference"]["sha256"] == hashlib.sha256(LARGE).hexdigest()
    first_colour, last_colour, (width, height) = frames(completed(local, video["id"]))
    assert (is_near(first_colour, RED), is_near(last_colour, BLUE)) == (True, True)
    assert abs(width / height - 640 / 360) < 0.05


def test_a_file_of_a_form_arrives_unharmed_through_the_gateway(local: Local) -> None:
    fields = {name: str(value) for name, value in ASKED.items()}
    answer = call(local, "POST", "/v1/videos", data=fields, files={"input_reference": ("fox.png", FOX, "image/png")})
    video = made(answer)
    assert video["input_reference"]["sha256"] == hashlib.sha256(FOX).hexdigest()
    assert is_near(frames(completed(local, video["id"]))[0], RED)


def test_a_body_that_lambda_would_refuse_gets_advice(local: Local) -> None:
    files = {"input_reference": ("fox.png", LARGE, "image/png")}
    answer = call(local, "POST", "/v1/videos", data={"model": MODEL}, files=files)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"
    assert "POST /v1/inputs" in answer.json()["detail"]


def test_an_image_that_is_deleted_while_its_video_waits_ends_it_without_a_bill(local: Local) -> None:
    received = len(local.simulator.entries("received"))
    with local.nothing_starts():
        inline = f"data:image/png;base64,{base64.b64encode(FOX + b'canary').decode()}"
        video = made(call(local, "POST", "/v1/videos", json={**ASKED, "input_reference": inline}))
        assert call(local, "DELETE", f"/v1/inputs/{video['input_reference']['id']}").status_code == 200
    ended = local.client.await_final(video["id"], within=FINAL_SECONDS)
    assert (ended["status"], ended["error"]["code"], ended["usage"]) == ("failed", "image_gone", None)
    assert ended["upstream"] is None
    notice = local.notices.await_about(video["id"], within=NOTICE_SECONDS)
    assert "image_gone" in repr(notice)
    assert len(local.simulator.entries("received")) == received


def test_no_image_and_no_link_to_one_is_in_logs_histories_notices_or_rows(local: Local) -> None:
    opened = call(local, "POST", "/v1/inputs", json={}).json()
    assert requests.put(opened["upload"]["url"], data=LARGE, headers=opened["upload"]["headers"], timeout=PATIENCE).ok
    inline = f"data:image/png;base64,{base64.b64encode(FOX).decode()}"
    for image in (opened["id"], inline):
        video = made(call(local, "POST", "/v1/videos", json={**ASKED, "input_reference": image}))
        completed(local, video["id"])
        local.notices.await_about(video["id"], within=NOTICE_SECONDS)
    secrets = {"base64 of the image": base64.b64encode(FOX).decode()[:60], "a signed link": "X-Amz-Signature="}
    found = list(texts(local))
    leaks = {(name, place) for place, text in found for name, value in secrets.items() if value in text}
    assert leaks == set()
    assert not [place for place, text in found if re.search(r"data:image/\w+;base64", text)]
