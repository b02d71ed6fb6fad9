"""Smooth randomness: lines for ridges and fields for clouds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.float32]


def smooth_line(random: np.random.Generator, length: int, step: float) -> Array:
    """Return `length` values from 0 to 1 that change smoothly over about `step` samples."""
    knots = random.random(int(length / step) + 3).astype(np.float32)
    position = np.arange(length, dtype=np.float32) / step
    index = position.astype(np.int64)
    part = position - index
    ease = part * part * (3 - 2 * part)
    return np.asarray(knots[index] * (1 - ease) + knots[index + 1] * ease, dtype=np.float32)


def layered_line(random: np.random.Generator, length: int, step: float, octaves: int, *, sharp: bool) -> Array:
    """Return the sum of several smooth lines, each finer and weaker; `sharp` folds them into crests."""
    total = np.zeros(length, dtype=np.float32)
    weight = 0.0
    for octave in range(octaves):
        line = smooth_line(random, length, max(step / 2**octave, 2.0))
        total += (1 - np.abs(2 * line - 1) if sharp else line) * 0.5**octave
        weight += 0.5**octave
    return np.asarray(total / weight, dtype=np.float32)


def cloud_field(random: np.random.Generator, width: int, height: int, step: float) -> Array:
    """Return a field (height x width) from 0 to 1 of soft patches about `step` wide and a quarter as high."""
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(4):
        grid = (int(height / step * 4 * 2**octave) + 3, int(width / step * 2**octave) + 3)
        coarse = Image.fromarray(random.random(grid, dtype=np.float32))
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) * 0.5**octave
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / max(high - low, 1e-6), dtype=np.float32)
