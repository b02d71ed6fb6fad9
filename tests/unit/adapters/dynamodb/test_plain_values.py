"""Conversion between plain values and DynamoDB's attributes, as boto3 does it, in all parts of requests and answers."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any, cast

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from wan_video.adapters.dynamodb.plain_values import (
    from_attribute,
    leave_attributes_to_us,
    to_attribute,
    with_plain_values,
)
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


class Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: object) -> Any:
        yield self.read()


@given(values)
def test_a_value_is_read_back_by_boto3_and_what_boto3_wrote_is_read_here(value: Any) -> None:
    assert TypeDeserializer().deserialize(cast(Any, to_attribute(value))) == value
    assert from_attribute(TypeSerializer().serialize(value)) == value


def test_a_number_is_read_as_a_decimal_and_an_enum_is_written_as_text() -> None:
    assert type(from_attribute(to_attribute(3))) is Decimal
    assert to_attribute(Status.QUEUED) == {"S": "queued"}


@pytest.mark.parametrize("value", [0.5, b"bytes", object(), set(), {1, 2}])
def test_what_is_never_written_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be stored"):
        to_attribute(value)


def test_types_that_only_another_version_writes_can_be_read() -> None:
    assert from_attribute({"NS": ["1", "2.5"]}) == {Decimal(1), Decimal("2.5")}
    assert from_attribute({"B": b"x"}) == b"x"
    assert from_attribute({"M": {"new": {"L": [{"BS": [b"x"]}]}}}) == {"new": [[b"x"]]}


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(TypeError, match="of the kind X"):
        from_attribute({"X": "1"})


@pytest.mark.parametrize("passed_on", [False, True])
def test_items_are_converted_everywhere_in_a_request_and_its_answer(passed_on: bool) -> None:
    session = Session()
    session.set_credentials("testing", "testing")
    if passed_on:
        leave_attributes_to_us(session)
    sent: list[Any] = []

    def answer(request: Any, **_: object) -> AWSResponse:
        sent.append(json.loads(request.body))
        stored = {"id": {"S": "a"}, "deep": {"M": {"at": {"L": [{"N": "1"}, {"SS": ["x"]}]}}}}
        answered = {
            "Item": stored,
            "Items": [stored],
            "Responses": {"videos": [stored]},
            "LastEvaluatedKey": {"id": {"S": "a"}},
        }
        wanted = {"UnprocessedKeys": {"videos": {"Keys": [{"id": {"S": "b"}}]}}}
        return AWSResponse(request.url, 200, HTTPHeaders(), Raw(json.dumps({**answered, **wanted}).encode()))

    session.register("before-send", answer)  # type: ignore[arg-type]
    made: Any = session.create_client("dynamodb", region_name="eu-central-1")
    client: Any = with_plain_values(made)
    item = {"id": "a", "deep": {"at": [1, {"x"}]}}
    typed = {"id": {"S": "a"}, "deep": {"M": {"at": {"L": [{"N": "1"}, {"SS": ["x"]}]}}}}

    assert client.get_item(TableName="videos", Key={"id": "a"})["Item"] == item
    page = client.query(TableName="videos", ExclusiveStartKey={"id": "a"}, ExpressionAttributeValues={":a": "a"})
    assert (page["Items"], page["LastEvaluatedKey"]) == ([item], {"id": "a"})
    many = client.batch_get_item(RequestItems={"videos": {"Keys": [{"id": "a"}]}})
    assert many["Responses"] == {"videos": [item]}
    assert many["UnprocessedKeys"] == {"videos": {"Keys": [{"id": "b"}]}}
    put: Any = {"TableName": "videos", "Item": item, "ExpressionAttributeValues": {":v": 1}}
    client.transact_write_items(TransactItems=[{"Put": put}])

    assert [request.get("Key") or request.get("ExclusiveStartKey") for request in sent[:2]] == [{"id": {"S": "a"}}] * 2
    assert sent[2]["RequestItems"] == {"videos": {"Keys": [{"id": {"S": "a"}}]}}
    written = sent[3]["TransactItems"][0]["Put"]
    assert (written["Item"], written["ExpressionAttributeValues"]) == (typed, {":v": {"N": "1"}})
    assert put["Item"] is item, "the arguments are unchanged, because they may be sent again"
