"""Writes to DynamoDB: transactions whose actions define the meaning of a refusal, and single writes with retries."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.errors import StoreError

TRY_AGAIN: Final = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons for a cancelled transaction that do not prevent a retry."""

MAX_ACTIONS: Final = 100
"""The maximum number of actions that DynamoDB accepts in one transaction.

Its other limit is 4 MB. One row has about 200 kB at most, because a prompt of wan3.0 takes up to 80 kB and Wan may
return another one as long. `row_chunks` splits rows that are written together.
"""

MAX_ATTEMPTS: Final = 12
FIRST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 1.28
"""The longest pause. Twelve attempts wait at most nine seconds, which is enough for fifty writers of one item."""

CONFLICT: Final = "TransactionConflictException"
"""DynamoDB's answer to a single write of an item that a transaction is writing; botocore does not retry it.

Source: DynamoDB "Amazon DynamoDB Transactions: How it works", "Transaction conflict handling".
"""


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a transaction with DynamoDB's parameters; values are plain Python values.

    `refusal` is the error that a failed condition means. An action has both a condition and a refusal, or neither.
    """

    kind: Literal["Put", "Update", "Delete"]
    arguments: dict[str, Any]
    refusal: StoreError | None = None

    def __post_init__(self) -> None:
        if ("ConditionExpression" in self.arguments) != (self.refusal is not None):
            raise ValueError(f"A {self.kind} needs a condition and the error that its refusal means, or neither.")


class Transactions:
    """The writer of transactions, for a client that converts plain values.

    Two transactions that conflict on an item cancel each other. Each is attempted up to `MAX_ATTEMPTS` times, with a
    random pause that doubles up to `LONGEST_PAUSE_SECONDS`; after the last attempt the error is raised.
    """

    def __init__(self, client: DynamoDBClient, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._pause = pause

    def write(self, actions: Sequence[Action]) -> None:
        """Write all or nothing. Raises the refusal of the first action whose condition failed."""
        for refusal in self.attempt(actions):
            raise refusal

    def attempt(self, actions: Sequence[Action]) -> Sequence[StoreError]:
        """Write all or nothing; return all refusals in the order of the actions, or an empty list if it was written."""
        items: Any = [{action.kind: action.arguments} for action in actions]
        attempt = 1
        while True:
            try:
                self._client.transact_write_items(TransactItems=items)
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", ())]
                refusals = [
                    action.refusal
                    for action, code in zip(actions, reasons, strict=False)
                    if code == "ConditionalCheckFailed" and action.refusal is not None
                ]
                if refusals:
                    return refusals
                if attempt == MAX_ATTEMPTS or not TRY_AGAIN.intersection(reasons):
                    raise
            else:
                return ()
            self._pause(_seconds_before_next(attempt))
            attempt += 1


class SingleWrites:
    """The writer of single items; the arguments are those of botocore's `put_item`, `update_item` and `delete_item`.

    DynamoDB refuses a single write of an item that a transaction is writing. Such a write is retried like a
    transaction: up to `MAX_ATTEMPTS` attempts, with a random pause that grows. After the last attempt the refusal is
    raised; other errors of DynamoDB are raised immediately.
    """

    def __init__(self, client: DynamoDBClient, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._pause = pause

    def put(self, **arguments: Any) -> None:
        """Put an item."""
        self._write(self._client.put_item, arguments)

    def update(self, **arguments: Any) -> None:
        """Update an item."""
        self._write(self._client.update_item, arguments)

    def delete(self, **arguments: Any) -> None:
        """Delete an item."""
        self._write(self._client.delete_item, arguments)

    def _write(self, call: Callable[..., object], arguments: dict[str, Any]) -> None:
        from botocore.exceptions import ClientError

        attempt = 1
        while True:
            try:
                call(**arguments)
            except ClientError as error:
                if attempt == MAX_ATTEMPTS or error.response["Error"]["Code"] != CONFLICT:
                    raise
            else:
                return
            self._pause(_seconds_before_next(attempt))
            attempt += 1


def _seconds_before_next(attempt: int) -> float:
    """Return the seconds to wait after a number of attempts, so that writers that conflicted do not conflict again."""
    return random.uniform(0, min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))


@dataclass(slots=True)
class Outcome:
    """The outcome of a single conditional write."""

    written: bool = True


@contextlib.contextmanager
def rejected() -> Iterator[Outcome]:
    """Accept the refusal of a single conditional write; the outcome says whether the item was written."""
    from botocore.exceptions import ClientError

    outcome = Outcome()
    try:
        yield outcome
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        outcome.written = False
