"""A DynamoDB client that takes and gives plain Python values, as boto3's resources do, at a fraction of their time.

Text, integers and decimals, booleans, None, lists, mappings and sets of text travel; numbers come back as Decimal.
Source: DynamoDB "AttributeValue".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient

Convert = Callable[[Any], Any]


def with_plain_values(client: DynamoDBClient) -> DynamoDBClient:
    """Let this client convert what it is given and what it gives; the client itself."""
    # The stubs do not declare handlers that return a value; this event uses the parameters that its handler returns.
    client.meta.events.register("provide-client-params.dynamodb", _written)  # type: ignore[arg-type]
    client.meta.events.register("after-call.dynamodb", _read)
    return client


def leave_attributes_to_us(session: Session) -> None:
    """Let DynamoDB's clients of this session pass attributes on as they are, whose kinds are known here already.

    botocore would look up the kind of each one at every level; declared a document, which is any JSON, it does not.
    """
    described = session.get_component("data_loader").load_service_model("dynamodb", "service-2")
    described["shapes"]["AttributeValue"]["document"] = True


def _written(params: Mapping[str, Any], **_: object) -> dict[str, Any]:
    return _converted(params, to_attribute)


def _read(parsed: dict[str, Any], **_: object) -> None:
    parsed.update(_converted(parsed, from_attribute))


def _converted(members: Mapping[str, Any], convert: Convert) -> dict[str, Any]:
    """A request or an answer whose items are converted, wherever they are in it."""
    return {name: _member(name, value, convert) for name, value in members.items()}


def _member(name: str, value: Any, convert: Convert) -> Any:
    match name:
        case "Item" | "Key" | "ExpressionAttributeValues" | "ExclusiveStartKey" | "LastEvaluatedKey":
            return _item(value, convert)
        case "Items" | "Keys":
            return [_item(item, convert) for item in value]
        case "Responses":
            return {table: [_item(item, convert) for item in items] for table, items in value.items()}
        case "RequestItems" | "UnprocessedKeys":
            return {table: _converted(wanted, convert) for table, wanted in value.items()}
        case "TransactItems":
            return [_converted(action, convert) for action in value]
        case "Put" | "Update" | "Delete":
            return _converted(value, convert)
    return value


def _item(item: Mapping[str, Any], convert: Convert) -> dict[str, Any]:
    return {name: convert(value) for name, value in item.items()}


def to_attribute(value: Any) -> dict[str, Any]:
    """A value as DynamoDB writes it; raises TypeError for one that it has no form for, a float among them."""
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | Decimal):
        return {"N": str(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, Mapping):
        return {"M": {name: to_attribute(member) for name, member in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [to_attribute(member) for member in value]}
    if isinstance(value, set | frozenset) and value and all(isinstance(member, str) for member in value):
        return {"SS": sorted(value)}
    raise TypeError(f"a value of type {type(value).__name__} cannot be stored in DynamoDB")


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """The value of an attribute.

    Of the kinds that nothing here writes, sets of numbers become sets and binary values stay as they arrive: another
    version may have written them. Raises TypeError for a kind that DynamoDB does not have.
    """
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return Decimal(value)
        case "M":
            return {name: from_attribute(member) for name, member in value.items()}
        case "L":
            return [from_attribute(member) for member in value]
        case "SS":
            return set(value)
        case "NULL":
            return None
        case "NS":
            return {Decimal(member) for member in value}
        case "B" | "BS":
            return value
    raise TypeError(f"DynamoDB has no attributes of the kind {kind}")
