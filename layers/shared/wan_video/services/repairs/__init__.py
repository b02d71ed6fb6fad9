"""What `sweep` can mend: one module for each kind of repair.

A repair looks everywhere it may be needed, within a bound, and mends what it finds. Done again it finds nothing.
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
    """One thing that was mended: the name of the repair, and the id of what it was done to."""

    repair: str
    subject: str


Step = Callable[[], Mended | None]
"""Looks at one thing and mends it if need be; raises where that cannot be done now."""


class Repair(Protocol):
    """One kind of repair over the whole stack."""

    def __call__(self) -> Iterator[Step]:
        """A step for each thing to look at; a step that raises does not end the others.

        The caller may stop after any step.
        """
        ...


Start = Callable[[int], int]
"""Chooses one of so many places to start at, counted from 0."""

LOOKED_AT: Final = MAX_ROWS
"""How many things a repair looks at in one run, at most: as many as a whole batch has rows."""


def all_in_turn(ids: Iterable[str], start: Start = random.randrange, at_most: int = LOOKED_AT) -> Iterator[str]:
    """The first ids, beginning with one by chance and ending with the one before it.

    A run that ends early leaves others out each time, so nothing waits for ever behind what cannot be mended.
    """
    known = list(islice(ids, at_most))
    if known:
        first = start(len(known))
        yield from known[first:]
        yield from known[:first]
