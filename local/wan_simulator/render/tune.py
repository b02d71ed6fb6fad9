"""A gentle tune: a slow chord under a few plucked notes of a pentatonic scale, decided by a seed."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from wan_simulator.render.encode import SOUND_RATE, Sound

_SCALES: Final = ((0, 2, 4, 7, 9), (0, 3, 5, 7, 10), (0, 2, 5, 7, 9))
"""Pentatonic scales in semitones: any of their notes sound well together."""
_NOTE_SECONDS: Final = 1.6
_FADE_SECONDS: Final = 0.4

Wave = npt.NDArray[np.float32]


def compose(seconds: float, entropy: int) -> Sound:
    """Return stereo samples (2 x samples, from -1 to 1) of a tune of `seconds`, the same for the same `entropy`."""
    random = np.random.default_rng(entropy)
    total = round(seconds * SOUND_RATE)
    root = 110.0 * 2 ** (int(random.integers(0, 12)) / 12)
    scale = _SCALES[int(random.integers(len(_SCALES)))]
    sound = np.stack([_drone(root * side, total) for side in (1.0, 1.003)])
    beat = float(random.choice([0.3, 0.375, 0.5]))
    step = int(random.integers(3, 8))
    for start in range(0, total, round(beat * SOUND_RATE)):
        if random.random() < 0.25:
            continue
        step = int(np.clip(step + random.integers(-2, 3), 0, 2 * len(scale) - 1))
        octave, degree = divmod(step, len(scale))
        note = _pluck(root * 2 ** (octave + 1 + scale[degree] / 12))[: total - start]
        pan = float(random.uniform(0.3, 0.7))
        sound[0, start : start + len(note)] += note * (1 - pan)
        sound[1, start : start + len(note)] += note * pan
    return np.asarray(np.tanh(sound * _envelope(total)), dtype=np.float32)


def _drone(pitch: float, samples: int) -> Wave:
    """Return the chord underneath: root, fifth and octave, slowly rising and falling."""
    time = np.arange(samples, dtype=np.float32) / SOUND_RATE
    chord = sum(np.sin(2 * np.pi * pitch * ratio * time) / ratio for ratio in (1.0, 1.5, 2.0))
    return np.asarray(chord * (0.06 + 0.02 * np.sin(2 * np.pi * 0.2 * time)), dtype=np.float32)


def _pluck(pitch: float) -> Wave:
    """Return one note that dies away, its overtones first."""
    time = np.arange(round(_NOTE_SECONDS * SOUND_RATE), dtype=np.float32) / SOUND_RATE
    tones = [(1, 3.0, 0.30), (2, 5.0, 0.10), (3, 8.0, 0.04)]
    note = sum(np.sin(2 * np.pi * pitch * n * time) * np.exp(-decay * time) * level for n, decay, level in tones)
    return np.asarray(note * np.minimum(1.0, time * 200), dtype=np.float32)


def _envelope(samples: int) -> Wave:
    """Return an envelope that fades at both ends, so that nothing clicks."""
    fade = round(min(_FADE_SECONDS * SOUND_RATE, samples / 2))
    envelope = np.ones(samples, dtype=np.float32)
    envelope[:fade] = np.linspace(0, 1, fade)
    envelope[samples - fade :] = np.linspace(1, 0, fade)
    return envelope
