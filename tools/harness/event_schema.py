"""The published schema of events, which every event in every test must match."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from wan_video.domain.notice import API_VERSION

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / f"event-{API_VERSION}.json"


def check(event: Mapping[str, Any]) -> None:
    """Raise AssertionError if an event does not match the schema."""
    kind = event.get("type")
    validator = _validator(kind) if isinstance(kind, str) else _validator()
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]
    assert problems == [], event


@cache
def _schema() -> Any:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return schema


@cache
def _validator(kind: str = "") -> Draft202012Validator:
    """Return the validator of events of a type; it leaves out the alternatives of others, none of which can match."""
    schema = _schema()
    own = [one for one in schema["oneOf"] if one["properties"]["type"]["const"] == kind]
    return Draft202012Validator({**schema, "oneOf": own or schema["oneOf"]})
