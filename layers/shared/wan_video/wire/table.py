"""`.csv` prompt files: the header names fields of the REST body, and each record is a request.

A column `metadata.<key>` is one entry of `metadata`, and a column `metadata` contains all entries as JSON. An empty
cell leaves the field out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from wan_video.errors import InvalidRequest, Problem, PromptFileRefused, quoted
from wan_video.wire.body import read_json
from wan_video.wire.lines import MAX_LINE_BYTES, TextLine
from wan_video.wire.multipart import BOOLEAN_FIELDS, from_text
from wan_video.wire.video_body import VideoBody

_ENTRY: Final = "metadata."
_LONE_RETURN: Final = "there is a carriage return without a line feed outside quotes; lines must end in LF or CRLF"
_COLUMNS: Final = [*(name for name in VideoBody.model_fields if name != "metadata"), "metadata", f"{_ENTRY}<key>"]


def records(lines: Iterable[TextLine]) -> Iterator[tuple[int, Any]]:
    """Yield each request and the line in which it begins: the fields of a body, or the Problem with the record.

    Raises PromptFileRefused if the header is not valid or a quoted cell is never closed.
    """
    reader = _Reader(lines)
    header: list[str] | None = None
    for line, cells in reader:
        if header is None:
            if isinstance(cells, Problem):
                raise PromptFileRefused(f"Line {line} must name the columns. {cells.detail}")
            header = _header(cells)
        elif isinstance(cells, Problem):
            yield line, cells
        else:
            yield line, _request(header, cells)
    if header is None:
        raise PromptFileRefused("The file is empty.")


class _Reader:
    """Yields records, without blank ones, and the line in which each begins; one that cannot be read is a Problem."""

    def __init__(self, lines: Iterable[TextLine]) -> None:
        self._lines = iter(lines)
        self._reader = csv.reader(self._fed(), strict=True)
        self._begins = 0
        self._held = 0
        self._quotes = 0
        self._too_long = False

    def __iter__(self) -> Iterator[tuple[int, list[str] | Problem]]:
        while True:
            self._held = self._quotes = self._begins = 0
            self._too_long = False
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                if self._quotes % 2:
                    raise self._never_closed() from None
                why = _LONE_RETURN if "new-line" in str(error) else str(error)
                yield self._begins, Problem("", f"The line is not CSV: {why}.")
                continue
            if self._too_long:
                yield self._begins, Problem("", f"The line is longer than {MAX_LINE_BYTES} bytes.")
            elif any(cells):
                yield self._begins, cells

    def _fed(self) -> Iterator[str]:
        """Yield the text of the lines, and count bytes and quotes of the record that they belong to."""
        for line in self._lines:
            self._begins = self._begins or line.number
            self._quotes += line.quotes
            self._held += len(line.text or "")
            if line.text is None and self._begins == line.number and line.quotes % 2 == 0:
                self._too_long = True
                yield "\n"
            elif line.text is None or self._held > MAX_LINE_BYTES:
                raise self._never_closed()
            else:
                yield line.text

    def _never_closed(self) -> PromptFileRefused:
        return PromptFileRefused(
            f'The record that begins in line {self._begins} has a cell that opens with " and is not closed '
            f"within {MAX_LINE_BYTES} bytes."
        )


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in names:
        known = name in VideoBody.model_fields or (name.startswith(_ENTRY) and name != _ENTRY)
        if not known:
            raise PromptFileRefused(
                f"The header has an unknown column {quoted(name)}; the columns are {', '.join(_COLUMNS)}, "
                "separated by commas."
            )
        if names.count(name) > 1:
            raise PromptFileRefused(f"The header contains the column {quoted(name)} more than once.")
    if "prompt" not in names:
        raise PromptFileRefused("The header has no column 'prompt'.")
    return names


def _request(header: Sequence[str], cells: Sequence[str]) -> Any:
    if len(cells) != len(header):
        return Problem("", f"The record has {len(cells)} cells; the header names {len(header)} columns.")
    request: dict[str, Any] = {}
    try:
        for name, cell in zip(header, cells, strict=True):
            if name.startswith(_ENTRY):
                if cell:
                    request.setdefault("metadata", {})[name.removeprefix(_ENTRY)] = cell
            elif name == "metadata":
                if cell.strip():
                    request["metadata"] = {**_object(cell), **request.get("metadata", {})}
            elif name in ("prompt", "negative_prompt"):
                request |= {name: cell} if cell or name == "prompt" else {}
            elif cell.strip():
                request[name] = _value(name, cell.strip())
    except InvalidRequest as error:
        return error.problems[0]
    return request


def _value(name: str, text: str) -> Any:
    # Spreadsheets write booleans in capitals.
    return from_text(name, text.lower() if name in BOOLEAN_FIELDS else text)


def _object(cell: str) -> dict[str, Any]:
    try:
        value = read_json(cell)
    except InvalidRequest as error:
        raise InvalidRequest([Problem("/metadata", str(error).replace("The body", "The cell"))]) from None
    if not isinstance(value, dict):
        raise InvalidRequest([Problem("/metadata", 'A metadata cell must be a JSON object such as {"case": "7"}.')])
    return value
