"""The tables of template.yaml: what their items and their indexes go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.template import of_type, source


@dataclass(frozen=True)
class Schema:
    """Hash and range attribute of a table or an index, and whether the index holds keys alone."""

    hash: str
    range: str = ""
    keys_only: bool = False

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Schema:
        """Read one from the template."""
        keys = {key["KeyType"]: key["AttributeName"] for key in described["KeySchema"]}
        return cls(
            keys["HASH"], keys.get("RANGE", ""), described.get("Projection", {}).get("ProjectionType") == "KEYS_ONLY"
        )


def schemas() -> dict[str, tuple[Schema, dict[str, Schema]]]:
    """Each table by its logical id: its own keys, and those of its indexes."""
    return {
        name: (
            Schema.of(table),
            {index["IndexName"]: Schema.of(index) for index in table.get("GlobalSecondaryIndexes", ())},
        )
        for name, table in of_type(source(), "AWS::DynamoDB::Table").items()
    }
