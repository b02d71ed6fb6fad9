"""The lines of a file that is read in pieces: never more of it in memory than a piece and one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wan_video.errors import PromptFileRefused

MAX_LINE_BYTES: Final = 64 * 1024
"""As much as the body of a request may have."""

_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, its end included; `text` is None for one that is too long, whose quotes are counted all the same."""

    number: int
    text: str | None
    quotes: int = 0


def lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """Cut a UTF-8 file into its lines, its byte order mark left out; raises PromptFileRefused for other encodings."""
    offset = 0
    for number, (data, length, quotes) in enumerate(_cut(chunks), start=1):
        if data is None:
            yield Line(number, None, quotes)
        else:
            body = data.removeprefix(_MARK) if number == 1 else data
            yield Line(number, decoded(body, offset + len(data) - len(body), number), body.count(b'"'))
        offset += length


def decoded(body: bytes, offset: int = 0, line: int | None = None) -> str:
    """The text of bytes that begin at `offset` of their file; raises PromptFileRefused naming the first bad one."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"byte {offset + error.start}" + (f" (line {line})" if line else "")
        raise PromptFileRefused(f"The file is not UTF-8: {where} is 0x{body[error.start]:02x}.") from None


def _cut(chunks: Iterable[bytes]) -> Iterator[tuple[bytes | None, int, int]]:
    """Each line's bytes (None where they are too many), how many there are, and how many quotes a dropped one has."""
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
