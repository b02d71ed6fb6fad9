"""Forms (multipart/form-data, RFC 7578): what SDKs of the `/v1/videos` convention send, even without a file.

Everything in them is text; `metadata[a]` is member `a` of `metadata`. Names of fields are UTF-8, in which `"`, CR and
LF are written as %22, %0D and %0A, as the HTML standard has it ("multipart/form-data encoding algorithm").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from wan_video.errors import InvalidRequest, Problem, pointer, quoted, shortened

_MEMBER: Final = re.compile(r"(\w+)\[((?:(?!\]\[).)+)\]", re.DOTALL)
"""`metadata[a]`; a key may hold brackets, but `metadata[a][b]` would be an object in an object."""

_BOUNDARY: Final = re.compile(r"[ -~]{1,200}", re.ASCII)
_DOUBLED: Final = re.compile(r"(?:[^\\]|\\\\)*")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN_ENCODINGS: Final = ("7bit", "8bit", "binary")

_BOOLEANS: Final = {"true": True, "false": False}
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def read_multipart(content_type: str, body: bytes) -> dict[str, Any]:
    """Return the fields of a form; raises InvalidRequest for other bodies, for files, and for fields sent twice."""
    fields: dict[str, Any] = {}
    for name, text in _parts(content_type, body):
        _set(fields, name, text)
    return fields


def from_text(name: str, text: str) -> Any:
    """The value of a field that came as text; what is not text is written as in JSON."""
    if name in ("prompt_extend", "watermark"):
        return _BOOLEANS.get(text, text)
    if name == "seed" and _NUMBER.fullmatch(text):
        return int(text)
    return text


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and text of each part; raises InvalidRequest."""
    # Imported for the first form only: most requests are JSON, and a cold start would pay for it.
    from multipart import MultipartError, ParserLimitReached, PushMultipartParser, parse_options_header

    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise _wrong("The Content-Type names no boundary; send multipart/form-data; boundary=<what divides the parts>.")
    name, content = "", bytearray()
    try:
        with PushMultipartParser(boundary) as parser:
            for event in parser.parse(body):
                if event is None:
                    yield name, _decoded(name, content)
                elif isinstance(event, bytes | bytearray):
                    content += event
                else:
                    name, content = _named(event), bytearray()
    except ParserLimitReached:
        raise _wrong("A part of the form has more than 8 header lines, or one of more than 4,096 bytes.") from None
    except MultipartError:
        raise _wrong("The body is not multipart/form-data as its boundary says.") from None


def _named(part: Any) -> str:
    """Return the name of the field that a part brings; raises InvalidRequest for a part that is no text."""
    name: str = part.name
    if not name:
        raise _wrong("A part of the form has no name.")
    if _DOUBLED.fullmatch(name):
        # As httpx2 writes it, and with it the `openai` SDK; browsers write one backslash as one.
        name = name.replace("\\\\", "\\")
    # RFC 7578 forbids `filename*`, which the parser passes over; some clients send it all the same.
    shown = shortened(name)
    if part.filename is not None or "filename*" in _QUOTED.sub("", part["Content-Disposition"].lower()):
        raise _wrong(f"{shown}: files are not taken; give audio as audio_url.", name)
    if (part.content_type or "").startswith("multipart/"):
        raise _wrong(f"{shown}: a form inside a form is not taken.", name)
    encoding = part.header("Content-Transfer-Encoding", "binary").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise _wrong(f"{shown}: send the text as it is, without a Content-Transfer-Encoding.", name)
    return name


def _decoded(name: str, content: bytearray) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _wrong(f"{shortened(name)}: not UTF-8.", name) from None


def _set(fields: dict[str, Any], name: str, text: str) -> None:
    member = _MEMBER.fullmatch(name)
    if member is not None:
        target, key = fields.setdefault(member[1], {}), member[2]
    else:
        target, key = fields, name
    if not isinstance(target, dict) or key in target:
        raise _wrong(f"The field {quoted(name)} comes twice.", name)
    target[key] = from_text(name, text)


def _wrong(detail: str, *names: str) -> InvalidRequest:
    return InvalidRequest([Problem(pointer(*names), detail)])
