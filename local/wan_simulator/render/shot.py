"""What to render: the facts of one video."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shot:
    """One video to make: its text, its format, and the seed that, with the prompt, decides every pixel and note."""

    prompt: str
    model: str
    width: int
    height: int
    seconds: int
    fps: int
    audio: bool
    watermark: bool
    seed: int

    @property
    def frames(self) -> int:
        """How many frames the video has."""
        return self.seconds * self.fps

    def entropy(self) -> int:
        """A number that is the same for the same prompt and seed, and different for any other."""
        text = f"{self.seed}\n{self.prompt}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
