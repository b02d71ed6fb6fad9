"""The rights that roles need: the AWS calls of functions, written as in template.yaml.

A right says the action, the resource as the template writes it, and for a table's partition the pattern of its keys:
`dynamodb:UpdateItem on ${Ledger.Arn} for pool#*`. Names of videos, batches, owners and files are left out, so that
the number of rights is the number of kinds of calls in the code.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEADING_KEYS = "dynamodb:LeadingKeys"
"""The condition key that names the partitions of a table."""

FOLDERS = ("videos", "reports", "batches", "inputs", "images", "fetched")
"""The folders of the buckets that the policies distinguish; elsewhere an object may have any name."""

EXECUTIONS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${GenerateVideo.Name}:*"
_REFERENCES = {
    "Topic": "${Topic}",
    "GenerateVideo": "${GenerateVideo}",
    "WanSecret": "${WanSecret.Id}",
    "WebhookSecret": "${WebhookSecret.Id}",
}
"""Resources whose ARN is not the attribute `Arn` in the template."""

MEMBERS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
    "PutRequest": "BatchWriteItem",
    "DeleteRequest": "BatchWriteItem",
}
"""The actions of the members of a transaction or of a batch of writes."""

EQUALS = re.compile(r"(#?\w+)\s*=\s*(:\w+)")

Attributes = Mapping[str, Any]
"""An item or a key: `{"pk": {"S": "..."}}` as DynamoDB writes it, or plain values."""


@dataclass(frozen=True, order=True, slots=True)
class Right:
    """One action on one resource; `leading_key` is the pattern of its partition keys, if they matter."""

    action: str
    resource: str
    leading_key: str | None = None

    def __str__(self) -> str:
        right = f"{self.action} on {self.resource}"
        return right if self.leading_key is None else f"{right} for {self.leading_key}"


@dataclass(frozen=True, slots=True)
class Call:
    """What one request needs from a role: an action on a resource, with all partition keys that it names."""

    action: str
    resource: str
    keys: frozenset[str] = frozenset()

    @property
    def rights(self) -> Sequence[Right]:
        """Return the rights that the call needs, one for each pattern of keys."""
        if not self.keys:
            return [Right(self.action, self.resource)]
        return [Right(self.action, self.resource, key) for key in sorted(self.keys)]


def key_pattern(key: str) -> str:
    """Return the pattern of a partition key: `pool#*` for `pool#singapore#wan2.6-t2v`, or a key without # itself."""
    kind, separator, _ = key.partition("#")
    return f"{kind}#*" if separator else key


def general(arn: str) -> str:
    """Return an ARN without the name of an object or execution, whose number is unlimited."""
    service = arn.split(":", 5)
    if service[2] == "s3" and "/" in arn:
        bucket, _, key = arn.partition("/")
        folder, separator, _ = key.partition("/")
        return f"{bucket}/{folder}/*" if separator and folder in FOLDERS else f"{bucket}/*"
    return re.sub(r"(:execution:[^:]+:).+", r"\1*", arn)


def resource(arn: str, logical_ids: Mapping[str, str]) -> str:
    """Return a resource as the template writes it, from its ARN and the logical ids by physical id or ARN.

    A resource outside the stack keeps its ARN.
    """
    arn = general(arn)
    if arn in logical_ids:
        return _written(logical_ids[arn])
    name, separator, rest = re.split(r":(?:function:|table/|execution:)|:::|:sqs:[^:]*:[^:]*:", arn)[-1].partition("/")
    if ":execution:" in arn:
        return EXECUTIONS if logical_ids.get(_machine(arn)) == "GenerateVideo" else arn
    return f"{_written(logical_ids[name])}{separator}{rest}" if name in logical_ids else arn


def _machine(execution: str) -> str:
    """The ARN of the state machine that an execution is of."""
    return execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]


def _written(logical_id: str) -> str:
    return _REFERENCES.get(logical_id, f"${{{logical_id}.Arn}}")


class Recorder:
    """Appends the calls of role sessions to a file, each call once, as a line of JSON."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[tuple[str, str, str, frozenset[str]]] = set()

    def note(self, session: str, action: str, arn: str, keys: Iterable[str]) -> None:
        """Record that a session called an action on a resource, by its ARN, with these partition keys."""
        patterns = frozenset(map(key_pattern, keys))
        asked = session, action, general(arn), patterns
        if asked not in self._known:
            self._known.add(asked)
            line = {"session": session, "action": action, "resource": general(arn), "keys": sorted(patterns)}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def recorded(path: Path, logical_ids: Mapping[str, str]) -> Iterable[tuple[str, Call]]:
    """The calls in a recorder's file, by the logical ids of the functions that made them.

    Lambda names the session of a function's role after the function; calls of other sessions are omitted.
    """
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        found = json.loads(line)
        if found["session"] in logical_ids:
            place = resource(found["resource"], logical_ids)
            yield logical_ids[found["session"]], Call(found["action"], place, frozenset(found["keys"]))


def leading_keys(
    request: Any, hash_key: Callable[[str, str | None], str | None]
) -> Mapping[tuple[str, str], list[str]]:
    """Return a request's partition keys by action and table; an empty action means the request's own."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for verb, table, index, key in named(request):
        value = key.get(hash_key(table, index) or "")
        if value is not None:
            found[verb, table].append(str(next(iter(value.values())) if isinstance(value, Mapping) else value))
    return found


def named(request: Any) -> Iterator[tuple[str, str, str | None, Attributes]]:
    """Yield every key that a DynamoDB request names, as (action, table, index, key).

    An empty action means the request's own.
    """
    table = request.get("TableName")
    if isinstance(table, str):
        yield "", table, request.get("IndexName"), request.get("Key") or request.get("Item") or _equalities(request)
    for item in request.get("TransactItems", ()):
        for member, detail in item.items():
            yield MEMBERS[member], detail["TableName"], None, detail.get("Key") or detail.get("Item") or {}
    for table, asked in request.get("RequestItems", {}).items():
        if isinstance(asked, list):
            for member, detail in ((member, detail) for write in asked for member, detail in write.items()):
                yield MEMBERS[member], table, None, detail.get("Key") or detail.get("Item") or {}
        else:
            for key in asked["Keys"]:
                yield "", table, None, key


def _equalities(request: Any) -> Attributes:
    """Return the values to which a query's key condition compares."""
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    pairs = EQUALS.findall(request.get("KeyConditionExpression", ""))
    return {names.get(name, name): values[value] for name, value in pairs if value in values}
