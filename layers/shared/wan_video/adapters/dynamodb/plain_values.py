"""A DynamoDB client that accepts and returns plain Python values, as boto3's resources do, in a fraction of their time.

It supports text, integers, decimals, booleans, None, lists, mappings and sets of text; numbers are read as Decimal.
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
    """Make a client convert plain values in requests and answers; return the client."""
    # The stubs do not declare handlers that return a value; this event uses the parameters that its handler returns.
    client.meta.events.register("provide-client-params.dynamodb", _written)  # type: ignore[arg-type]
    client.meta.events.register("after-call.dynamodb", _read)
    return client


def leave_attributes_to_us(session: Session) -> None:
    """Make DynamoDB's clients of a session leave attributes unchanged, because this module converts them.

    botocore would look up the type of each attribute at every level. It does not do so for a document, which is any
    JSON, so attributes are declared as documents.
    """
    described = session.get_component("data_loader").load_service_model("dynamodb", "service-2")
    described["shapes"]["AttributeValue"]["document"] = True


def _written(params: Mapping[str, Any], **_: object) -> dict[str, Any]:
    return _converted(params, to_attribute)


def _read(parsed: dict[str, Any], **_: object) -> None:
    parsed.update(_converted(parsed, from_attribute))


def _converted(members: Mapping[str, Any], convert: Convert) -> dict[str, Any]:
    """Return a request or an answer with all items in it converted."""
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
    """Return a value as a DynamoDB attribute. Raises TypeError for unsupported types, such as float."""
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
    """Return the value of a DynamoDB attribute.

    Another version may have written types that this one does not write: sets of numbers become sets, and binary values
    are returned unchanged. Raises TypeError for a type that DynamoDB does not have.
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
