"""The colours and moods a landscape can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Colour = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Palette:
    """One mood: the sky from top to horizon, the light in it, the ridges from far to near, and the motes."""

    sky: tuple[Colour, Colour, Colour]
    light: Colour
    ridges: tuple[Colour, Colour]
    mote: Colour
    night: bool


def _colour(text: str) -> Colour:
    return np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)], dtype=np.float32)


def _palette(colours: str, *, night: bool = False) -> Palette:
    top, middle, horizon, light, far, near, mote = map(_colour, colours.split())
    return Palette((top, middle, horizon), light, (far, near), mote, night)


PALETTES: Final = (
    _palette("24386b b8617f ffc896 fff0c8 a56a86 2b1c3c ffe6b0"),  # dawn
    _palette("101b45 5b3a80 ff8a5c ffd9a0 7a4a7f 140f26 ffc27a"),  # dusk
    _palette("050a1e 10275a 3c6f9e eef2ff 2b4d78 060b18 c8e0ff", night=True),  # moonlight
    _palette("2a78c4 7cbfe8 eaf7f5 fffbe0 86b3b0 1d4a45 ffffff"),  # clear noon
    _palette("0a3b47 2f8f83 d7f0c2 fff8d2 5f9f8f 0c2f33 f3ffd0"),  # green morning
    _palette("4a2a52 c4574c ffd08a fff3cf b56a4a 3a1712 ffe0a8"),  # desert
    _palette("03091a 0b2b45 1f7d70 dcfff0 1f4b5c 040b14 9fffd8", night=True),  # northern light
    _palette("5a7fb0 d3a7c6 ffe4e6 ffffff a58cb5 3b2a4f ffd3e4"),  # blossom
    _palette("3a4657 8a98a5 dfe3e0 ffffff 7f8c94 232c33 ffffff"),  # mist
    _palette("1f2a44 a3543a ffbe5c fff1c0 8a4a35 24110f ffb15a"),  # autumn
    _palette("1a1040 5a2f9c f78fb3 ffe3f0 6a4aa0 130a2b ffd0f0"),  # violet hour
    _palette("063048 1c7ea8 a9e4f0 fdfff4 3f8fae 062435 dffaff"),  # sea air
)


def palette_of(entropy: int, scene: int) -> Palette:
    """Return the palette of one scene among several; successive scenes have different ones."""
    return PALETTES[(entropy + _STRIDE * scene) % len(PALETTES)]


_STRIDE: Final = 5
"""The step from one scene's palette to the next; it has no factor in common with their number, so each comes once."""
