"""The inputs bucket: the adapter over S3 and its fake keep the same promises."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.images import FakeInputs
from tools.harness.stack import INPUTS, Stack
from wan_video.adapters.s3.inputs import S3Inputs
from wan_video.domain.image import BadImage
from wan_video.ports.images import ApiInputs

KEY = "inputs/0123/input_1"


@pytest.fixture(params=["s3", "fake"])
def inputs(request: pytest.FixtureRequest, stack: Stack) -> ApiInputs:
    return S3Inputs(lambda: stack.s3, INPUTS) if request.param == "s3" else FakeInputs()


def test_what_is_put_is_read_until_it_is_deleted(inputs: ApiInputs) -> None:
    assert (inputs.exists(KEY), inputs.read(KEY, 10), inputs.renew(KEY)) == (False, None, False)
    inputs.put(KEY, b"PNG", "image/png")
    assert (inputs.exists(KEY), inputs.read(KEY, 3)) == (True, b"PNG")
    inputs.put(KEY, b"JPEG", "image/jpeg")
    assert inputs.renew(KEY)
    assert inputs.read(KEY, 10) == b"JPEG"
    inputs.delete(KEY)
    inputs.delete(KEY)
    assert not inputs.exists(KEY)


def test_more_bytes_than_allowed_are_not_read(inputs: ApiInputs) -> None:
    inputs.put(KEY, b"PNG!", "image/png")
    with pytest.raises(BadImage, match="has 4 bytes"):
        inputs.read(KEY, 3)


def test_links_are_for_one_key_and_end(inputs: ApiInputs) -> None:
    read, upload = inputs.link(KEY, 3600, "image/png"), inputs.sign(KEY, 600)
    assert all(urlsplit(link).path == f"/{KEY}" for link in (read, upload.url))
    assert inputs.origin() == "://".join(urlsplit(read)[:2])
    assert upload.headers == {"If-None-Match": "*"}
    assert "signature" not in repr(upload).lower()


def test_a_link_answers_with_the_right_content_type(stack: Stack) -> None:
    link = S3Inputs(lambda: stack.s3, INPUTS).link(KEY, 3600, "image/webp")
    assert parse_qs(urlsplit(link).query)["response-content-type"] == ["image/webp"]


def test_an_upload_can_be_made_once_and_its_signature_says_so(stack: Stack) -> None:
    inputs = S3Inputs(lambda: stack.s3, INPUTS)
    asked = parse_qs(urlsplit(inputs.sign(KEY, 600).url).query)
    assert "if-none-match" in asked["X-Amz-SignedHeaders"][0].split(";")
    assert asked["X-Amz-Expires"] == ["600"]


def test_a_renewed_object_is_a_new_write(stack: Stack) -> None:
    inputs = S3Inputs(lambda: stack.s3, INPUTS)
    stack.s3.put_object(Bucket=INPUTS, Key=KEY, Body=b"PNG")
    before = stack.s3.head_object(Bucket=INPUTS, Key=KEY)["LastModified"]
    assert inputs.renew(KEY)
    after = stack.s3.head_object(Bucket=INPUTS, Key=KEY)
    assert (after["LastModified"] >= before, after["ContentLength"]) == (True, 3)
