"""The lines of a file that is read in chunks, with at most one chunk and one line in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wan_video.errors import PromptFileRefused
from wan_video.wire.body import MAX_BODY_BYTES

MAX_LINE_BYTES: Final = MAX_BODY_BYTES
"""The longest line, as long as the body of a request may be."""

_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line with its line break; `text` is None if it is too long, and `quotes` is counted in any case."""

    number: int
    text: str | None
    quotes: int = 0


def lines(chunks: Iterable[bytes]) -> Iterator[TextLine]:
    """Split a UTF-8 file into lines, without its byte order mark; raises PromptFileRefused for other encodings."""
    offset = 0
    for number, (data, length, quotes) in enumerate(_cut(chunks), start=1):
        if data is None:
            yield TextLine(number, None, quotes)
        else:
            body = data.removeprefix(_MARK) if number == 1 else data
            yield TextLine(number, decoded(body, offset + len(data) - len(body), number), body.count(b'"'))
        offset += length


def decoded(body: bytes, offset: int = 0, line: int | None = None) -> str:
    """Decode bytes that begin at `offset` of their file; raises PromptFileRefused that names the first invalid byte."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"byte {offset + error.start}" + (f" (line {line})" if line else "")
        raise PromptFileRefused(f"The file is not UTF-8: {where} is 0x{body[error.start]:02x}.") from None


def _cut(chunks: Iterable[bytes]) -> Iterator[tuple[bytes | None, int, int]]:
    """Yield the bytes of each line (None if it is too long), their number, and the quotes of a long line."""
    kept, length, quotes = b"", 0, 0
    for chunk in chunks:
        pieces = chunk.split(b"\n")
        for piece in pieces[:-1]:
            piece += b"\n"
            length += len(piece)
            if length > MAX_LINE_BYTES:
                yield None, length, quotes + kept.count(b'"') + piece.count(b'"')
            else:
                yield kept + piece, length, 0
            kept, length, quotes = b"", 0, 0
        length += len(pieces[-1])
        kept += pieces[-1]
        if length > MAX_LINE_BYTES:
            quotes += kept.count(b'"')
            kept = b""
    if length > MAX_LINE_BYTES:
        yield None, length, quotes
    elif length:
        yield kept, length, 0
