"""Writes words on the picture, in any script: breaks lines to fit, and draws each character with a font that has it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final

import fontpkg  # type: ignore[import-untyped]
import noto_cjk_sans_otc  # type: ignore[import-untyped]
from PIL import Image, ImageDraw, ImageFont

_SIMPLIFIED_CHINESE: Final = 2
"""The index of Noto Sans CJK SC in its collection."""
_MISSING: Final = "\uffff"
"""No font has it, because it is not a character; so it shows the sign that a font draws for what it lacks."""
_SUBSTITUTE: Final = "▫"
_TOKEN: Final = re.compile(r"\S+\s*|\s+")
_CLOSING: Final = frozenset(("Pe", "Pf", "Po", "Zs"))
"""Kinds of characters that never begin a line: what closes, ends or separates."""
_LONGEST_WORD: Final = 30
"""Characters after which even a word may be broken."""
_REFERENCE_SIZE: Final = 64
_WIDE_SCRIPTS: Final = ("CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH", "IDEOGRAPHIC")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text of one size, ready to draw."""

    lines: tuple[str, ...]
    size: int

    @property
    def height(self) -> int:
        """Pixels from the first line's top to the last line's bottom."""
        return len(self.lines) * self.line_height

    @property
    def line_height(self) -> int:
        """Pixels from one line to the next."""
        return round(self.size * 1.36)


def fit(text: str, width: int, sizes: range, lines: int) -> Block:
    """Break `text` into at most `lines` lines of `width` pixels, as large as `sizes` (falling) allow.

    What does not fit even at the smallest size ends in an ellipsis.
    """
    pieces = _pieces(_drawable(text))
    for size in sizes:
        broken = _break(pieces, width / size)
        if len(broken) <= lines:
            return Block(tuple(broken), size)
    size = sizes[-1]
    kept = _break(pieces, width / size)[:lines]
    last = kept[-1]
    while last and measure(f"{last}…", size) > width:
        last = last[:-1]
    return Block((*kept[:-1], f"{last.rstrip()}…"), size)


def measure(text: str, size: int) -> float:
    """Return the width of a line in pixels."""
    return sum(font.getlength(run) for font, run in _runs(text, size))


def draw(canvas: Image.Image, text: str, place: tuple[float, float], size: int, *, fill: int, width: float = 0) -> None:
    """Write one line on a mask with its top left at `place`; a line that reads from the right ends at `width`."""
    runs = _runs(_drawable(text), size)
    x, y = place
    if _reads_from_right(text):
        runs.reverse()
        x += max(width - sum(font.getlength(run) for font, run in runs), 0.0)
    pen = ImageDraw.Draw(canvas)
    for font, run in runs:
        pen.text((x, y + size), run, font=font, fill=fill, anchor="ls")
        x += font.getlength(run)


def _break(pieces: list[str], width: float) -> list[str]:
    """Fill lines of `width` ems with pieces; a piece wider than a line is cut."""
    lines: list[str] = []
    line, used = "", 0.0
    for piece in pieces:
        if line and used + _ems(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line, used = "", 0.0
        whole = piece if _ems(piece.rstrip()) <= width else ""
        for character in piece.removeprefix(whole):
            if whole and _ems(whole + character) > width:
                lines.append(whole)
                whole = ""
            whole += character
        line, used = line + whole, used + _ems(whole)
    return [*lines, line.rstrip()]


def _pieces(text: str) -> list[str]:
    """Return what may begin a line: words, and each character of scripts without spaces."""
    pieces: list[str] = []
    for token in _TOKEN.findall(text):
        word = ""
        for character in token:
            breakable = _is_wide(character) or (word and _is_wide(word[-1])) or len(word) >= _LONGEST_WORD
            if word and breakable and unicodedata.category(character) not in _CLOSING:
                pieces.append(word)
                word = ""
            word += character
        pieces.append(word)
    return pieces


@lru_cache(maxsize=16384)
def _ems(text: str) -> float:
    """Return the width of a piece in multiples of the font's size, with some reserve because small sizes round up."""
    return measure(text, _REFERENCE_SIZE) / _REFERENCE_SIZE * 1.01


def _is_wide(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_WIDE_SCRIPTS)


def _reads_from_right(text: str) -> bool:
    strong = next((kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), "L")
    return strong != "L"


def _drawable(text: str) -> str:
    """Return a paragraph that can be drawn: with a small box for a letter that no font has, without pictographs."""
    shown = (_shown(character) for character in unicodedata.normalize("NFC", text))
    return re.sub(r"\s+", " ", "".join(shown)).strip()


@lru_cache(maxsize=8192)
def _shown(character: str) -> str:
    if character.isspace():
        return " "
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cf", "Cs", "Co", "Cn") or "VARIATION SELECTOR" in unicodedata.name(character, ""):
        return ""
    if _font_number(character) is not None:
        return character
    return "" if kind in ("So", "Sk") else _SUBSTITUTE


def _runs(text: str, size: int) -> list[tuple[ImageFont.FreeTypeFont, str]]:
    """Split `text` where the font changes; spaces and marks stay with what they follow."""
    numbered: list[tuple[int, str]] = []
    for character in text:
        joins = character == " " or unicodedata.combining(character)
        number = numbered[-1][0] if joins and numbered else _font_number(character)
        numbered.append((number or 0, character))
    groups = groupby(numbered, key=lambda pair: pair[0])
    return [(_font(number, size), "".join(character for _, character in group)) for number, group in groups]


@lru_cache(maxsize=8192)
def _font_number(character: str) -> int | None:
    return next((number for number in range(len(_font_files())) if _has(number, character)), None)


def _has(number: int, character: str) -> bool:
    font = _font(number, 24)
    return character == " " or bytes(font.getmask(character)) != bytes(font.getmask(_MISSING))


@lru_cache(maxsize=1)
def _font_files() -> tuple[tuple[Path, int], ...]:
    """Return every installed font in order of preference: Noto Sans, those for other scripts, Noto Sans CJK."""
    names = sorted((name for name in fontpkg.families() if name.startswith("noto-sans")), key=lambda name: len(name))
    fonts = [(Path(fontpkg.path(name)), 0) for name in names]
    return (*fonts, (Path(str(noto_cjk_sans_otc.FONT_PATH)), _SIMPLIFIED_CHINESE))


@lru_cache(maxsize=256)
def _font(number: int, size: int) -> ImageFont.FreeTypeFont:
    path, index = _font_files()[number]
    return ImageFont.truetype(str(path), size, index=index)
