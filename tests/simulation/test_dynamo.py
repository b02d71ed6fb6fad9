"""DynamoDB in memory: what it refuses, as DynamoDB does. The suites of tests/integration/dynamodb hold the rest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulation.dynamo import Client, new_tables

KEY = {"pk": "a", "sk": "b"}


@pytest.fixture
def client() -> Client:
    return Client(new_tables("videos", "ledger"))


def put(client: Client, **attributes: Any) -> None:
    client.put_item(TableName="ledger", Item={**KEY, **attributes})


def update(client: Client, expression: str, condition: str | None = None, **values: Any) -> None:
    given = {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}
    held = {"ConditionExpression": condition} if condition else {}
    client.update_item(TableName="ledger", Key=KEY, UpdateExpression=expression, **given, **held)


def item(client: Client) -> Any:
    return client.get_item(TableName="ledger", Key=KEY)["Item"]


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_numbers_are_decimals_and_sets_without_members_disappear(client: Client) -> None:
    put(client, n=3, names={"x"})
    update(client, "ADD n :one DELETE names :x", one=2, x={"x"})
    assert item(client) == {**KEY, "n": Decimal(5)}


def test_the_right_side_of_an_update_is_the_item_as_it_was(client: Client) -> None:
    put(client, a=1, b=2)
    update(client, "SET a = b, b = a + :one", one=10)
    assert (item(client)["a"], item(client)["b"]) == (2, 11)


def test_an_item_that_was_read_does_not_change(client: Client) -> None:
    put(client, inner={"x": 1})
    before = item(client)
    update(client, "SET inner.x = :two", two=2)
    assert before["inner"] == {"x": 1}
    assert item(client)["inner"] == {"x": 2}


def test_values_of_other_types_are_never_equal_and_have_no_order(client: Client) -> None:
    put(client, n=1)
    for condition in ("n = :value", "n < :value", "missing = :value"):
        with pytest.raises(ClientError) as error:
            update(client, "SET x = :value", condition, value="1")
        assert code_of(error) == "ConditionalCheckFailedException"


@pytest.mark.parametrize(
    "arguments",
    [
        {"UpdateExpression": "SET a = :b"},
        {"UpdateExpression": "SET a = :b", "ExpressionAttributeValues": {":b": 1, ":unused": 2}},
        {"UpdateExpression": "SET x.y = :b", "ExpressionAttributeValues": {":b": 1}},
        {"UpdateExpression": "SET a = :b, a = :b", "ExpressionAttributeValues": {":b": 1}},
        {"UpdateExpression": "SET a = missing"},
        {"UpdateExpression": "ADD pk :b", "ExpressionAttributeValues": {":b": 1}},
        {"UpdateExpression": "SET a = list_append(a, :b)", "ExpressionAttributeValues": {":b": 1}},
        {"UpdateExpression": "REMOVE a", "ConditionExpression": "begins_with(a, :b)"},
    ],
)
def test_what_dynamodb_or_this_module_does_not_understand_is_refused(client: Client, arguments: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as error:
        client.update_item(TableName="ledger", Key=KEY, **arguments)
    assert code_of(error) == "ValidationException"


def test_an_update_does_not_write_a_mapping_and_a_part_of_it(client: Client) -> None:
    put(client, outer={"inner": 1})
    for expression in ("SET outer = :map, outer.inner = :one", "SET outer.inner = :one, outer = :map"):
        with pytest.raises(ClientError) as error:
            update(client, expression, map={"inner": 2}, one=1)
        assert code_of(error) == "ValidationException"
        assert item(client)["outer"] == {"inner": 1}


def test_a_transaction_is_all_or_nothing_and_names_what_failed(client: Client) -> None:
    put(client, n=1)
    other = {"TableName": "ledger", "Item": {"pk": "c", "sk": "d"}}
    refused = {
        "TableName": "ledger",
        "Key": KEY,
        "UpdateExpression": "REMOVE n",
        "ConditionExpression": "attribute_not_exists(n)",
    }
    with pytest.raises(client.exceptions.TransactionCanceledException) as error:
        client.transact_write_items(TransactItems=[{"Put": other}, {"Update": refused}])
    reasons = error.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert "Item" not in client.get_item(TableName="ledger", Key={"pk": "c", "sk": "d"})


@pytest.mark.parametrize("count", [0, 101])
def test_a_transaction_has_one_to_a_hundred_actions(client: Client, count: int) -> None:
    actions = [{"Put": {"TableName": "ledger", "Item": {"pk": "a", "sk": str(number)}}} for number in range(count)]
    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=actions)
    assert code_of(error) == "ValidationException"


def test_one_item_is_written_once_in_a_transaction(client: Client) -> None:
    action = {"Put": {"TableName": "ledger", "Item": KEY}}
    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=[action, action])
    assert code_of(error) == "ValidationException"


def test_unknown_parameters_are_refused(client: Client) -> None:
    with pytest.raises(NotImplementedError):
        client.put_item(TableName="ledger", Item=KEY, ReturnValues="ALL_OLD")


def test_an_index_is_read_eventually_and_its_keys_have_one_type(client: Client) -> None:
    arguments = {
        "TableName": "videos",
        "IndexName": "by_status",
        "KeyConditionExpression": "owner_status = :key",
        "ExpressionAttributeValues": {":key": "alice#queued"},
    }
    client.put_item(TableName="videos", Item={"id": "v", "owner_status": "alice#queued", "listed": "1"})
    assert client.query(**arguments)["Items"] == [{"id": "v", "owner_status": "alice#queued", "listed": "1"}]
    with pytest.raises(ClientError) as error:
        client.query(**arguments, ConsistentRead=True)
    assert code_of(error) == "ValidationException"
    with pytest.raises(ClientError) as error:
        client.put_item(TableName="videos", Item={"id": "v", "listed": 1})
    assert code_of(error) == "ValidationException"
