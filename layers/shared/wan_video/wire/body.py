"""A strict reader of JSON bodies: one object, no key twice, no NaN, no text that cannot be stored."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final, NoReturn

from wan_video.errors import InvalidRequest, Problem

MAX_BODY_BYTES: Final = 64 * 1024


def read_object(text: str) -> dict[str, Any]:
    """Parse a JSON object; raises InvalidRequest saying what is wrong with it."""
    value = read_json(text)
    if not isinstance(value, dict):
        _wrong('The body must be a JSON object such as {"prompt": "a fox reads a case file"}.')
    return value


def read_json(text: str) -> Any:
    """Parse any JSON value as strictly; raises InvalidRequest."""
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        _wrong(f"The body is not JSON: {error.msg} at character {error.pos}.")
    except UnicodeEncodeError:
        _wrong("The body contains half of a surrogate pair.")
    except RecursionError:
        _wrong("The body is nested too deeply.")
    except ValueError as error:
        _wrong(str(error))
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"The body has the key {counts.most_common(1)[0][0]!r} twice.")
    return result


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"The body contains {constant}, which is not JSON.")


def _wrong(detail: str) -> NoReturn:
    raise InvalidRequest([Problem("", detail)]) from None
