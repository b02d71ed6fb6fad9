"""Rules for text: prompts and labels may be in any script, but must be storable and visible."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Invisible characters in the categories of letters, marks and symbols: joiners, fillers, variation selectors.

Source: Unicode, `Default_Ignorable_Code_Point`, and the Braille blank.
"""


UNREADABLE: Final = "\ufffd"
"""Unicode's replacement character, which replaces what cannot be decoded."""

_HALF: Final = re.compile("[\ud800-\udfff]")


def without_halves(text: str) -> str:
    """Return `text` with UNREADABLE in place of lone surrogates; the two halves of a pair are joined."""
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_blank(text: str) -> bool:
    """Return whether `text` contains only white space, control and format characters, and invisible characters."""
    return all(char.isspace() or _UNSEEN.match(char) or unicodedata.category(char) in ("Cc", "Cf") for char in text)


def text_problem(text: str) -> str | None:
    """Return why `text` cannot be stored as UTF-8, or None if it can."""
    if "\0" in text:
        return "contains a NUL character"
    if _HALF.search(text):
        return "contains half of a surrogate pair"
    return None
