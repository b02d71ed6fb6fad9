"""Where words go: results to standard output, everything said about them to standard error.

With `--json` standard output holds one JSON document and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from wan_video_cli.errors import CommandError
from wan_video_cli.words import printable

if TYPE_CHECKING:
    from rich.console import Console

KEY_WIDTH: Final = 14

COLOURS: Final = {
    "completed": "green",
    "failed": "red",
    "expired": "red",
    "cancelled": "yellow",
    "in_progress": "cyan",
    "queued": "blue",
}


def notes() -> Console:
    """Standard error; colours where it is a terminal and NO_COLOR is not set."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def results() -> Console:
    """Standard output, likewise."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Say something about the result."""
    print(text, file=sys.stderr)


def emit(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print the JSON document of a command, escaped where standard output could not carry it."""
    print(json.dumps(document, indent=2, ensure_ascii=not _speaks_utf8()))


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print names and values, a line each; those without a value are left out."""
    from rich.text import Text

    console = results()
    for name, value in fields:
        if value:
            style = COLOURS.get(value, "") if name == "status" else ""
            console.print(Text(f"{name:<{KEY_WIDTH}}", style="dim") + Text(printable(value), style=style))


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]], *, widest: str = "") -> None:
    """Print a table: drawn on a terminal, where the column `widest` may be cut; tab-separated lines elsewhere."""
    console = results()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(printable(cell) for cell in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        # An id that is cut is no id.
        table.add_column(
            name, no_wrap=True, overflow="ellipsis" if name == widest else "fold", ratio=1 if name == widest else None
        )
    for row in rows:
        table.add_row(*(Text(printable(cell), style=COLOURS.get(cell, "")) for cell in row))
    console.print(table)


def tell(error: CommandError) -> None:
    """Say what went wrong and what to do."""
    from rich.text import Text

    console = notes()
    console.print(Text("Error: ", style="bold red") + Text(_lines(error.what)))
    if error.remedy:
        console.print(Text(_lines(error.remedy)))


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


@cache
def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
