"""The JSON that the API returns: UTF-8, and no larger than Lambda can return."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_ANSWER_BYTES: Final = 6_291_556
"""The largest response of a function, by Lambda's quotas; for a larger one, API Gateway answers 502."""

MAX_DATA_BYTES: Final = MAX_ANSWER_BYTES - 64 * 1024
"""The bytes available for the items of a list; the rest is for its other members, the headers and the envelope."""


def to_json(value: Any) -> str:
    """Return a value as JSON without escapes, unless it contains a lone surrogate, which UTF-8 cannot encode."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def fitting(documents: Sequence[Mapping[str, Any]]) -> int:
    """Return how many of the first documents fit into one answer: at least one, if there are any.

    Lambda counts the bytes of the JSON that contains the answer as text. Its runtimes up to Python 3.11 escape
    characters that are not ASCII, later ones do not; this function assumes the longer form.
    """
    room = MAX_DATA_BYTES
    for number, document in enumerate(documents):
        room -= len(json.dumps(to_json(document))) + 1
        if room < 0:
            return max(number, 1)
    return len(documents)
