"""The repairs of `sweep`: one module for each kind.

A repair looks at all items that may need it, up to a limit, and repairs those that do. A second run finds nothing.
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
    """One completed repair: its name, and the id of the repaired item."""

    repair: str
    subject: str


Step = Callable[[], Mended | None]
"""A function that looks at one item and repairs it if necessary; it raises if that is not possible now."""


class Repair(Protocol):
    """One kind of repair over the whole stack."""

    def __call__(self) -> Iterator[Step]:
        """Yield a step for each item to look at.

        If a step raises, the caller can continue with the next one; it can also stop after any step.
        """
        ...


Start = Callable[[int], int]
"""A function that chooses the position to start at: an integer from 0 up to, but not including, a number."""

LOOKED_AT: Final = MAX_ROWS
"""The maximum number of items that a repair looks at in one run: as many as a batch can have rows."""


def all_in_turn(ids: Iterable[str], start: Start = random.randrange, at_most: int = LOOKED_AT) -> Iterator[str]:
    """Yield the first `at_most` ids, beginning with a random one and ending with the one before it.

    Runs that end early leave out different items, so no item waits forever behind one that cannot be repaired.
    """
    known = list(islice(ids, at_most))
    if known:
        first = start(len(known))
        yield from known[first:]
        yield from known[:first]
