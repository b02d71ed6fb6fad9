"""Make docs/api-reference.md from the OpenAPI document: `python -m tools.api_reference` writes it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, cast

from functions.api.openapi import openapi_document
from functions.api.routes import resolver
from tools.language import LONGEST_LINE
from wan_video.services.api import Api
from wan_video_local.stack import PROJECT

PAGE: Final = PROJECT / "docs" / "api-reference.md"
HEAD: Final = """# API reference

`python -m tools.api_reference` generates this page from the OpenAPI document, which every stack serves at
`/openapi.json`. [rest-api.md](rest-api.md) describes how to use the API, with recipes.

Every error is a [ProblemDocument](#problemdocument), sent as `application/problem+json`. Every operation may return
the following errors:
"""

EVERYWHERE: Final = ("401", "429", "500", "504")

Schema = Mapping[str, Any]


def description() -> dict[str, Any]:
    """Return the OpenAPI document of the routes, without a running stack."""
    no_service = cast("Any", lambda: None)
    no_services = Api(*[no_service for _ in fields(Api)])
    return openapi_document(resolver(no_services, no_service), "")


def page(document: Mapping[str, Any]) -> str:
    """Return the whole page."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = document["components"]["schemas"]
    operations.sort(key=lambda operation: operation[1])
    known = {status: answer for *_, operation in operations for status, answer in operation["responses"].items()}
    parts = [
        HEAD,
        *_table(("status", ""), [(status, known[status]["description"]) for status in EVERYWHERE]),
        *(line for method, path, operation in operations for line in _operation(method, path, operation)),
        "## Documents\n",
        *(line for name in sorted(schemas) for line in _document(name, schemas[name])),
    ]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f"## {method} {path}\n"
    about = [f"{operation['summary']}.".replace("?.", "?"), operation.get("description", "")]
    yield _wrapped(*about, "No token is needed." if operation.get("security") else "")
    if parameters := operation.get("parameters"):
        yield from _table(
            ("parameter", "in", "type", ""),
            [(f"`{each['name']}`", each["in"], _kind(each["schema"]), _about(each["schema"])) for each in parameters],
        )
    if body := operation.get("requestBody"):
        yield _wrapped(
            f"Body: {_kind(body['content']['application/json']['schema'])}, as {' or '.join(body['content'])}."
        )
    yield from _table(
        ("status", "", ""),
        [
            (status, answer["description"], "" if int(status) >= 300 else _kind(_content(answer)))
            for status, answer in sorted(operation["responses"].items())
            if status not in EVERYWHERE
        ],
    )


def _document(name: str, schema: Schema) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield _wrapped(schema["description"])
    required = schema.get("required", ())
    yield from _table(
        ("member", "type", ""),
        [
            (f"`{member}`" + ("" if member in required else " (optional)"), _kind(described), _about(described))
            for member, described in schema["properties"].items()
        ],
    )


def _content(answer: Schema) -> Schema:
    """Return the schema of an answer, which is the same for each of its media types."""
    schemas: list[Schema] = [content["schema"] for content in answer["content"].values()]
    if any(schema != schemas[0] for schema in schemas):
        raise ValueError(f"The media types {', '.join(answer['content'])} have different schemas.")
    return schemas[0]


def _kind(schema: Schema) -> str:
    """Return a type in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(choice) for choice in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("type") == "object":
        return f"object of {_kind(schema['additionalProperties'])}"
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "null": "null",
    }
    return words[schema["type"]]


def _about(schema: Schema) -> str:
    """Return the description and the limits."""
    limits = [
        f"{word} {schema[limit]:.0f}"
        for limit, word in (
            ("minimum", "at least"),
            ("maximum", "at most"),
            ("minLength", "length at least"),
            ("maxLength", "length at most"),
            ("maxProperties", "members at most"),
        )
        if limit in schema
    ]
    default = schema.get("default")
    unset = [f"`{json.dumps(default).strip(chr(34))}` by default"] if default not in (None, "", {}) else []
    return " ".join(part for part in (schema.get("description", ""), _sentence([*limits, *unset])) if part)


def _sentence(parts: Sequence[str]) -> str:
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _wrapped(*sentences: str) -> str:
    """Return a paragraph, wrapped as the Markdown of this project is."""
    text = " ".join(sentence for sentence in sentences if sentence)
    return textwrap.fill(text, LONGEST_LINE, break_long_words=False, break_on_hyphens=False) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(description()), encoding="utf-8")
