"""DynamoDB transactions whose refusals are answers: which of the actions had its condition fail."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TRY_AGAIN: Final = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons for which a transaction was cancelled that say nothing against it."""

MAX_ACTIONS: Final = 100
"""Actions that DynamoDB takes in one transaction.

Its other limit, 4 MB, is out of reach: the longest row has about 50 kB.
"""

MAX_ATTEMPTS: Final = 8
FIRST_PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a transaction, in DynamoDB's words; values are plain Python."""

    kind: Literal["Put", "Update", "Delete"]
    arguments: dict[str, Any]


class Transactions:
    """Writes transactions through a client that converts plain values.

    Two transactions that meet on an item cancel one another; such a one is tried again, `MAX_ATTEMPTS` times in all,
    after a random pause that doubles, and then raises.
    """

    def __init__(self, client: DynamoDBClient, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._pause = pause

    def write(self, actions: Sequence[Action]) -> frozenset[int]:
        """Write all or nothing; returns the positions of the actions whose conditions failed (none: it is written)."""
        items: Any = [{action.kind: action.arguments} for action in actions]
        attempt = 1
        while True:
            try:
                self._client.transact_write_items(TransactItems=items)
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", ())]
                refused = frozenset(at for at, code in enumerate(reasons) if code == "ConditionalCheckFailed")
                if refused:
                    return refused
                if attempt == MAX_ATTEMPTS or not TRY_AGAIN.intersection(reasons):
                    raise
            else:
                return frozenset()
            self._pause(random.uniform(0, FIRST_PAUSE_SECONDS * 2**attempt))
            attempt += 1


@contextlib.contextmanager
def rejected() -> Iterator[None]:
    """Take the refusal of a single conditional write as an answer that needs no action."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
