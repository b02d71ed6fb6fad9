"""What to render: the facts of one video."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shot:
    """One video to make: its text, its format, and the seed, which with the prompt decides every pixel and note.

    `seconds` may be a fraction: the video has the number of frames that comes closest. `scenes` is how many shots it is
    cut into; `soundtrack` is a file that is heard instead of a tune. `images` has the content of the image that is the
    first frame, and then of the one that is the last.
    """

    prompt: str
    model: str
    width: int
    height: int
    seconds: float
    fps: int
    audio: bool
    watermark: bool
    seed: int
    scenes: int = 1
    soundtrack: Path | None = None
    images: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def frames(self) -> int:
        """The number of frames of the video."""
        return round(self.seconds * self.fps)

    def scene_frames(self) -> list[range]:
        """Return the frames of each scene, in order."""
        cuts = [self.frames * number // self.scenes for number in range(self.scenes + 1)]
        return [range(first, last) for first, last in pairwise(cuts)]

    def entropy(self) -> int:
        """Return a number that is the same for the same prompt and seed, and different for any other."""
        text = f"{self.seed}\n{self.prompt}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
