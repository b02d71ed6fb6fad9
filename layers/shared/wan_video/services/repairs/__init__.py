"""The repairs of `sweep`: one module for each kind.

A repair looks everywhere it may be needed, within a limit, and repairs what it finds. If repeated, it finds nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from wan_video.domain.prompt_file import MAX_ROWS


@dataclass(frozen=True, slots=True)
class Mended:
    """One thing that was repaired: the name of the repair, and the id of the repaired item."""

    repair: str
    subject: str


Step = Callable[[], Mended | None]
"""Looks at one item and repairs it if necessary; raises if that is not possible now."""


class Repair(Protocol):
    """One kind of repair over the whole stack."""

    def __call__(self) -> Iterator[Step]:
        """A step for each thing to look at; a step that raises does not end the others.

        The caller may stop after any step.
        """
        ...


Start = Callable[[int], int]
"""Chooses the position to start at, from 0 up to a number."""

LOOKED_AT: Final = MAX_ROWS
"""How many things a repair looks at in one run, at most: as many as a whole batch has rows."""


def all_in_turn(ids: Iterable[str], start: Start = random.randrange, at_most: int = LOOKED_AT) -> Iterator[str]:
    """The first ids, beginning with one by chance and ending with the one before it.

    A run that ends early leaves others out each time, so nothing waits forever behind an item that cannot be repaired.
    """
    known = list(islice(ids, at_most))
    if known:
        first = start(len(known))
        yield from known[first:]
        yield from known[:first]
