"""Sound from a file instead of a tune: its format and length, and its samples for a film of a given length."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import numpy as np

from wan_simulator.render.encode import SOUND_RATE, Sound


class SoundtrackError(Exception):
    """Raised for a file without sound that can be read."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is: the name of its format (`wav`, `mp3`, ...) and how many seconds it plays."""

    format: str
    seconds: float


def inspect(path: Path) -> Found:
    """Return format and length of the file at `path`; raises SoundtrackError for anything without sound."""
    try:
        with av.open(str(path)) as file:
            if not file.streams.audio or file.duration is None:
                raise SoundtrackError(path.name)
            return Found(file.format.name, file.duration / av.time_base)
    except av.FFmpegError as error:
        raise SoundtrackError(path.name) from error


def read_sound(path: Path, seconds: float) -> Sound:
    """Return the first `seconds` of the file as stereo samples (2 x samples), followed by silence if it is shorter."""
    sound = np.zeros((2, round(seconds * SOUND_RATE)), dtype=np.float32)
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
    place = 0
    with av.open(str(path)) as file:
        for frame in chain(file.decode(audio=0), (None,)):  # None: what the resampler still holds back
            for part in resampler.resample(frame):
                samples = part.to_ndarray()[:, : sound.shape[1] - place]
                sound[:, place : place + samples.shape[1]] = samples
                place += samples.shape[1]
            if place >= sound.shape[1]:
                break
    return sound
