"""README.md as its readers use it: the commands in it, by what they need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from wan_video_local.stack import PROJECT

README = PROJECT / "README.md"


@dataclass(frozen=True)
class Block:
    """One fenced block of shell; `aws` where it needs an AWS account."""

    commands: tuple[str, ...]
    aws: bool


@cache
def blocks() -> tuple[Block, ...]:
    """Every block of shell, top to bottom; lines that end in a backslash are joined."""
    found = re.findall(r"^```sh( aws)?\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return tuple(Block(tuple(body.replace("\\\n", " ").strip().splitlines()), aws=bool(needs)) for needs, body in found)


def commands(name: str, *, aws: bool) -> list[str]:
    """The commands that begin with `name`."""
    return [line for block in blocks() if block.aws == aws for line in block.commands if line.startswith(f"{name} ")]
