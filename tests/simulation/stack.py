"""The adapters over the tables in memory, in the shape of `tools.harness.stack`, for suites that hold both alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from tests.simulation.dynamo import Client, new_tables
from tools.harness.stack import LEDGER, VIDEOS
from wan_video.adapters.dynamodb.batches import DynamoBatches
from wan_video.adapters.dynamodb.pools import DynamoPools
from wan_video.adapters.dynamodb.quotas import DynamoQuotas
from wan_video.adapters.dynamodb.videos import DynamoVideos


@dataclass(frozen=True)
class _Table:
    """One table, as boto3's resource shows it."""

    client: Client
    name: str

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self.client, operation)
        return lambda **arguments: call(TableName=self.name, **arguments)


@dataclass(frozen=True)
class _Resource:
    client: Client

    def Table(self, name: str) -> _Table:  # noqa: N802  (its name in boto3)
        return _Table(self.client, name)


@dataclass(frozen=True)
class SimulatedStack:
    """The stack's tables in memory, without content, and the adapters over them."""

    client: Client = field(default_factory=lambda: Client(new_tables(VIDEOS, LEDGER)))

    @property
    def tables(self) -> Any:
        return self.client

    @property
    def dynamodb(self) -> Any:
        return _Resource(self.client)

    @cached_property
    def videos(self) -> DynamoVideos:
        return DynamoVideos(cast("Any", self.client), videos=VIDEOS, ledger=LEDGER)

    @cached_property
    def batches(self) -> DynamoBatches:
        return DynamoBatches(cast("Any", self.client), LEDGER)

    @cached_property
    def pools(self) -> DynamoPools:
        return DynamoPools(cast("Any", self.client), LEDGER)

    @cached_property
    def quotas(self) -> DynamoQuotas:
        return DynamoQuotas(cast("Any", self.client), LEDGER)
