"""Conversion between rows and items: what is written to the table is read from it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from tools.harness.samples import NOW, made, queued, request, running, stored, submitting
from wan_video.adapters.dynamodb.records import dump, load
from wan_video.domain.models import Region, Size
from wan_video.domain.price import Estimate
from wan_video.domain.request import VideoRequest
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video


def through_the_table(video: Video) -> Video:
    """Return what DynamoDB would return, by boto3's own conversion."""
    item = {name: TypeSerializer().serialize(value) for name, value in dump(video).items()}
    return load(Video, {name: TypeDeserializer().deserialize(value) for name, value in item.items()})


@pytest.mark.parametrize(
    "video",
    [
        queued(),
        submitting().submission_uncertain(NOW),
        submitting().not_submitted(NOW),
        submitting().submission_uncertain(NOW).scanned(NOW, empty=False, grace=600, candidates=["task-1", "task-2"]),
        running(),
        made().completed(NOW, stored()),
        running().ended(NOW, Failure("x", "", "poll", False)).announced(NOW),
    ],
)
def test_a_row_of_every_state_survives_the_round_trip(video: Video) -> None:
    assert through_the_table(video) == video


# DynamoDB stores 38 digits of a number; a prompt is any text that can be stored.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.integers(-(10**12), 10**12)
money = st.decimals(Decimal(0), Decimal(10**6), places=6)

requests = st.builds(
    VideoRequest,
    prompt=texts,
    model=texts,
    size=st.builds(Size, st.integers(1, 99_999), st.integers(1, 99_999)),
    seconds=numbers,
    region=st.sampled_from(Region),
    seed=numbers,
    metadata=st.dictionaries(texts, texts, max_size=3),
)


@given(
    st.builds(
        Video,
        request=requests,
        estimate=st.builds(Estimate, seconds=numbers, price=money, currency=texts, priced_on=texts),
        created_at=numbers,
        updated_at=numbers,
    )
)
def test_any_row_survives_the_round_trip(video: Video) -> None:
    assert through_the_table(video) == video


def test_an_item_holds_only_what_is_set() -> None:
    item = dump(queued())
    assert "task" not in item
    assert "metadata" not in item["request"]
    assert item["request"]["size"] == "1280x720"
    assert item["status"] == "queued"
    assert item["version"] == 0


def test_unknown_attributes_are_ignored() -> None:
    assert load(Video, {**dump(queued()), "attention": "open", "pool": "x"}) == queued()


def test_whole_numbers_are_read_as_integers() -> None:
    video = load(Video, {**dump(queued()), "version": Decimal(3), "daily_seconds": Decimal(60)})
    assert (video.version, video.daily_seconds) == (3, 60)
    assert type(video.version) is int
    assert type(video.daily_seconds) is int


def test_words_are_read_as_enums() -> None:
    video = through_the_table(running())
    assert type(video.status) is Status
    assert type(video.request.region) is Region
    assert type(video.request.size) is Size


def test_an_empty_mapping_is_not_stored() -> None:
    assert through_the_table(queued(request=request(metadata={}))).request.metadata == {}


def test_every_part_of_a_row_is_a_plain_value_or_a_dataclass() -> None:
    def parts(value: Any) -> None:
        for field in fields(value):
            part = getattr(value, field.name)
            if is_dataclass(part):
                parts(part)
            else:
                assert isinstance(part, str | int | Decimal | dict | frozenset | None), field.name

    parts(made().completed(NOW, stored()))
