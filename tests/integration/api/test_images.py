"""Images at the native door: every way to send one, and what a bad one gets before anything is stored or paid."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration import raw_server
from tests.integration.api.client import Answer, Api, assert_problem
from tests.integration.raw_server import RawServer, Talk
from tools.harness.images import BLUE, BadBytes, bad_bytes, image_bytes, png_header
from tools.harness.lambdas import end_process, event, warm
from tools.harness.stack import INPUTS, Stack
from wan_video.domain.image import MAX_IMAGE_BYTES

MODEL = "wan3.0-video"
FOX, DEN = image_bytes("PNG"), image_bytes("JPEG", (720, 1280), BLUE)
BOUNDARY = "d4c3b2a1"
ASKED = {"model": MODEL, "region": "singapore"}


@pytest.fixture
def api(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The function of a stack whose workspace has wan3.0."""
    end_process()
    warm(stack, monkeypatch, WAN_WORKSPACE_ID="ws-1")
    return Api(stack)


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def objects(api: Api) -> dict[str, bytes]:
    s3 = api.stack.s3
    listed = s3.list_objects_v2(Bucket=INPUTS).get("Contents", [])
    return {one["Key"]: s3.get_object(Bucket=INPUTS, Key=one["Key"])["Body"].read() for one in listed}


def assert_nothing_happened(api: Api) -> None:
    assert (api.stored, objects(api)) == (0, {})


def form(fields: dict[str, str], *files: tuple[str, bytes]) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    for name, content in files:
        head = f'Content-Disposition: form-data; name="{name}"; filename="fox.png"\r\nContent-Type: image/png'
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post_form(api: Api, fields: dict[str, str], *files: tuple[str, bytes], path: str = "/v1/videos") -> Answer:
    """Send a form as API Gateway passes on a binary body."""
    given = event("api_post")
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    given["headers"] |= {"Content-Type": content_type}
    given["multiValueHeaders"] |= {"Content-Type": [content_type]}
    given |= {"path": path, "isBase64Encoded": True, "body": base64.b64encode(form(fields, *files)).decode()}
    return api.call(given)


def shown(answer: Answer, name: str = "input_reference") -> dict[str, Any]:
    assert answer.status == 202, answer.text
    image: dict[str, Any] = answer.json[name]
    return image


def uploaded(api: Api, content: bytes, owner: str = "") -> str:
    answer = api.post({}, path="/v1/inputs", owner=owner) if owner else api.post({}, path="/v1/inputs")
    assert answer.status == 201, answer.text
    upload = answer.json["upload"]
    assert (upload["method"], upload["headers"]) == ("PUT", {"If-None-Match": "*"})
    api.stack.s3.put_object(Bucket=INPUTS, Key=urlsplit(upload["url"]).path.lstrip("/"), Body=content)
    input_id: str = answer.json["id"]
    return input_id


def test_a_data_url_is_stored_under_its_digest_and_shown_without_it(api: Api) -> None:
    answer = api.post({**ASKED, "prompt": "it runs", "input_reference": data_url(FOX), "last_frame": data_url(DEN)})
    image = shown(answer)
    assert image | {"id": ""} == {
        "id": "", "sha256": hashlib.sha256(FOX).hexdigest(), "format": "png", "width": 640, "height": 360,
        "bytes": len(FOX),
    }  # fmt: skip
    assert (shown(answer, "last_frame")["format"], shown(answer, "last_frame")["height"]) == ("jpeg", 1280)
    assert {key.rpartition("/")[2]: content for key, content in objects(api).items()} == {
        image["id"]: FOX,
        shown(answer, "last_frame")["id"]: DEN,
    }
    assert answer.json["aspect_ratio"] == "adaptive"
    assert "base64" not in answer.text
    assert "http" not in json.dumps([image, shown(answer, "last_frame")])


def test_a_file_of_a_form_is_the_same_image_as_a_data_url(api: Api) -> None:
    fields = {**ASKED, "prompt": "it runs"}
    by_form = shown(post_form(api, fields, ("input_reference", FOX)))
    by_json = shown(api.post({**fields, "input_reference": data_url(FOX)}))
    assert by_form == by_json
    assert len(objects(api)) == 1


@pytest.mark.parametrize("members", [{"image_url": data_url(FOX)}, {"file_id": ""}])
def test_the_object_form_of_the_openai_sdk_is_accepted_as_json_and_as_a_form(api: Api, members: dict[str, str]) -> None:
    if "file_id" in members:
        members = {"file_id": uploaded(api, FOX)}
    ((name, value),) = members.items()
    assert shown(api.post({**ASKED, "input_reference": members}))["width"] == 640
    assert shown(post_form(api, {**ASKED, f"input_reference[{name}]": value}))["width"] == 640


def test_an_uploaded_input_is_used_by_its_id_and_only_by_its_owner(api: Api) -> None:
    input_id = uploaded(api, FOX, owner="alice")
    image = shown(api.post({**ASKED, "input_reference": input_id}, owner="alice"))
    assert (image["id"], image["sha256"]) == (input_id, hashlib.sha256(FOX).hexdigest())
    stored = api.stored
    other = api.post({**ASKED, "input_reference": input_id}, owner="bob")
    assert_problem(other, 400, "invalid_request")
    assert (other.json["error"]["param"], "does not exist" in other.json["detail"]) == ("input_reference", True)
    assert api.delete(f"/v1/inputs/{input_id}", owner="bob").status == 200
    assert (api.stored, len(objects(api))) == (stored, 1)


def test_the_id_that_a_video_shows_is_an_input_too_and_can_be_deleted(api: Api) -> None:
    input_id = shown(api.post({**ASKED, "input_reference": data_url(FOX)}))["id"]
    assert shown(api.post({**ASKED, "input_reference": input_id}))["id"] == input_id
    assert len(objects(api)) == 1
    assert api.delete(f"/v1/inputs/{input_id}").json == {"id": input_id, "object": "input.deleted", "deleted": True}
    assert objects(api) == {}
    assert_problem(api.post({**ASKED, "input_reference": input_id}), 400, "invalid_request")
    assert_problem(api.delete("/v1/inputs/../../x"), 404, "not_found")
    assert_problem(api.delete("/v1/inputs/input_1"), 404, "input_not_found")


def test_an_input_takes_no_fields(api: Api) -> None:
    assert_problem(api.post({"name": "fox.png"}, path="/v1/inputs"), 400, "invalid_request")


def test_an_input_without_a_file_is_a_400(api: Api) -> None:
    input_id = api.post({}, path="/v1/inputs").json["id"]
    answer = api.post({**ASKED, "input_reference": input_id})
    assert_problem(answer, 400, "invalid_request")
    assert "nothing was uploaded to it" in answer.json["detail"]
    assert_nothing_happened(api)


def test_a_quote_reads_the_image_and_stores_nothing(api: Api) -> None:
    body = {**ASKED, "input_reference": data_url(FOX)}
    assert api.post(body, query={"dry_run": "true"}).json["estimate"]["seconds"] == 5
    bad = api.post({**ASKED, "input_reference": data_url(b"GIF89a")}, query={"dry_run": "true"})
    assert_problem(bad, 400, "invalid_request")
    assert_nothing_happened(api)


@pytest.mark.parametrize("bad", bad_bytes(), ids=lambda bad: bad.name)
def test_bad_bytes_get_one_clear_answer_and_cost_nothing(api: Api, bad: BadBytes) -> None:
    for answer in (
        api.post({**ASKED, "prompt": "a fox", "input_reference": data_url(bad.content)}),
        post_form(api, {**ASKED, "prompt": "a fox"}, ("input_reference", bad.content)),
    ):
        assert_problem(answer, 400, "invalid_request")
        assert [error["pointer"] for error in answer.json["errors"]] == ["/input_reference"]
        assert bad.sentence in answer.json["detail"]
    assert_nothing_happened(api)


LONG = "https://example.com/" + "a" * 8192


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("", "must be an image: an https URL"),
        ("fox.png", "must be an image: an https URL"),
        ("/etc/passwd", "must be an image: an https URL"),
        ("file:///etc/passwd", "must be an image: an https URL"),
        ("ftp://example.com/fox.png", "must be an image: an https URL"),
        ("s3://bucket/fox.png", "must be an image: an https URL"),
        ("oss://", "must be an image: an https URL"),
        ("input_1", "must be an image: an https URL"),
        (f"input_{'0' * 32}", "does not exist"),
        (LONG, "is longer than 8192 characters"),
        ("data:image/png,abc", "is not a data URL of base64"),
        ("data:image/png;base64", "is not a data URL of base64"),
        ("data:image/png;base64,@@@@", "whose base64 is damaged"),
        ("data:image/png;base64,aGVsbG8", "whose base64 is damaged"),
        ("data:image/png;base64,狐", "whose base64 is damaged"),
        ("http://example.com/fox.png", "must be an https URL on port 443"),
        ("https://example.com:8443/fox.png", "must be an https URL on port 443"),
        ("https://localhost/fox.png", "does not name a public host"),
        ("https://127.0.0.1/fox.png", "does not name a public host"),
        ("https://10.0.0.1/fox.png", "does not name a public host"),
        ("https://169.254.169.254/latest/meta-data", "does not name a public host"),
        ("https://[::1]/fox.png", "does not name a public host"),
        ("https://[::ffff:10.0.0.1]/fox.png", "does not name a public host"),
        ("https://2130706433/fox.png", "does not name a public host"),
        ("https://fox.internal/fox.png", "does not name a public host"),
        ("https://user:password@example.com/fox.png", "contains a user name"),
        ({"image_url": data_url(FOX), "file_id": f"input_{'0' * 32}"}, "either image_url or file_id"),
        ({}, "either image_url or file_id"),
        (5, "must be an image: an https URL"),
        (["https://example.com/fox.png"], "must be an image: an https URL"),
        ({"file_id": "file-abc"}, "the id of an input from POST /v1/inputs"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_reference_that_leads_nowhere_gets_one_clear_answer(api: Api, reference: object, sentence: str) -> None:
    answer = api.post({**ASKED, "prompt": "a fox", "input_reference": reference})
    assert_problem(answer, 400, "invalid_request")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/input_reference"]
    assert sentence in answer.json["detail"], answer.json["detail"]
    assert_nothing_happened(api)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input_reference": 5}, "input_reference"),
        ({"input_reference": {"url": data_url(FOX)}}, "input_reference"),
        ({"last_frame": data_url(FOX), "prompt": "a fox"}, "last_frame"),
        ({"input_reference": data_url(FOX), "model": "wan2.6-t2v"}, "input_reference"),
        ({"input_reference": data_url(FOX), "seconds": 99}, "seconds"),
        ({"input_reference": data_url(FOX), "last_frame": data_url(b"GIF89a")}, "last_frame"),
        ({}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_other_problems_of_a_request_with_images_name_their_field(api: Api, body: dict[str, Any], param: str) -> None:
    answer = api.post({**ASKED, **body})
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["error"]["param"] == param
    assert_nothing_happened(api)


@dataclass(frozen=True)
class Web:
    """The API, which may fetch images from one server on loopback."""

    api: Api
    server: RawServer
    talks: list[Talk]

    def post(self, path: str = "/fox.png", key: str | None = None) -> Answer:
        headers = {"Idempotency-Key": key} if key else None
        return self.api.post({**ASKED, "input_reference": self.server.url + path}, headers)

    def refused(self, *talks: Talk) -> str:
        self.talks[:] = talks
        answer = self.post("/fox.png?token=CANARY-LINK")
        assert_problem(answer, 400, "invalid_request")
        assert answer.json["error"]["param"] == "input_reference"
        assert "CANARY" not in answer.text
        assert_nothing_happened(self.api)
        detail: str = answer.json["detail"]
        return detail


@pytest.fixture
def web(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server that answers one request after another as a test says."""
    talks: list[Talk] = []
    with raw_server.raw_server(lambda connection, closing: talks.pop(0)(connection, closing)) as server:
        end_process()
        warm(stack, monkeypatch, WAN_WORKSPACE_ID="ws-1", IMAGE_ORIGINS=server.url)
        yield Web(Api(stack), server, talks)
    end_process()


def serving(content: bytes, *headers: str, status: str = "200 OK") -> Talk:
    return raw_server.say(raw_server.answer(status, content, *headers))


def redirecting(to: str) -> Talk:
    return serving(b"", f"Location: {to}", status="302 Found")


def test_a_url_is_fetched_once_and_its_image_is_copied(web: Web) -> None:
    web.talks[:] = [serving(FOX)]
    image = shown(web.post())
    assert image["sha256"] == hashlib.sha256(FOX).hexdigest()
    assert list(objects(web.api).values()) == [FOX]
    assert len(web.server.requests) == 1
    row = json.dumps(web.api.stack.dynamodb.Table("videos").scan()["Items"], default=str)
    assert web.server.url not in row


def test_a_redirect_is_followed_on_the_same_host(web: Web) -> None:
    web.talks[:] = [redirecting("/other.png"), serving(FOX)]
    assert shown(web.post())["width"] == 640
    assert web.server.requests[1].startswith(b"GET /other.png")


TOO_MANY = tuple(redirecting("/again.png") for _ in range(4))


@pytest.mark.parametrize(
    ("talks", "sentence"),
    [
        ((serving(b"gone", status="404 Not Found"),), "answers 404"),
        ((serving(b"<Error><Code>AccessDenied</Code></Error>", status="403 Forbidden"),), "answers 403"),
        ((serving(b"", status="500 Internal Server Error"),), "answers 500"),
        ((serving(b"", status="204 No Content"),), "answers 204"),
        ((serving(b"<html>a page about a fox</html>"),), "send JPEG, PNG, BMP or WEBP"),
        ((serving(b""),), "0 bytes"),
        ((serving(png_header(9000, 9000)),), "sides of 240 to 8000 pixels"),
        ((redirecting("http://169.254.169.254/latest/meta-data"),), "redirects to another host"),
        ((redirecting("https://example.com/fox.png"),), "redirects to another host"),
        ((redirecting("//example.com/fox.png"),), "redirects to another host"),
        (TOO_MANY, "redirects more than 3 times"),
        ((raw_server.say(b""),), "could not be reached"),
        ((raw_server.say(b"not http\r\n\r\n"),), "could not be reached"),
        ((raw_server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + FOX[:40]),), "before all of it was sent"),
        ((raw_server.say(f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_IMAGE_BYTES + 1}\r\n\r\n"),), "larger than 20 MB"),
        ((raw_server.say(b"HTTP/1.1 200 OK\r\n\r\n" + FOX + bytes(MAX_IMAGE_BYTES)),), "larger than 20 MB"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_url_that_serves_no_image_gets_one_clear_answer(web: Web, talks: Sequence[Talk], sentence: str) -> None:
    assert sentence in web.refused(*talks)


def test_a_repeated_request_finds_its_video_whatever_the_url_serves_by_then(web: Web) -> None:
    web.talks[:] = [serving(FOX)]
    first = web.post(key="k")
    assert first.status == 202
    for then in (serving(DEN), serving(b"", status="404 Not Found")):
        web.talks[:] = [then]
        again = web.post(key="k")
        assert (again.status, again.json["id"]) == (202, first.json["id"])
        assert shown(again)["sha256"] == hashlib.sha256(FOX).hexdigest()
    assert (web.api.stored, len(objects(web.api)), len(web.server.requests)) == (1, 1, 1)
    other = web.api.post({**ASKED, "input_reference": data_url(FOX)}, {"Idempotency-Key": "k"})
    assert_problem(other, 422, "idempotency_key_reused")


def test_a_repetition_of_an_sdk_finds_the_video_of_the_same_image(api: Api) -> None:
    body = {**ASKED, "input_reference": data_url(FOX)}
    first = api.post(body, {"X-Stainless-Retry-Count": "0"})
    again = api.post(body, {"X-Stainless-Retry-Count": "1"})
    assert first.json["id"] == again.json["id"]
    other = api.post({**ASKED, "input_reference": data_url(DEN)}, {"X-Stainless-Retry-Count": "1"})
    assert other.json["id"] != first.json["id"]


def test_a_body_that_is_large_only_by_its_image_is_read(api: Api) -> None:
    noise = FOX + bytes(range(256)) * 4096  # more than 1 MB, after the end of the image
    assert shown(api.post({**ASKED, "input_reference": data_url(noise)}))["bytes"] == len(noise)
    assert shown(post_form(api, dict(ASKED), ("input_reference", noise)))["bytes"] == len(noise)
    text = api.post({**ASKED, "prompt": "a" * 300_000, "input_reference": data_url(FOX)})
    assert_problem(text, 413, "body_too_large")
    assert "POST /v1/inputs" in text.json["detail"]
    huge = api.post({**ASKED, "input_reference": data_url(bytes(5_000_000))})
    assert_problem(huge, 413, "body_too_large")
    assert "POST /v1/inputs" in huge.json["detail"]


@pytest.mark.parametrize("path", ["/v1/videos/import", "/v1/batches"])
def test_other_routes_take_no_files(api: Api, path: str) -> None:
    answer = post_form(api, {"task_id": "task-1"}, ("input_reference", FOX), path=path)
    assert_problem(answer, 400, "invalid_request")
    assert_nothing_happened(api)
