"""JSON as the API answers it: UTF-8, and no larger than Lambda can return."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_ANSWER_BYTES: Final = 6_291_556
"""What a function may return, by Lambda's quotas; a larger answer becomes a 502 of API Gateway."""

MAX_DATA_BYTES: Final = MAX_ANSWER_BYTES - 64 * 1024
"""What is left for the items of a list, beside its other members, the headers and the answer's own JSON."""


def to_json(value: Any) -> str:
    """Return a value as JSON, each character as itself, but for half of a surrogate pair, which UTF-8 lacks."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def fitting(documents: Sequence[Mapping[str, Any]]) -> int:
    """Return how many documents, from the first one on, fit into one answer: at least one, if there is any.

    Lambda counts the bytes of the JSON that carries an answer as text. Up to Python 3.11 its runtime escapes what is
    not ASCII, from 3.12 on it does not; what is counted here is the longer of both.
    """
    room = MAX_DATA_BYTES
    for number, document in enumerate(documents):
        room -= len(json.dumps(to_json(document))) + 1
        if room < 0:
            return max(number, 1)
    return len(documents)
