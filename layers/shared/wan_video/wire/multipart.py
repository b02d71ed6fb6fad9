"""Forms (multipart/form-data, RFC 7578), which SDKs of the `/v1/videos` convention send even without a file.

A value is text, or, for the fields of images, a file, which becomes a data URL; `metadata[a]` is the member `a` of
`metadata`. Names of fields are UTF-8, in which `"`, CR and
LF are written as %22, %0D and %0A, as in the HTML standard ("multipart/form-data encoding algorithm").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from wan_video.errors import InvalidRequest, Problem, pointer, quoted, shortened
from wan_video.wire.images import IMAGE_FIELDS, data_url_of

_MEMBER: Final = re.compile(r"(\w+)\[((?:(?!\]\[).)+)\]", re.DOTALL)
"""Matches `metadata[a]`; a key may contain brackets, but `metadata[a][b]` would be an object in an object."""

_BOUNDARY: Final = re.compile(r"[ -~]{1,200}", re.ASCII)
_DOUBLED: Final = re.compile(r"(?:[^\\]|\\\\)*")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN_ENCODINGS: Final = ("7bit", "8bit", "binary")

BOOLEAN_FIELDS: Final = ("prompt_extend", "watermark", "audio")

_BOOLEANS: Final = {"true": True, "false": False}
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def read_multipart(content_type: str, body: bytes) -> dict[str, Any]:
    """Return the fields of a form; raises InvalidRequest for other bodies, for files, and for repeated fields."""
    fields: dict[str, Any] = {}
    for name, text in _parts(content_type, body):
        _set(fields, name, text)
    return fields


def from_text(name: str, text: str) -> Any:
    """Return the value of a field that was sent as text; booleans and numbers are written as in JSON."""
    if name in BOOLEAN_FIELDS:
        return _BOOLEANS.get(text, text)
    if name == "seed" and _NUMBER.fullmatch(text):
        return int(text)
    return text


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and text of each part; the text of a file is its data URL. Raises InvalidRequest."""
    # Imported with the first form: most requests are JSON, and the import would slow down every cold start.
    from multipart import MultipartError, ParserLimitReached, PushMultipartParser, parse_options_header

    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise _wrong(
            "The Content-Type has no boundary; send multipart/form-data; boundary=<the boundary of the parts>."
        )
    name, content, is_file = "", bytearray(), False
    try:
        with PushMultipartParser(boundary) as parser:
            for event in parser.parse(body):
                if event is None:
                    yield name, data_url_of(content) if is_file else _decoded(name, content)
                elif isinstance(event, bytes | bytearray):
                    content += event
                else:
                    (name, is_file), content = _named(event), bytearray()
    except ParserLimitReached:
        raise _wrong("A part of the form has more than 8 header lines, or one of more than 4,096 bytes.") from None
    except MultipartError:
        raise _wrong("The body is not multipart/form-data with the boundary of its Content-Type.") from None


def _named(part: Any) -> tuple[str, bool]:
    """Return the name of the field that a part contains, and whether it is the file of an image.

    Raises InvalidRequest for any other part that is not text.
    """
    name: str = part.name
    if not name:
        raise _wrong("A part of the form has no name.")
    if _DOUBLED.fullmatch(name):
        # httpx2, and with it the `openai` SDK, doubles every backslash; browsers do not.
        name = name.replace("\\\\", "\\")
    # RFC 7578 forbids `filename*`, and the parser ignores it; some clients send it anyway.
    shown = shortened(name)
    is_file = part.filename is not None or "filename*" in _QUOTED.sub("", part["Content-Disposition"].lower())
    if name in IMAGE_FIELDS:
        is_file = is_file or (part.content_type or "").startswith("image/")
    elif is_file:
        raise _wrong(f"{shown}: files are not accepted; send audio as a link in audio_url.", name)
    if (part.content_type or "").startswith("multipart/"):
        raise _wrong(f"{shown}: a form inside a form is not accepted.", name)
    encoding = part.header("Content-Transfer-Encoding", "binary").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise _wrong(f"{shown}: a Content-Transfer-Encoding is not accepted; send the text without one.", name)
    return name, is_file


def _decoded(name: str, content: bytearray) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _wrong(f"{shortened(name)}: the value is not UTF-8 text.", name) from None


def _set(fields: dict[str, Any], name: str, text: str) -> None:
    member = _MEMBER.fullmatch(name)
    if member is not None:
        target, key = fields.setdefault(member[1], {}), member[2]
    else:
        target, key = fields, name
    if not isinstance(target, dict) or key in target:
        raise _wrong(f"The form contains the field {quoted(name)} more than once.", name)
    target[key] = from_text(name, text)


def _wrong(detail: str, *names: str) -> InvalidRequest:
    return InvalidRequest([Problem(pointer(*names), detail)])
