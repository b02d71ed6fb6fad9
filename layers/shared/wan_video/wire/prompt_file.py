"""Prompt files: `.txt` holds one prompt, `.json` one request or a list of them, with the fields of the REST body.

A `.txt` takes its other settings from the user metadata of its object (`x-amz-meta-model`, `x-amz-meta-size`, ...).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from pathlib import PurePosixPath
from typing import Any

from wan_video.domain.prompt_file import MAX_ROWS, PromptFile, Row
from wan_video.errors import InvalidRequest, Problem, PromptFileRefused
from wan_video.wire.body import read_json
from wan_video.wire.multipart import from_text
from wan_video.wire.video_body import VideoBody, read_fields


def parse(file: PromptFile) -> Sequence[Row]:
    """The rows of a file, good and bad; raises PromptFileRefused where the file as a whole cannot be read."""
    ending = PurePosixPath(file.key.lower()).suffix
    if ending == ".txt":
        return [_row(1, {**_settings(file.metadata), "prompt": _text(file.body).strip()})]
    if ending == ".json":
        return _rows(_text(file.body))
    raise PromptFileRefused("Files that end in .txt or .json are read; this one is ignored.")


def _text(body: bytes) -> str:
    text = body.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise PromptFileRefused("The file is empty.")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start + len(body) - len(text)
        raise PromptFileRefused(f"The file is not UTF-8: byte {at} is 0x{body[at]:02x}.") from None


def _rows(text: str) -> Sequence[Row]:
    try:
        document = read_json(text)
    except InvalidRequest as error:
        raise PromptFileRefused(str(error).replace("The body", "The file")) from None
    requests = document if isinstance(document, list) else [document]
    if not requests:
        raise PromptFileRefused("The list is empty.")
    if len(requests) > MAX_ROWS:
        raise PromptFileRefused(f"The file has {len(requests)} requests; a .json file holds at most {MAX_ROWS}.")
    rows = [_row(number, request) for number, request in enumerate(requests, start=1)]
    return _without_repeated_custom_ids(rows)


def _row(number: int, request: Any) -> Row:
    if not isinstance(request, dict):
        return Row(number, problems=[Problem("", 'A request is an object such as {"prompt": "a fox"}.')])
    try:
        return Row(number, read_fields(request))
    except InvalidRequest as error:
        return Row(number, problems=error.problems)


def _without_repeated_custom_ids(rows: Sequence[Row]) -> Sequence[Row]:
    first: dict[str, int] = {}
    result: list[Row] = []
    for row in rows:
        custom_id = row.fields.custom_id if row.fields else None
        if custom_id is not None and first.setdefault(custom_id, row.number) != row.number:
            detail = f"custom_id {custom_id!r} is that of row {first[custom_id]} already."
            row = Row(row.number, problems=[Problem("/custom_id", detail)])
        result.append(row)
    return result


def _settings(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The settings among an object's user metadata; other people's keys there are none of ours."""
    settings: dict[str, Any] = {}
    for name, value in metadata.items():
        field = name.lower().replace("-", "_")
        if field in VideoBody.model_fields and field not in ("prompt", "metadata"):
            settings[field] = from_text(field, _unescaped(value))
    return settings


def _unescaped(value: str) -> str:
    """S3 returns metadata that is not ASCII in the form of RFC 2047."""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, UnicodeDecodeError, LookupError):
        return value
