"""docs/api-reference.md says what the API says of itself."""

from __future__ import annotations

from tests import api_reference


def test_the_committed_reference_is_current() -> None:
    document = api_reference.description()
    assert api_reference.PAGE.read_text(encoding="utf-8") == api_reference.page(document)


def test_every_operation_and_document_is_described() -> None:
    document = api_reference.description()
    told = [operation["summary"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(told)) == len(told) == 17
    undescribed = [name for name, schema in document["components"]["schemas"].items() if "description" not in schema]
    assert undescribed == []
