"""Conversion of frozen dataclasses to DynamoDB items and back, based on their type hints.

An item contains only fields that are set: a field that is None, or an empty mapping or set, is left out, and is loaded
as its default. Numbers are read as Decimal and converted to the type of the hint.

Items may have attributes that this version does not know, because another one wrote them: during a deployment two
versions write the same rows. `load` ignores these, and a save by `changes` leaves them as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from wan_video.domain.models import Size

T = TypeVar("T")

_PLAIN: Final = frozenset({str, int, bool, Decimal})
_EMPTY: Final[tuple[object, ...]] = ({}, frozenset())


def dump(value: Any) -> Any:
    """Return a value in the form in which an item stores it."""
    if type(value) in _PLAIN:
        return value
    if names := _names(cast("Any", type(value))):
        found = {}
        for name in names:
            part = getattr(value, name)
            if part is None:
                continue
            # Most fields are plain values, for which a call would take longer than all else.
            item = part if type(part) in _PLAIN else dump(part)
            if item or item not in _EMPTY:
                found[name] = item
        return found
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: dump(item) for key, item in value.items()}
    return value


@cache
def _names(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass that is stored as a mapping, and nothing for other types."""
    return tuple(part.name for part in fields(cls)) if is_dataclass(cls) and cls is not Size else ()


def load(cls: type[T], item: Mapping[str, Any]) -> T:
    """Return the dataclass from which an item was dumped; unknown attributes are ignored."""
    readers = _readers(cast("Any", cls))
    return cls(
        **{name: item[name] if read is None else read(item[name]) for name, read in readers.items() if name in item}
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """An update of an item: the parts of its UpdateExpression, and the names and values they use."""

    assignments: list[str] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def expression(self) -> str:
        """The UpdateExpression."""
        parts = (("SET", self.assignments), ("REMOVE", self.removals))
        return " ".join(f"{word} {', '.join(clauses)}" for word, clauses in parts if clauses)

    def add(self, before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> None:
        """Add the changes from one mapping to another; `path` is where the mapping is in the item."""
        for name in [*after, *(name for name in before if name not in after)]:
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            place = f"{path}#n{len(self.names)}"
            self.names[place.rpartition(".")[2]] = name
            if isinstance(old, Mapping) and isinstance(new, Mapping):
                self.add(old, new, f"{place}.")
            elif name in after:
                self.assignments.append(f"{place} = :v{len(self.values)}")
                self.values[f":v{len(self.values)}"] = new
            else:
                self.removals.append(place)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Return the update that changes one item into another; it writes only what differs, also in nested mappings."""
    found = Changes()
    found.add(before, after)
    return found


@cache
def _readers(cls: Any) -> Mapping[str, Callable[[Any], Any] | None]:
    """Return what converts each field of a dataclass; type hints are slow to read, so they are read once."""
    return {name: _reader(hint) for name, hint in get_type_hints(cls).items()}


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """Return what converts a stored value to a type, or None if it is stored as it is."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (choice for choice in get_args(hint) if choice is not NoneType)
    if hint is Size:
        return Size.parse
    if is_dataclass(hint):
        return partial(load, cast("Any", hint))
    if get_origin(hint) is frozenset:
        return frozenset
    if hint in (int, Decimal) or (isinstance(hint, type) and issubclass(hint, Enum)):
        return cast("Callable[[Any], Any]", hint)
    return None
