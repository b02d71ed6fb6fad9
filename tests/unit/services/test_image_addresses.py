"""submit: what Wan receives for an image, and what happens to a video whose image is gone."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from tests.fakes.images import FakeInputs, FakeWebImages
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, Reply, lost_tasks
from tests.fakes.world import FakeClock
from tools.harness.images import bad_bytes, image_bytes
from tools.harness.samples import request30, starting
from wan_video.domain.image import MAX_IMAGE_BYTES, Image, ImageAddresses, read_header
from wan_video.domain.request import VideoRequest
from wan_video.domain.video import Status, Video
from wan_video.errors import ImageRefused, ImageUnavailable, WanThrottled
from wan_video.services.image_addresses import DATA_URL_BYTES, LINK_SECONDS, AddressImages, text_only
from wan_video.services.reconcile import Reconcile
from wan_video.services.submit import Outcome, Submit

FOX = image_bytes()
URL = "https://example.com/fox.png?token=CANARY-LINK"


class World:
    """Inputs, the web, and the services that use them."""

    def __init__(self) -> None:
        self.inputs, self.web = FakeInputs(), FakeWebImages()
        self.files = FakeInputs()
        self.addresses = AddressImages(self.inputs, self.web, self.files, "prompts")

    def stored(self, content: bytes, key: str = "inputs/o/input_1") -> Image:
        self.inputs.put(key, content, "image/png")
        return Image.stored(key, hashlib.sha256(content).hexdigest(), read_header(content, len(content)))

    def refusal(self, request: VideoRequest) -> ImageRefused:
        with pytest.raises(ImageRefused) as refused:
            self.addresses(request)
        return refused.value

    def submitting(self, request: VideoRequest) -> tuple[Submit, MemoryStore, FakeWan, Video]:
        video = replace(starting(), request=request)
        store, clock, wan = MemoryStore(video), FakeClock(), FakeWan()
        reconcile = Reconcile(store, lost_tasks(wan, store, store), clock, grace=600)
        return Submit(store, wan, reconcile, clock, addresses=self.addresses), store, wan, video


def padded(length: int) -> bytes:
    return FOX + bytes(length - len(FOX))


def test_a_small_image_is_sent_as_a_data_url() -> None:
    world = World()
    sent = world.addresses(request30(first_frame=world.stored(FOX), last_frame=world.stored(FOX, "inputs/o/input_2")))
    expected = "data:image/png;base64," + base64.b64encode(FOX).decode()
    assert sent == ImageAddresses(expected, expected)
    assert "base64" not in repr(sent)


def test_an_image_above_seven_megabytes_is_sent_as_a_link_of_an_hour() -> None:
    world = World()
    largest = world.addresses(request30(first_frame=world.stored(padded(DATA_URL_BYTES)))).first_frame or ""
    assert largest.startswith("data:image/png;base64,")
    sent = world.addresses(request30(first_frame=world.stored(padded(DATA_URL_BYTES + 1)))).first_frame or ""
    assert sent.startswith("https://inputs.invalid/inputs/o/input_1?")
    assert f"seconds={LINK_SECONDS}&type=image/png&" in sent
    assert LINK_SECONDS == 3600


def test_a_name_at_wan_is_passed_on_unchanged() -> None:
    name = "oss://dashscope-instant/0/fox.png"
    assert World().addresses(request30(first_frame=Image.unread(name))).first_frame == name


@pytest.mark.parametrize("length", [len(FOX), DATA_URL_BYTES + 1])
def test_an_image_that_is_gone_is_a_named_refusal(length: int) -> None:
    world = World()
    image = world.stored(padded(length))
    world.inputs.delete(image.source)
    error = world.refusal(request30(first_frame=image))
    assert (error.code, error.temporary) == ("image_gone", False)
    assert "nothing was submitted" in error.message


def test_an_input_that_now_contains_another_file_is_gone() -> None:
    world = World()
    image = world.stored(FOX)
    for other in (image_bytes("JPEG"), padded(DATA_URL_BYTES + 1), b""):
        world.inputs.put(image.source, other, "image/jpeg")
        assert world.refusal(request30(first_frame=image)).code == "image_gone"


def test_the_url_of_a_prompt_file_is_fetched_now() -> None:
    world = World()
    request = request30(first_frame=Image.unread(URL))
    world.web.served[URL] = FOX
    assert (world.addresses(request).first_frame or "").startswith("data:image/png;base64,")
    for bad in bad_bytes():
        world.web.served[URL] = bad.content
        error = world.refusal(request)
        assert (error.code, bad.sentence in error.message, "CANARY" in error.message) == ("image_unusable", True, False)
    world.web.served[URL] = ImageUnavailable("The server of the image answers 503.", temporary=True)
    assert (world.refusal(request).code, world.refusal(request).temporary) == ("image_unavailable", True)


def test_a_large_image_of_a_url_is_copied_so_that_wan_gets_the_bytes_that_were_checked() -> None:
    world = World()
    request = request30(first_frame=Image.unread(URL))
    world.web.served[URL] = padded(DATA_URL_BYTES)
    assert (world.addresses(request).first_frame or "").startswith("data:image/png;base64,")
    assert world.inputs.stored == {}
    checked = world.web.served[URL] = padded(DATA_URL_BYTES + 1)

    sent = world.addresses(request).first_frame or ""

    key = f"fetched/{hashlib.sha256(checked).hexdigest()}"
    assert sent.startswith(f"https://inputs.invalid/{key}?seconds={LINK_SECONDS}&type=image/png&")
    assert world.inputs.stored == {key: checked}
    assert world.web.fetched == [URL, URL]
    world.addresses(request)
    assert list(world.inputs.stored) == [key], "another attempt writes the same object"


def test_a_submitter_of_texts_never_drops_an_image_silently() -> None:
    assert text_only(request30()) == ImageAddresses()
    with pytest.raises(ImageRefused):
        text_only(request30(first_frame=Image.unread(URL)))


def test_a_submission_carries_the_addresses_of_its_images() -> None:
    world = World()
    submit, _, wan, video = world.submitting(request30(first_frame=world.stored(FOX)))
    assert submit(video.id).outcome is Outcome.SUBMITTED
    assert [(sent.first_frame or "")[:22] for sent in wan.sent] == ["data:image/png;base64,"]


def test_a_video_whose_image_is_gone_fails_unbilled_and_nothing_is_sent() -> None:
    world = World()
    image = world.stored(FOX)
    submit, store, wan, video = world.submitting(request30(first_frame=image))
    world.inputs.delete(image.source)
    assert submit(video.id).outcome is Outcome.REFUSED
    row = store.get(video.id)
    assert (wan.posts, wan.tasks_made) == ([], [])
    assert row.error is not None
    assert (row.error.code, row.error.stage, row.spent_seconds, row.place) == ("image_gone", "submit", 0, None)
    assert not row.in_doubt
    assert row.ended(1, row.error).status is Status.FAILED


def test_each_attempt_makes_a_new_link() -> None:
    world = World()
    submit, _, wan, video = world.submitting(request30(first_frame=world.stored(padded(DATA_URL_BYTES + 1))))
    wan.replies = [Reply(accepted=False, error=WanThrottled("Throttling", "Too many.", status=429)), Reply()]
    with pytest.raises(WanThrottled):
        submit(video.id)
    assert submit(video.id).outcome is Outcome.SUBMITTED
    assert len({sent.first_frame for sent in wan.sent}) == 2
    assert MAX_IMAGE_BYTES > DATA_URL_BYTES


IN_FILE = "s3://prompts/images/fox.png"


def test_an_image_in_the_prompts_bucket_is_sent_as_a_data_url() -> None:
    world = World()
    world.files.put("images/fox.png", FOX, "image/png")
    sent = world.addresses(request30(first_frame=Image.unread(IN_FILE))).first_frame
    assert sent == "data:image/png;base64," + base64.b64encode(FOX).decode()


def test_a_large_image_in_the_prompts_bucket_is_sent_as_a_link_of_an_hour() -> None:
    world = World()
    world.files.put("images/fox.png", padded(DATA_URL_BYTES + 1), "image/png")
    sent = world.addresses(request30(first_frame=Image.unread(IN_FILE))).first_frame or ""
    assert sent.startswith("https://inputs.invalid/images/fox.png?")
    assert f"seconds={LINK_SECONDS}" in sent


@pytest.mark.parametrize(
    ("source", "content", "code"),
    [
        (IN_FILE, None, "image_gone"),
        (IN_FILE, b"", "image_unusable"),
        (IN_FILE, bytes(MAX_IMAGE_BYTES + 1), "image_unusable"),
        (IN_FILE, image_bytes(size=(200, 200)), "image_unusable"),
        ("s3://videos/images/fox.png", FOX, "image_unusable"),
        ("s3://prompts/batches/fox.png", FOX, "image_unusable"),
        ("s3://prompts/images/../batches/fox.png", FOX, "image_unusable"),
    ],
)
def test_an_image_in_s3_that_cannot_be_used_is_a_named_refusal(source: str, content: bytes | None, code: str) -> None:
    world = World()
    if content is not None:
        world.files.put(source.partition("//")[2].partition("/")[2], content, "image/png")
    video = request30(first_frame=Image.unread(source))
    assert world.refusal(video).code == code
    submit, store, wan, row = world.submitting(video)
    assert submit(row.id).outcome is Outcome.REFUSED
    assert (wan.posts, wan.tasks_made) == ([], [])
    error = store.get(row.id).error
    assert error is not None
    assert error.code == code
