"""Frozen dataclasses to DynamoDB items and back, by their type hints.

An item holds only what is set: a field that is None, or an empty mapping or set, is left out, and comes back as its
default. Numbers arrive as Decimal and become what the hint says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from wan_video.domain.models import Size

T = TypeVar("T")

_PLAIN: Final = frozenset({str, int, bool, Decimal})
_EMPTY: Final[tuple[object, ...]] = ({}, frozenset())


def dump(value: Any) -> Any:
    """The item form of a value."""
    if type(value) in _PLAIN:
        return value
    if names := _names(cast(Any, type(value))):
        pairs = ((name, dump(part)) for name in names if (part := getattr(value, name)) is not None)
        return {name: item for name, item in pairs if item not in _EMPTY}
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: dump(item) for key, item in value.items()}
    return value


@cache
def _names(cls: Any) -> tuple[str, ...]:
    """The fields of a dataclass that becomes a mapping; of anything else, none."""
    return tuple(field.name for field in fields(cls)) if is_dataclass(cls) and cls is not Size else ()


def load(cls: type[T], item: Mapping[str, Any]) -> T:
    """The dataclass an item was dumped from; unknown attributes are ignored."""
    hints = _hints(cast(Any, cls))
    return cls(**{name: _load(hint, item[name]) for name, hint in hints.items() if name in item})


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)


def _load(hint: Any, value: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (choice for choice in get_args(hint) if choice is not NoneType)
    if hint is Size:
        return Size.parse(value)
    if is_dataclass(hint):
        return load(hint, value)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if get_origin(hint) is frozenset:
        return frozenset(value)
    if hint is int:
        return int(value)
    if hint is Decimal:
        return Decimal(value)
    return value
