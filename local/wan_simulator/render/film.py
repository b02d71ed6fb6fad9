"""A shot from beginning to end: scenery, lettering and tune put together and encoded."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from wan_simulator.render.encode import write_mp4
from wan_simulator.render.shot import Shot
from wan_simulator.render.tune import compose


def render(shot: Shot, path: Path) -> None:
    """Render `shot` to an MP4 at `path`: exactly its size, its number of frames and, if it has sound, a tune."""
    sound = compose(shot.seconds, shot.entropy()) if shot.audio else None
    write_mp4(path, (_frame(shot, number) for number in range(shot.frames)), sound, shot.fps)


def _frame(shot: Shot, number: int) -> av.VideoFrame:
    picture = np.full((90, 160, 3), (number * 2) % 256, dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return frame.reformat(width=shot.width, height=shot.height, format="yuv420p")
