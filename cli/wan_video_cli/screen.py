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
GAP_WIDTH: Final = 3
ELASTIC_WIDTH: Final = 24
"""Characters below which a column that can be cut says too little."""

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


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, elastic: str = "", spare: Sequence[str] = ()
) -> None:
    """Print a table: tab-separated lines with everything, and on a terminal drawn to fit it.

    There the column `elastic` is cut to what room there is, and the columns `spare` give way to it, the first first.
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
    shown = list(columns)
    for name in spare:
        if _room(console, widths, shown, elastic) < ELASTIC_WIDTH:
            shown.remove(name)
    if elastic:
        widths[elastic] = max(1, min(widths[elastic], _room(console, widths, shown, elastic)))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in shown:
        # An id that is cut is no id.
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=widths[name])
    for row in rows:
        cells = [Text(printable(cell), style=COLOURS.get(cell, "")) for cell in row]
        table.add_row(*(cells[columns.index(name)] for name in shown))
    console.print(table, soft_wrap=False)


def _room(console: Console, widths: Mapping[str, int], shown: Sequence[str], elastic: str) -> int:
    """How many characters the other columns leave to the elastic one."""
    return console.width - sum(widths[name] + GAP_WIDTH for name in shown if name != elastic) - GAP_WIDTH


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
