"""How the lists and the single documents of videos and of batches are requested and printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wan_video_cli.api import Document

LimitOption = Annotated[int, typer.Option(min=1, help="The largest number to list.")]
AllOption = Annotated[bool, typer.Option("--all", help="List all.")]


def page_size(limit: int, everything: bool) -> int | None:
    """Return how many documents to request; None for all of them."""
    return None if everything else limit


def print_list(
    documents: Sequence[Document],
    more: bool,
    columns: dict[str, Callable[[Document], str]],
    *,
    as_json: bool,
    nothing: str,
    elastic: str = "",
    spare: Sequence[str] = (),
) -> None:
    """Print a list as JSON, or as a table whose `columns` map a heading to the text of a cell.

    `nothing` is said of an empty list; `more` says that the list continues. The layout is that of `print_rows`.
    """
    from wan_video_cli.screen import emit, print_rows, say

    if as_json:
        emit({"object": "list", "data": documents, "has_more": more})
        return
    rows = [tuple(cell(document) for cell in columns.values()) for document in documents]
    if rows:
        print_rows(tuple(columns), rows, elastic=elastic, spare=spare)
    else:
        say(nothing)
    if more:
        say("There are more: use --limit or --all.")


def print_document(
    document: Document, fields: Callable[[Document], Iterable[tuple[str, str]]], *, as_json: bool
) -> None:
    """Print a document as JSON, or as its fields."""
    from wan_video_cli.screen import emit, print_fields

    if as_json:
        emit(document)
    else:
        print_fields(fields(document))
