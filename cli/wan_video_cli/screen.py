"""Output: results go to standard output, messages about them to standard error.

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
GAP_WIDTH: Final = 3
ELASTIC_WIDTH: Final = 24
"""The fewest characters at which a shortened column is still useful."""

MIN_WIDTH: Final = 20
"""Characters that a value gets on the narrowest terminal."""

INDENT: Final = "  "

COLOURS: Final = {
    "completed": "green",
    "failed": "red",
    "expired": "red",
    "cancelled": "yellow",
    "in_progress": "cyan",
    "queued": "blue",
}


def notes() -> Console:
    """Return the console of standard error, with colours if it is a terminal and NO_COLOR is not set."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def results() -> Console:
    """Return the console of standard output, in the same way."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a message about the result."""
    _print_whole_words(notes(), text)


def emit(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print the JSON document of a command; characters that standard output cannot encode are escaped."""
    print(json.dumps(document, indent=2, ensure_ascii=not _speaks_utf8()))


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one per line; names without a value are omitted.

    On a terminal a long value continues below its beginning, between words.
    """
    from rich.text import Text

    console = results()
    for name, value in fields:
        if not value:
            continue
        style = COLOURS.get(value, "") if name == "status" else ""
        lines = [Text(printable(value), style=style)]
        if console.is_terminal:
            lines = list(lines[0].wrap(console, max(MIN_WIDTH, console.width - KEY_WIDTH)))
        for at, line in enumerate(lines):
            label = "" if at else name
            # Assembled, because the style of the first text of a sum would apply to all of it.
            console.print(Text.assemble((label, "dim"), " " * max(1, KEY_WIDTH - len(label)), line))


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, elastic: str = "", spare: Sequence[str] = ()
) -> None:
    """Print a table: tab-separated lines with everything, and on a terminal drawn to fit it.

    On a terminal the column `elastic` is shortened to fit, and the columns `spare` are omitted one after another.
    If that is not enough, each row becomes several lines, because a shortened id is useless.
    """
    console = results()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(printable(cell) for cell in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    widths = {name: max(map(cell_len, [name, *(row[at] for row in rows)])) for at, name in enumerate(columns)}
    least = min(widths[elastic], ELASTIC_WIDTH) if elastic else 0
    shown = list(columns)
    for name in spare:
        if _room(console, widths, shown, elastic) < least:
            shown.remove(name)
    if _room(console, widths, shown, elastic) < least:
        _print_stacked(console, columns, rows, elastic)
        return
    if elastic:
        widths[elastic] = min(widths[elastic], _room(console, widths, shown, elastic))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in shown:
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=widths[name])
    for row in rows:
        cells = [Text(printable(cell), style=COLOURS.get(cell, "")) for cell in row]
        table.add_row(*(cells[columns.index(name)] for name in shown))
    console.print(table, soft_wrap=False)


def _print_stacked(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], elastic: str) -> None:
    """Print each row as its first cell and, below it, the others; `elastic` is cut to a line."""
    from rich.text import Text

    width = max(MIN_WIDTH, console.width - len(INDENT))
    for first, *others in rows:
        console.print(Text(printable(first), style="bold"))
        named = [(name, printable(cell)) for name, cell in zip(columns[1:], others, strict=True) if cell]
        parts = [Text(cell, style=COLOURS.get(cell, "")) for name, cell in named if name != elastic]
        lines = list(Text(", ").join(parts).wrap(console, width)) if parts else []
        for name, cell in named:
            if name == elastic:
                line = Text(cell)
                line.truncate(width, overflow="ellipsis")
                lines.append(line)
        for line in lines:
            console.print(Text(INDENT) + line)


def _room(console: Console, widths: Mapping[str, int], shown: Sequence[str], elastic: str) -> int:
    """Return the width left for the elastic column; negative if the other columns do not fit."""
    return console.width - sum(widths[name] + GAP_WIDTH for name in shown if name != elastic) - GAP_WIDTH


def tell(error: CommandError) -> None:
    """Print an error and its remedy."""
    console = notes()
    _print_whole_words(console, _lines(error.what), label="Error: ")
    if error.remedy:
        _print_whole_words(console, _lines(error.remedy))


def _print_whole_words(console: Console, text: str, label: str = "") -> None:
    """Print text, broken between words on a terminal and nowhere else."""
    from rich.text import Text

    whole = Text(label, style="bold red") + Text(text)
    console.print(whole, soft_wrap=not console.is_terminal)


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


@cache
def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
