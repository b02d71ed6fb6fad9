"""Encodes pictures and sound as an MP4: H.264 in 4:2:0 and, if there is sound, AAC; the index comes first."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av.audio import AudioStream
from av.container import OutputContainer

Sound = npt.NDArray[np.float32]

SOUND_RATE: Final = 48_000
"""Samples per second of every sound track."""

_VIDEO_OPTIONS: Final = {"preset": "ultrafast", "crf": "21", "tune": "zerolatency", "threads": "2"}
_SOUND_BLOCK: Final = 1024
"""Samples in a frame of AAC."""


def write_mp4(path: Path, frames: Iterable[av.VideoFrame], sound: Sound | None, fps: int) -> None:
    """Encode `frames` (yuv420p, all of one size) and `sound` (2 x samples) to `path`.

    The file appears under its name only when it is complete.
    """
    partial = path.with_suffix(".part")
    with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=fps, options=_VIDEO_OPTIONS)
        video.pix_fmt = "yuv420p"
        track = None
        if sound is not None:
            track = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
            track.bit_rate = 128_000
        for number, frame in enumerate(frames):
            if number == 0:
                video.width, video.height = frame.width, frame.height
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if track is not None and sound is not None:
            _write_sound(container, track, sound)
    partial.replace(path)


def _write_sound(container: OutputContainer, track: AudioStream, sound: Sound) -> None:
    for start in range(0, sound.shape[1], _SOUND_BLOCK):
        block = np.ascontiguousarray(sound[:, start : start + _SOUND_BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))
