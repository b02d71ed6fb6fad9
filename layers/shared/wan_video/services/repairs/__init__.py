"""What `sweep` can mend: one module for each kind of repair.

A repair looks everywhere it may be needed, within a bound, and mends what it finds. Done again it finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mended:
    """One thing that was mended: the name of the repair, and the id of what it was done to."""

    repair: str
    subject: str


class Repair(Protocol):
    """One kind of repair over the whole stack."""

    def __call__(self) -> Iterator[Mended]:
        """Tell of each thing as soon as it is mended.

        Raises only after all the others were seen to, an ExceptionGroup where several could not be mended.
        """
        ...
