"""Answers to a GET of a result, with the headers and the range rules of OSS.

Source: Alibaba Cloud OSS, "GetObject" and "Range": a range that does not lie wholly inside the object gets all of it,
with 200, unless the caller sends `x-oss-range-behavior: standard`.
"""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from wan_simulator.clock import http_date
from wan_simulator.films import Film
from wan_simulator.links import LinkError

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def oss_error(error: LinkError, request_id: str) -> Response:
    """Return OSS's error answer, in XML."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error>'
        f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message><RequestId>{request_id}</RequestId>"
        "</Error>\n"
    )
    return Response(body, status=error.status, content_type="application/xml")


def film_answer(film: Film, headers: Headers, made_at: float, request_id: str) -> Response:
    """Return the film, or the range of it that `headers` ask for; raises LinkError if a precondition fails."""
    if headers.get("If-Match", film.etag).strip('"') not in (film.etag.strip('"'), "*"):
        raise LinkError(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
    span = _span(headers, film.size)
    first, last = span or (0, film.size - 1)
    answer = Response(film.read(first, last), status=206 if span else 200, content_type="video/mp4")
    if span:
        answer.headers["Content-Range"] = f"bytes {first}-{last}/{film.size}"
    answer.headers.update(
        {
            "Accept-Ranges": "bytes",
            "ETag": film.etag,
            "Last-Modified": http_date(made_at),
            "x-oss-object-type": "Normal",
            "x-oss-hash-crc64ecma": str(film.crc64),
            "x-oss-request-id": request_id,
            "x-oss-server-time": "1",
        }
    )
    return answer


def _span(headers: Headers, size: int) -> tuple[int, int] | None:
    """Return the first and last byte of the requested range, or None for all."""
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    standard = headers.get("x-oss-range-behavior") == "standard"
    if match[1] == "":
        length = int(match[2])
        first, last = size - length, size - 1
        if standard and length:
            first = max(first, 0)
    else:
        first, last = int(match[1]), int(match[2] or size - 1)
        if match[2] and first > last:
            return None
        if standard:
            last = min(last, size - 1)
    if 0 <= first <= last < size:
        return first, last
    if standard:
        raise LinkError(416, "InvalidRange", "The requested range cannot be satisfied.")
    return None
