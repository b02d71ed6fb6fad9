"""Every choice of a history, drawn by a hash: (seed, who, which of its calls). No choice moves another one.

A trouble is something that may go wrong: a fault, a kill, a delay, a repetition. Each has a name, so that a history can
be run again with only some of its troubles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from struct import Struct
from typing import Final

_WHOLE: Final = 2.0**32
_UNPACK: Final = Struct(">8I").unpack


class Draw:
    """Up to eight numbers of one choice, each from 0 up to, but not including, 1."""

    __slots__ = ("_digest", "_numbers")

    def __init__(self, seed: int, name: str) -> None:
        self._digest = digest = blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()
        self._numbers: tuple[int, ...] = _UNPACK(digest)

    def number(self, at: int = 0) -> float:
        """Return the number at a position."""
        return self._numbers[at] / _WHOLE

    def below(self, count: int, at: int = 0) -> int:
        """Return an integer from 0 up to, but not including, `count`."""
        return int(self.number(at) * count)

    def between(self, least: float, most: float, at: int = 0) -> float:
        """Return a number from a range."""
        return least + (most - least) * self.number(at)

    def bits(self) -> int:
        """Return 256 bits."""
        return int.from_bytes(self._digest, "big")


@dataclass(frozen=True)
class Rates:
    """The shares of calls that meet a trouble; `slow` calls take up to `longest` seconds."""

    wan: float = 1.0
    aws: float = 0.05
    kill: float = 0.008
    lost_answer: float = 0.02
    slow: float = 0.05
    longest: float = 8.0
    usual: float = 0.03
    twice: float = 0.1
    late: float = 0.03


CALM: Final = Rates(wan=0.0, aws=0.0, kill=0.0, lost_answer=0.0, slow=0.0, twice=0.0, late=0.0)
PROFILES: Final[Mapping[str, Rates]] = {
    "calm": CALM,
    "chaos": Rates(),
    "slow": Rates(wan=0.7, aws=0.02, kill=0.004, slow=0.3, longest=20.0, usual=0.4),
    "harsh": Rates(wan=1.5, aws=0.12, kill=0.02, lost_answer=0.04, slow=0.1, twice=0.2, late=0.06),
    "brittle": Rates(wan=0.0, aws=0.2, kill=0.04, slow=0.0, twice=0.0, late=0.0),
    "contended": Rates(wan=0.5, aws=0.02, kill=0.006, slow=0.5, longest=1.5, usual=0.8, twice=0.3, late=0.05),
}
_ORDER: Final = ("chaos", "contended", "slow", "chaos", "contended", "harsh", "chaos", "calm")


@dataclass
class Decisions:
    """The decisions of one history.

    With `only`, nothing else goes wrong. `calm` stops all troubles, for the end of a history. `met` lists the troubles
    that happened.
    """

    seed: int
    only: frozenset[str] | None = None
    profile: str = ""
    calm: bool = False
    met: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.profile = self.profile or _ORDER[self.draw("profile").below(len(_ORDER))]
        self.rates = PROFILES[self.profile]

    def draw(self, name: str) -> Draw:
        """Return the numbers of a choice that is no trouble."""
        return Draw(self.seed, name)

    def happens(self, trouble: str, number: float, share: float) -> bool:
        """Return whether a trouble happens, by a number that was drawn for it."""
        if self.calm or number >= share or (self.only is not None and trouble not in self.only):
            return False
        self.met[trouble] = None
        return True

    def one_of(self, name: str, number: float, shares: Sequence[tuple[str, float]], factor: float = 1.0) -> str | None:
        """Return which of several troubles happens to a call, or None."""
        if self.calm or number >= factor:
            # The shares of a call are at most 1 together.
            return None
        for kind, share in shares:
            if number < share * factor:
                return kind if self.happens(f"{name}={kind}", 0.0, 1.0) else None
            number -= share * factor
        return None
