"""Multipart bodies: what SDKs of the `/v1/videos` convention send, even without a file.

Everything in them is text; `metadata[a]` is member `a` of `metadata`.
"""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import Message
from typing import Any, Final, cast

from wan_video.errors import InvalidRequest, Problem

_MEMBER: Final = re.compile(r"(\w+)\[([^\[\]]+)\]")

_BOOLEANS: Final = {"true": True, "false": False}
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def read_multipart(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields of a form; raises InvalidRequest for what is no form, for files, and for fields sent twice."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("ascii", "replace")
    # Not the parser of EmailPolicy: it breaks on some headers that nobody should send.
    message = message_from_bytes(head + body)
    if not message.is_multipart() or message.defects:
        raise InvalidRequest([Problem("", "The body is not multipart/form-data as its boundary says.")])
    fields: dict[str, Any] = {}
    for part in cast(list[Message], message.get_payload()):
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise InvalidRequest([Problem("", "A part of the form has no name.")])
        if part.get_filename() is not None:
            raise InvalidRequest([Problem(f"/{name}", f"{name}: files are not taken; give audio as audio_url.")])
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            raise InvalidRequest([Problem(f"/{name}", f"{name}: a form inside a form is not taken.")])
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            raise InvalidRequest([Problem(f"/{name}", f"{name}: not UTF-8.")]) from None
        _set(fields, name, text)
    return fields


def from_text(name: str, text: str) -> Any:
    """The value of a field that came as text; what is not text is written as in JSON."""
    if name in ("prompt_extend", "watermark"):
        return _BOOLEANS.get(text, text)
    if name == "seed" and _NUMBER.fullmatch(text):
        return int(text)
    return text


def _set(fields: dict[str, Any], name: str, text: str) -> None:
    member = _MEMBER.fullmatch(name)
    if member is not None:
        target, key = fields.setdefault(member[1], {}), member[2]
    else:
        target, key = fields, name
    if not isinstance(target, dict) or key in target:
        raise InvalidRequest([Problem(f"/{name}", f"The field {name!r} comes twice.")])
    target[key] = from_text(name, text)
