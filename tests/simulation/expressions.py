"""DynamoDB's expressions, compiled once for each text; an expression that this module does not know is refused.

Source: DynamoDB "Condition and filter expressions, operators, and functions" and "Update expressions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from itertools import permutations
from typing import Any, Final

from botocore.exceptions import ClientError

Item = Mapping[str, Any]
Names = Mapping[str, str]
Values = Mapping[str, Any]
Get = Callable[[Item, Names, Values], Any]
Path = tuple[str, ...]

MISSING: Final = object()
"""The value of an attribute that an item does not have."""

_TOKEN: Final = re.compile(r"\s*(<=|>=|<>|[(),=<>+-]|[#:]?[A-Za-z_][\w.#]*)")
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda one, other: one == other,
    "<>": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
_CLAUSES: Final = ("SET", "REMOVE", "ADD", "DELETE")


def invalid(message: str, operation: str = "Expression") -> ClientError:
    """Return DynamoDB's answer to a request that it cannot understand."""
    return ClientError({"Error": {"Code": "ValidationException", "Message": message}}, operation)


class _Tokens:
    """The words of an expression, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._words: list[str] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise invalid(f"The expression {text!r} is not understood at {at}.")
            self._words.append(match[1])
            at = match.end()
        self._at = 0

    def peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def next(self) -> str:
        word = self.peek()
        self._at += 1
        return word

    def take(self, word: str) -> bool:
        found = self.peek() == word
        self._at += found
        return found

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise invalid(f"{self.text!r}: {word!r} is expected instead of {self.peek()!r}.")


def _path(word: str) -> Path:
    if not re.fullmatch(r"#?[A-Za-z_]\w*(\.#?[A-Za-z_]\w*)*", word):
        raise invalid(f"{word!r} is no path.")
    return tuple(word.split("."))


def _name(part: str, names: Names) -> str:
    if part[0] != "#":
        return part
    try:
        return names[part]
    except KeyError:
        raise invalid(f"{part} is not in ExpressionAttributeNames.") from None


def _read(path: Path) -> Get:
    if len(path) == 1 and path[0][0] != "#":
        (name,) = path
        return lambda item, names, values: item.get(name, MISSING)

    def read(item: Item, names: Names, values: Values) -> Any:
        found: Any = item
        for part in path:
            if type(found) is not dict and not isinstance(found, Mapping):
                return MISSING
            found = found.get(_name(part, names), MISSING)
        return found

    return read


def _value(word: str) -> Get:
    def value(item: Item, names: Names, values: Values) -> Any:
        try:
            return values[word]
        except KeyError:
            raise invalid(f"{word} is not in ExpressionAttributeValues.") from None

    return value


def _size(value: Any) -> Any:
    if isinstance(value, str):
        return len(value.encode())
    return MISSING if value is MISSING else len(value)


@dataclass(frozen=True)
class Condition:
    """A compiled condition; `equal` is the word that its first attribute must equal, if it begins in that way."""

    holds: Get
    used: frozenset[str]
    equal: tuple[Path, str] | None


@cache
def condition(text: str) -> Condition:
    """Compile a ConditionExpression or KeyConditionExpression. Raises ClientError if it is not understood."""
    tokens = _Tokens(text)
    holds = _either(tokens)
    if tokens.peek():
        raise invalid(f"{text!r}: {tokens.peek()!r} is not expected.")
    match = re.match(r"(#?\w+) = (:\w+)( AND |$)", text)
    return Condition(holds, _used(text), (_path(match[1]), match[2]) if match else None)


def _used(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[#:]\w+", text))


def _either(tokens: _Tokens) -> Get:
    ways = [_both(tokens)]
    while tokens.take("OR"):
        ways.append(_both(tokens))
    if len(ways) == 1:
        return ways[0]
    return lambda item, names, values: any(way(item, names, values) for way in ways)


def _both(tokens: _Tokens) -> Get:
    parts = [_test(tokens)]
    while tokens.take("AND"):
        parts.append(_test(tokens))
    if len(parts) == 1:
        return parts[0]
    return lambda item, names, values: all(part(item, names, values) for part in parts)


def _test(tokens: _Tokens) -> Get:
    if tokens.take("("):
        inner = _either(tokens)
        tokens.expect(")")
        return inner
    word = tokens.peek()
    if word in ("attribute_exists", "attribute_not_exists"):
        tokens.next()
        tokens.expect("(")
        read, exists = _read(_path(tokens.next())), word == "attribute_exists"
        tokens.expect(")")
        return lambda item, names, values: (read(item, names, values) is not MISSING) is exists
    if word == "contains":
        tokens.next()
        tokens.expect("(")
        read = _read(_path(tokens.next()))
        tokens.expect(",")
        part = _value(tokens.next())
        tokens.expect(")")
        return lambda item, names, values: _contains(read(item, names, values), part(item, names, values))
    return _comparison(tokens)


def _contains(whole: Any, part: Any) -> bool:
    return whole is not MISSING and isinstance(whole, str | frozenset | list) and part in whole


def _comparison(tokens: _Tokens) -> Get:
    left, word = _operand(tokens), tokens.next()
    if word == "BETWEEN":
        low = _operand(tokens)
        tokens.expect("AND")
        high = _operand(tokens)
        return lambda *given: (
            _ordered(left(*given), low(*given), "<=", low, given)
            and _ordered(left(*given), high(*given), ">=", high, given)
        )
    if word not in _COMPARE:
        raise invalid(f"{tokens.text!r}: {word!r} is no comparison.")
    right, compare = _operand(tokens), _COMPARE[word]
    equality = word in ("=", "<>")

    def compared(item: Item, names: Names, values: Values) -> bool:
        one, other = left(item, names, values), right(item, names, values)
        if one is MISSING or other is MISSING:
            return word == "<>" and one is not other
        if not _alike(one, other):
            return word == "<>"
        if not equality and not isinstance(one, str | Decimal):
            raise invalid(f"{tokens.text!r}: values of this type have no order.")
        return compare(one, other)

    return compared


def _ordered(one: Any, bound: Any, word: str, _: Get, __: Sequence[Any]) -> bool:
    return one is not MISSING and _alike(one, bound) and _COMPARE[word](bound, one)


def _alike(one: Any, other: Any) -> bool:
    """Whether two values have the same type in DynamoDB; others are never equal, and have no order."""
    return type(one) is type(other)


def _operand(tokens: _Tokens) -> Get:
    word = tokens.next()
    if word == "size":
        tokens.expect("(")
        read = _read(_path(tokens.next()))
        tokens.expect(")")
        return lambda item, names, values: _decimal(_size(read(item, names, values)))
    return _value(word) if word.startswith(":") else _read(_path(word))


def _decimal(value: Any) -> Any:
    return value if value is MISSING else Decimal(value)


# --- updates ---------------------------------------------------------------------------------------------------------

Step = Callable[[Item, Names, Values, dict[str, Any]], None]
"""One clause of an update: it reads the item as it was, and changes the new one."""


@dataclass(frozen=True)
class Update:
    """A compiled UpdateExpression."""

    steps: tuple[Step, ...]
    paths: tuple[Path, ...]
    used: frozenset[str]

    def apply(self, item: Item, names: Names, values: Values) -> dict[str, Any]:
        """Return the item after the update; the given one, and everything in it, stays as it is."""
        if len(self.paths) > 1:
            _check_overlap(self.paths, tuple(names.items()))
        changed = dict(item)
        for step in self.steps:
            step(item, names, values, changed)
        return changed


@lru_cache(maxsize=4096)
def _check_overlap(paths: tuple[Path, ...], named: tuple[tuple[str, str], ...]) -> None:
    """Raise ClientError if one path is another one, or is inside it."""
    names = dict(named)
    real = [tuple(_name(part, names) for part in path) for path in paths]
    if any(path[: len(other)] == other for path, other in permutations(real, 2)):
        raise invalid("Two document paths overlap with each other.")


@cache
def update(text: str) -> Update:
    """Compile an UpdateExpression. Raises ClientError if it is not understood."""
    tokens = _Tokens(text)
    steps: list[Step] = []
    paths: list[Path] = []
    seen: set[str] = set()
    while clause := tokens.next():
        if clause not in _CLAUSES or clause in seen:
            raise invalid(f"{text!r}: {clause!r} is no clause, or is there twice.")
        seen.add(clause)
        while True:
            path = _path(tokens.next())
            paths.append(path)
            steps.append(_step(clause, path, tokens))
            if not tokens.take(","):
                break
    if not steps:
        raise invalid("The update changes nothing.")
    return Update(tuple(steps), tuple(paths), _used(text))


def _step(clause: str, path: Path, tokens: _Tokens) -> Step:
    if clause == "REMOVE":
        return lambda item, names, values, changed: _write(changed, path, names, MISSING)
    if clause == "SET":
        tokens.expect("=")
        value = _sum(tokens)
        return lambda item, names, values, changed: _write(changed, path, names, value(item, names, values))
    read, given = _read(path), _value(tokens.next())
    if clause == "ADD":
        return lambda item, names, values, changed: _write(
            changed, path, names, _added(read(item, names, values), given(item, names, values))
        )
    return lambda item, names, values, changed: _write(
        changed, path, names, _without(read(item, names, values), given(item, names, values))
    )


def _added(old: Any, more: Any) -> Any:
    if old is MISSING:
        return more
    if isinstance(old, Decimal) and isinstance(more, Decimal):
        return old + more
    if isinstance(old, frozenset) and isinstance(more, frozenset):
        return old | more
    raise invalid("An operand of ADD has the wrong type.")


def _without(old: Any, less: Any) -> Any:
    if old is MISSING:
        return MISSING
    if not isinstance(old, frozenset) or not isinstance(less, frozenset):
        raise invalid("DELETE takes members out of a set.")
    return (old - less) or MISSING


def _sum(tokens: _Tokens) -> Get:
    first = _assigned(tokens)
    sign = tokens.peek()
    if sign not in ("+", "-"):
        return first
    tokens.next()
    second, factor = _assigned(tokens), Decimal(1 if sign == "+" else -1)

    def total(item: Item, names: Names, values: Values) -> Any:
        one, other = first(item, names, values), second(item, names, values)
        if not isinstance(one, Decimal) or not isinstance(other, Decimal):
            raise invalid(f"{tokens.text!r}: an operand is no number.")
        return one + factor * other

    return total


def _assigned(tokens: _Tokens) -> Get:
    word = tokens.next()
    if word == "if_not_exists":
        tokens.expect("(")
        read = _read(_path(tokens.next()))
        tokens.expect(",")
        otherwise = _assigned(tokens)
        tokens.expect(")")

        def known(item: Item, names: Names, values: Values) -> Any:
            found = read(item, names, values)
            return otherwise(item, names, values) if found is MISSING else found

        return known
    operand = _value(word) if word.startswith(":") else _read(_path(word))

    def existing(item: Item, names: Names, values: Values) -> Any:
        found = operand(item, names, values)
        if found is MISSING:
            raise invalid(f"{tokens.text!r}: {word} does not exist in the item.")
        return found

    return existing


def _write(changed: dict[str, Any], path: Path, names: Names, value: Any) -> None:
    """Set or remove an attribute; the mappings on the way are replaced by copies."""
    target = changed
    for part in path[:-1]:
        name = _name(part, names)
        if not isinstance(target.get(name), Mapping):
            raise invalid("The document path in the update expression is invalid.")
        target[name] = dict(target[name])
        target = target[name]
    if value is MISSING:
        target.pop(_name(path[-1], names), None)
    else:
        target[_name(path[-1], names)] = value
