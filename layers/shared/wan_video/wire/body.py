"""A strict reader of JSON bodies: one object, without duplicate keys, NaN, or text that cannot be stored."""

from __future__ import annotations

import json
from collections import Counter
from math import isinf
from typing import Any, Final, NoReturn

from wan_video.errors import InvalidRequest, Problem, quoted, shortened

MAX_BODY_BYTES: Final = 256 * 1024
"""The longest prompt has 20,000 characters, and ASCII JSON has up to 12 bytes for each of them."""

MAX_BODY_WITH_IMAGES_BYTES: Final = 6 * 1024 * 1024
"""What Lambda accepts as the event of one request; a form is in base64 there, which leaves about 4.4 MB."""

MAX_DIGITS: Final = 400
"""The most digits of a number, more than any valid value has; Python reads at most 4,300."""


def read_object(text: str) -> dict[str, Any]:
    """Parse a JSON object; raises InvalidRequest that says what is wrong with it."""
    value = read_json(text)
    if not isinstance(value, dict):
        _wrong('The body must be a JSON object such as {"prompt": "a fox reads a case file"}.')
    return value


def read_json(text: str) -> Any:
    """Parse any JSON value with the same strictness; raises InvalidRequest."""
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse, parse_int=_integer, parse_float=_finite
        )
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        _wrong(f"The body is not JSON: {error.msg} at character {error.pos}.")
    except UnicodeEncodeError:
        _wrong("The body contains half of a surrogate pair, which is not a character.")
    except RecursionError:
        _wrong("The body is nested too deeply.")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        _wrong(f"The body contains a number with {len(text.removeprefix('-'))} digits; the limit is {MAX_DIGITS}.")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        _wrong(f"The body contains the key {quoted(counts.most_common(1)[0][0])} more than once.")
    return result


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        # Python would write it as Infinity, which is not JSON.
        _wrong(f"The body contains the number {shortened(text)}, which is too large.")
    return number


def _refuse(constant: str) -> NoReturn:
    _wrong(f"The body contains {constant}, which is not JSON.")


def _wrong(detail: str) -> NoReturn:
    raise InvalidRequest([Problem("", detail)]) from None
