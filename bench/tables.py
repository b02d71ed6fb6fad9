"""The tables of template.yaml: the keys of their items and of their indexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.template import of_type, source


@dataclass(frozen=True)
class Schema:
    """Hash and range attribute of a table or an index, and whether the index contains only keys."""

    hash: str
    range: str = ""
    keys_only: bool = False

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Schema:
        """Return the schema of a table or an index in the template."""
        keys = {key["KeyType"]: key["AttributeName"] for key in described["KeySchema"]}
        return cls(
            keys["HASH"], keys.get("RANGE", ""), described.get("Projection", {}).get("ProjectionType") == "KEYS_ONLY"
        )


def schemas() -> dict[str, tuple[Schema, dict[str, Schema]]]:
    """Return the keys of each table and of its indexes, by the table's logical id."""
    return {
        name: (
            Schema.of(table),
            {index["IndexName"]: Schema.of(index) for index in table.get("GlobalSecondaryIndexes", ())},
        )
        for name, table in of_type(source(), "AWS::DynamoDB::Table").items()
    }
