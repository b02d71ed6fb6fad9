"""docs/engine.md names every known difference of the engine, and the test that watches it."""

from __future__ import annotations

import re

from tools.template import ROOT


def test_the_document_names_exactly_the_tests_that_watch_the_engine() -> None:
    here = ROOT / "tests/contract"
    sources = [path for path in sorted(here.glob("test_engine_*.py")) if path.name != "test_engine_document.py"]
    watching = [
        name
        for path in sources
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    named = re.findall(r"`(test_\w+)` \|$", (ROOT / "docs/engine.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(named) == sorted(watching)


def test_the_document_names_existing_files() -> None:
    text = (ROOT / "docs/engine.md").read_text(encoding="utf-8")

    assert all((ROOT / path).exists() for path in re.findall(r"`((?:tests|local)/[\w/]+\.py)`", text))
