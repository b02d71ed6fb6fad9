"""docs/architecture.md names existing files, on the path from a prompt to a stored video and in its glossary."""

from __future__ import annotations

import re

from wan_video_local.stack import PROJECT

PAGE = PROJECT / "docs" / "architecture.md"
LAYER = PROJECT / "layers" / "shared" / "wan_video"


def section(heading: str) -> str:
    """Return the text below a heading, up to the next one."""
    return PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_path_from_prompt_to_stored_video_names_twelve_existing_files() -> None:
    rows = re.findall(
        r"^\| (\d+) \| \[([^\]]+)\]\(\.\./([^)]+)\) \|", section("From prompt to stored video"), re.MULTILINE
    )
    assert [int(number) for number, *_ in rows] == list(range(1, 13))
    for _, name, path in rows:
        assert (PROJECT / path).is_file(), path
        assert path.endswith(name), path


def test_the_glossary_explains_29_nouns_and_names_where_each_is_defined() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| .+ \| `([^`]+)` \|$", section("Glossary"), re.MULTILINE)
    nouns = [noun for noun, _ in rows]
    assert len(set(nouns)) == len(nouns) == 29
    for noun, path in rows:
        assert (LAYER / path).is_file() or (PROJECT / path).is_file(), f"{noun}: {path}"
