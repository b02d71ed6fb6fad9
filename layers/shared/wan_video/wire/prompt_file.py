"""The formats of prompt files; their requests have the fields of the REST body.

A `.txt` is one prompt, with its other settings in the user metadata of the object (`x-amz-meta-model`, ...). A `.json`
is one request or a list. A `.jsonl` has one request in each line and a `.csv` one in each record; these two are read in
chunks, so that the memory used does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header
from pathlib import PurePosixPath
from typing import Any, Final

from wan_video.domain.prompt_file import (
    MAX_FILE_BYTES,
    MAX_ROWS,
    MAX_WHOLE_BYTES,
    MAX_WHOLE_ROWS,
    PromptFile,
    Row,
)
from wan_video.errors import InvalidRequest, Problem, PromptFileRefused, pointer
from wan_video.wire import table
from wan_video.wire.body import read_json
from wan_video.wire.custom_ids import CustomIds
from wan_video.wire.lines import MAX_LINE_BYTES, TextLine, decoded, lines
from wan_video.wire.multipart import from_text
from wan_video.wire.video_body import VideoBody, read_fields


def check(key: str, size: int) -> None:
    """Raise PromptFileRefused for a file that can be refused by its name or its size (in bytes)."""
    ending = _ending(key)
    if ending not in (".txt", ".json", ".jsonl", ".csv"):
        raise PromptFileRefused("The file is ignored; only files that end in .txt, .json, .jsonl or .csv are read.")
    most = MAX_FILE_BYTES if ending in (".jsonl", ".csv") else MAX_WHOLE_BYTES
    if size > most:
        raise PromptFileRefused(f"The file has {size} bytes; a {ending} file may have at most {most}.")


def parse(file: PromptFile, chunks: Iterable[bytes]) -> Iterator[Row]:
    """Yield the valid and invalid rows of a file that has passed `check`.

    Raises PromptFileRefused if the file as a whole cannot be read; this may happen as late as after the last row.
    """
    ending = _ending(file.key)
    if ending == ".txt":
        rows = iter([_prompt(_text(chunks).strip(), file.metadata)])
    elif ending == ".json":
        rows = _whole(_text(chunks))
    else:
        requests = table.records(lines(chunks)) if ending == ".csv" else _requests(lines(chunks))
        rows = _counted(_row(number, request, line) for number, (line, request) in enumerate(requests, start=1))
    return _without_repeated_custom_ids(rows)


def _ending(key: str) -> str:
    return PurePosixPath(key.lower()).suffix


def _text(chunks: Iterable[bytes]) -> str:
    body = b"".join(chunks)
    text = body.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise PromptFileRefused("The file is empty.")
    return decoded(text, len(body) - len(text))


def _whole(text: str) -> Iterator[Row]:
    try:
        document = read_json(text)
    except InvalidRequest as error:
        raise PromptFileRefused(str(error).replace("The body", "The file")) from None
    requests = document if isinstance(document, list) else [document]
    if not requests:
        raise PromptFileRefused("The list is empty.")
    if len(requests) > MAX_WHOLE_ROWS:
        raise PromptFileRefused(
            f"The file has {len(requests)} requests; a .json file may have at most {MAX_WHOLE_ROWS}, "
            f"and a .jsonl or .csv file at most {MAX_ROWS}."
        )
    return (_row(number, request) for number, request in enumerate(requests, start=1))


def _requests(lines: Iterable[TextLine]) -> Iterator[tuple[int, Any]]:
    """Yield the requests of JSON Lines, without blank lines."""
    for line in lines:
        if line.text is None:
            yield line.number, Problem("", f"The line is longer than {MAX_LINE_BYTES} bytes.")
        elif line.text.strip():
            try:
                yield line.number, read_json(line.text)
            except InvalidRequest as error:
                yield line.number, Problem("", str(error).replace("The body", "The line"))


def _counted(rows: Iterator[Row]) -> Iterator[Row]:
    number = 0
    for row in rows:
        number = row.number
        if number > MAX_ROWS:
            raise PromptFileRefused(f"The file has more than {MAX_ROWS} requests, which is the limit.")
        yield row
    if not number:
        raise PromptFileRefused("The file contains no request.")


def _row(number: int, request: Any, line: int | None = None) -> Row:
    if isinstance(request, Problem):
        return Row(number, problems=[request], line=line)
    if not isinstance(request, dict):
        problem = Problem("", 'A request must be a JSON object such as {"prompt": "a fox"}.')
        return Row(number, problems=[problem], line=line)
    try:
        return Row(number, read_fields(request), line=line)
    except InvalidRequest as error:
        return Row(number, problems=error.problems, line=line)


def _without_repeated_custom_ids(rows: Iterable[Row]) -> Iterator[Row]:
    ids = CustomIds()
    for row in rows:
        custom_id = row.fields.custom_id if row.fields else None
        if custom_id is None:
            yield row
            continue
        known = ids.first(custom_id, row.number)
        if known == row.number:
            yield row
        else:
            problem = Problem("/custom_id", f"The custom_id {custom_id!r} is already used in row {known}.")
            yield Row(row.number, problems=[problem], line=row.line)


def _prompt(text: str, metadata: Mapping[str, str]) -> Row:
    """Return the row of a `.txt`, with its settings from the user metadata of its object."""
    settings: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in metadata.items():
        field = name.lower().replace("-", "_")
        # Metadata keys that are not fields belong to other programs.
        if field in VideoBody.model_fields and field not in ("prompt", "metadata"):
            try:
                settings[field] = from_text(field, _unescaped(value))
            except _NotReadable as error:
                problems.append(Problem(pointer(field), f"{field}: {error}"))
    return Row(1, problems=problems) if problems else _row(1, {**settings, "prompt": text})


class _NotReadable(Exception):
    """Raised for metadata in an unsupported encoding; the message says what would be right."""


_CHARSETS: Final = {"utf-8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1", None: "latin-1"}
"""The codecs of encoded words by their names; None is the text between them. S3 itself writes only UTF-8."""


def _unescaped(value: str) -> str:
    """Return metadata as it was written, because S3 returns text that is not ASCII as encoded words (RFC 2047).

    Raises _NotReadable. Text that only resembles an encoded word is returned unchanged, as the RFC requires.
    """
    try:
        parts = decode_header(value)
    except HeaderParseError:
        raise _NotReadable("an encoded word (RFC 2047) is not valid base64.") from None
    text = ""
    for part, charset in parts:
        codec = _CHARSETS.get(charset and charset.lower())
        if codec is None:
            raise _NotReadable(
                f"an encoded word (RFC 2047) uses the encoding {charset!r}; use UTF-8, as in =?UTF-8?B?5L2c5ZOB?=."
            )
        try:
            text += part if isinstance(part, str) else part.decode(codec)
        except UnicodeDecodeError:
            raise _NotReadable(f"an encoded word (RFC 2047) is not valid {charset}.") from None
    return text
