"""The commands in README.md and in the docs, by what they need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from wan_video_local.stack import PROJECT

README: Final = PROJECT / "README.md"
PAGES: Final = (README, PROJECT / "CONTRIBUTING.md", PROJECT / "SECURITY.md", *sorted((PROJECT / "docs").rglob("*.md")))


@dataclass(frozen=True)
class Block:
    """One fenced block of shell commands; `kind` is the word after `sh`, which is `aws` if it needs an AWS account."""

    commands: tuple[str, ...]
    kind: str

    @property
    def aws(self) -> bool:
        """Whether the block needs an AWS account."""
        return self.kind == "aws"


@cache
def blocks(page: Path = README) -> tuple[Block, ...]:
    """Return every block of shell commands in order; lines that end in a backslash are joined."""
    found = re.findall(r"^```sh *(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return tuple(Block(tuple(body.replace("\\\n", " ").strip().splitlines()), kind) for kind, body in found)


def commands(name: str, *, aws: bool, page: Path = README) -> list[str]:
    """Return the commands of a page that begin with `name`."""
    return [
        line for block in blocks(page) if block.aws == aws for line in block.commands if line.startswith(f"{name} ")
    ]


def everywhere(name: str, *, aws: bool) -> list[str]:
    """Return the commands of all pages that begin with `name`, each once."""
    return list(dict.fromkeys(line for page in PAGES for line in commands(name, aws=aws, page=page)))


def snippet(page: str, language: str) -> str:
    """Return the only fenced block of a page that is marked with `language`."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)
