"""api: the images of new videos are read before anything is stored, and a repetition finds its video first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.api import api_over
from tests.fakes.images import FakeInputs, FakeWebImages
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock
from tools.harness.images import BLUE, bad_bytes, image_bytes
from tools.harness.samples import ALICE, BOB, DEFAULTS, NOW, PROMPT, fields
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.image import Image, ImageReference, ImageReferences
from wan_video.domain.listing import VideoQuery
from wan_video.domain.names import input_key
from wan_video.domain.token import Token
from wan_video.domain.video import Video
from wan_video.errors import (
    BudgetExceeded,
    Forbidden,
    IdempotencyKeyReused,
    ImageUnavailable,
    InputNotFound,
    InvalidRequest,
)

FOX, DEN = image_bytes(), image_bytes("JPEG", colour=BLUE)
URL = "https://example.com/fox.png?token=CANARY-LINK"
READER = Token("alice", frozenset({"read"}))


def sent(first: bytes | str | None = None, last: bytes | str | None = None) -> ImageReferences:
    def reference(value: bytes | str | None) -> ImageReference | None:
        if value is None:
            return None
        return ImageReference(value) if isinstance(value, str) else ImageReference(content=value)

    return ImageReferences(reference(first), reference(last))


class World:
    """The API over rows, inputs and a web in memory."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), FakeClock()
        self.inputs, self.web = FakeInputs(), FakeWebImages({URL: FOX})
        self.api = api_over(
            self.store,
            self.store,
            self.store.batches,
            self.clock,
            defaults=replace(DEFAULTS, endpoints=Endpoints(workspace="ws-1")),
            inputs=self.inputs,
            web=self.web,
        )

    def create(
        self,
        images: ImageReferences,
        key: str | None = "k",
        caller: Token = ALICE,
        body: dict[str, Any] | None = None,
        **wanted: Any,
    ) -> Video:
        asked = fields(**{"model": "wan3.0-video", **wanted})
        return self.api.new_videos().create(caller, asked, body or {"prompt": PROMPT}, key, None, images)

    @property
    def rows(self) -> int:
        return len(self.store.list(ALICE.owner, VideoQuery(limit=100)).videos)


def problem(error: pytest.ExceptionInfo[InvalidRequest]) -> tuple[str, str]:
    (found,) = error.value.problems
    return found.pointer, found.detail


def test_an_image_is_stored_under_a_key_of_its_owner_and_its_bytes() -> None:
    world = World()
    video = world.create(sent(FOX, DEN))
    first, last = video.request.images
    assert world.inputs.stored == {first.source: FOX, last.source: DEN}
    assert world.inputs.types[first.source] == "image/png"
    other = world.create(sent(FOX), caller=BOB)
    assert other.request.images[0].source != first.source
    assert world.create(sent(FOX), "k2").request.images[0] == first


def test_the_body_hash_contains_the_digest_of_the_bytes_or_the_name() -> None:
    world = World()
    video = world.create(sent(FOX))
    with pytest.raises(IdempotencyKeyReused):
        world.create(sent(DEN))
    with pytest.raises(IdempotencyKeyReused):
        world.create(sent(FOX, DEN))
    with pytest.raises(IdempotencyKeyReused):
        world.create(ImageReferences(), prompt=PROMPT)
    assert world.create(sent(FOX)).id == video.id


@pytest.mark.parametrize("then", [DEN, b"", b"GIF89a", ImageUnavailable("gone")], ids=["other", "empty", "GIF", "gone"])
def test_a_repetition_finds_its_video_whatever_its_url_serves_by_then(then: bytes | ImageUnavailable) -> None:
    world = World()
    first = world.create(sent(URL))
    world.web.served[URL] = then
    assert world.create(sent(URL)) == first
    assert (world.rows, len(world.web.fetched), len(world.inputs.stored)) == (1, 1, 1)


def test_a_repetition_finds_its_video_although_its_input_was_deleted() -> None:
    world = World()
    made = world.api.images().create(ALICE)
    world.inputs.put(input_key("alice", made.id), FOX, "image/png")
    first = world.create(sent(made.id))
    world.api.images().delete(ALICE, made.id)
    assert world.create(sent(made.id)) == first
    with pytest.raises(InvalidRequest) as refused:
        world.create(sent(made.id), "another")
    assert problem(refused)[0] == "/input_reference"


@given(st.sampled_from(bad_bytes()), st.booleans())
def test_a_bad_image_stores_nothing_even_beside_a_good_one(bad: Any, first: bool) -> None:
    world = World()
    with pytest.raises(InvalidRequest) as refused:
        world.create(sent(bad.content, FOX) if first else sent(FOX, bad.content))
    assert problem(refused)[0] == ("/input_reference" if first else "/last_frame")
    assert bad.sentence in problem(refused)[1]
    assert (world.rows, world.inputs.stored) == (0, {})


def test_everything_else_is_checked_before_a_url_is_fetched() -> None:
    world = World()
    for wanted in ({"seconds": 99}, {"model": "wan2.6-t2v"}, {"seed": -5}, {"max_price": 0}):
        with pytest.raises((InvalidRequest, BudgetExceeded)):
            world.create(sent(URL), **wanted)
    with pytest.raises(Forbidden):
        world.create(sent(URL), caller=READER)
    assert (world.web.fetched, world.inputs.stored, world.rows) == ([], {}, 0)


def test_a_quote_reads_the_images_and_stores_nothing() -> None:
    world = World()
    assert world.api.new_videos().quote(ALICE, fields(model="wan3.0-video"), sent(URL)).seconds == 5
    with pytest.raises(InvalidRequest):
        world.api.new_videos().quote(ALICE, fields(model="wan3.0-video"), sent(b"GIF89a"))
    assert (world.web.fetched, world.inputs.stored, world.rows) == ([URL], {}, 0)


def test_an_image_at_wan_is_passed_on_without_being_read() -> None:
    world = World()
    name = "oss://dashscope-instant/0/fox.png"
    assert world.create(sent(name)).request.first_frame == Image.unread(name)
    assert (world.web.fetched, world.inputs.stored) == ([], {})


def test_an_input_of_another_owner_does_not_exist() -> None:
    world = World()
    made = world.api.images().create(ALICE)
    world.inputs.put(input_key("alice", made.id), FOX, "image/png")
    with pytest.raises(InvalidRequest) as refused:
        world.create(sent(made.id), caller=BOB)
    assert "does not exist" in problem(refused)[1]
    world.api.images().delete(BOB, made.id)
    assert len(world.inputs.stored) == 1
    with pytest.raises(InputNotFound):
        world.api.images().delete(BOB, "input_1")


def test_an_input_whose_file_was_never_uploaded_can_be_deleted() -> None:
    world = World()
    world.api.images().delete(ALICE, world.api.images().create(ALICE).id)
    assert world.inputs.stored == {}


def ended(world: World, video: Video) -> Video:
    current = world.store.get(video.id)
    return world.store.save(current, current.cancelled(NOW))


def test_a_retry_keeps_the_image_while_it_lives_and_says_so_when_it_is_gone() -> None:
    world = World()
    first = ended(world, world.create(sent(URL)))
    (image,) = first.request.images
    world.web.served.clear()
    again = world.api.new_videos().retry(ALICE, first.id, {}, idempotency_key="r1")
    assert again.request.images == [image]
    assert world.inputs.renewed == [image.source]
    world.inputs.delete(image.source)
    assert world.api.new_videos().retry(ALICE, first.id, {}, idempotency_key="r1").id == again.id
    for refused_by in (
        lambda: world.api.new_videos().retry(ALICE, first.id, {}, idempotency_key="r2"),
        lambda: world.api.new_videos().quote_retry(ALICE, first.id),
    ):
        with pytest.raises(InvalidRequest) as refused:
            refused_by()
        assert problem(refused) == (
            "/input_reference",
            "The image of this video is no longer stored; create a new video with the image.",
        )
    assert world.rows == 2


def test_an_input_that_is_used_again_is_kept_for_longer() -> None:
    world = World()
    made = world.api.images().create(ALICE)
    key = input_key("alice", made.id)
    world.inputs.put(key, FOX, "image/png")
    video = world.create(sent(made.id))
    assert (video.request.images[0].source, world.inputs.renewed) == (key, [key])


def test_a_new_input_needs_the_scope_write_and_its_link_is_no_part_of_its_repr() -> None:
    world = World()
    with pytest.raises(Forbidden):
        world.api.images().create(READER)
    made = world.api.images().create(ALICE)
    assert (made.expires_at, "https" in repr(made)) == (NOW + 3600, False)
    with pytest.raises(Forbidden):
        world.api.images().delete(READER, made.id)


def test_no_link_and_no_bytes_are_in_the_row() -> None:
    world = World()
    text = repr(world.create(sent(URL)))
    assert "CANARY" not in text
