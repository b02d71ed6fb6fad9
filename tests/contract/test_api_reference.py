"""docs/api-reference.md matches the API's own description."""

from __future__ import annotations

from tools import api_reference


def test_the_committed_reference_is_current() -> None:
    document = api_reference.description()
    assert api_reference.PAGE.read_text(encoding="utf-8") == api_reference.page(document)


def test_every_operation_and_document_is_described() -> None:
    document = api_reference.description()
    summaries = [operation["summary"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(summaries)) == len(summaries) == 29
    undescribed = [name for name, schema in document["components"]["schemas"].items() if "description" not in schema]
    assert undescribed == []


def test_no_link_is_promised_to_outlive_its_credentials() -> None:
    schemas = api_reference.description()["components"]["schemas"]
    for name in ("FileDocument", "UploadDocument"):
        assert (
            "stops earlier if the credentials that signed it expire"
            in schemas[name]["properties"]["expires_at"]["description"]
        )
    for link in ("url", "download_url"):
        assert schemas["FileDocument"]["properties"][link]["description"].endswith("at the latest.")
