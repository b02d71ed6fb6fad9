"""Plain values to DynamoDB's attributes and back: as boto3 writes them, wherever a request or an answer has items."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from wan_video.adapters.plain_values import from_attribute, to_attribute
from wan_video.domain.video import Status

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
plain = (
    texts
    | st.booleans()
    | st.none()
    | st.integers(-(10**30), 10**30)
    | st.decimals(-(10**9), 10**9, places=9)
    | st.sets(texts, min_size=1, max_size=3)
)
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


@given(values)
def test_a_value_is_read_back_by_boto3_and_what_boto3_wrote_is_read_here(value: Any) -> None:
    assert TypeDeserializer().deserialize(cast(Any, to_attribute(value))) == value
    assert from_attribute(TypeSerializer().serialize(value)) == value


def test_a_number_comes_back_as_a_decimal_and_a_word_of_ours_as_text() -> None:
    assert type(from_attribute(to_attribute(3))) is Decimal
    assert to_attribute(Status.QUEUED) == {"S": "queued"}


@pytest.mark.parametrize("value", [0.5, b"bytes", object(), set(), {1, 2}])
def test_what_is_never_written_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="keeps no"):
        to_attribute(value)


def test_a_kind_that_nothing_here_writes_is_refused() -> None:
    with pytest.raises(TypeError, match="of the kind NS"):
        from_attribute({"NS": ["1"]})
