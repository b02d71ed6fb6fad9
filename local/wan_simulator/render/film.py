"""A shot from beginning to end: scenery, lettering and tune put together and encoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Final

import av

from wan_simulator.render.encode import write_mp4
from wan_simulator.render.scenery import Scenery
from wan_simulator.render.shot import Shot
from wan_simulator.render.titles import Titles
from wan_simulator.render.tune import compose

_PAINTED_LINES: Final = 360
"""Pixels on the shorter side of the painted picture; it is scaled up softly, the lettering is not."""


class FilmAbandonedError(Exception):
    """The film is no longer wanted, so its making stopped."""


def render(shot: Shot, path: Path, abandoned: Event) -> None:
    """Render `shot` to an MP4 at `path`: exactly its size, its number of frames and, if it has sound, a tune.

    Raises FilmAbandonedError as soon as `abandoned` is set; then there is no file at `path`.
    """
    sound = compose(shot.seconds, shot.entropy()) if shot.audio else None
    write_mp4(path, _frames(shot, abandoned), sound, shot.fps)


def _frames(shot: Shot, abandoned: Event) -> Iterator[av.VideoFrame]:
    scale = _PAINTED_LINES / min(shot.width, shot.height)
    scenery = Scenery(round(shot.width * scale), round(shot.height * scale), shot.seconds, shot.entropy())
    titles = Titles(shot)
    for number in range(shot.frames):
        if abandoned.is_set():
            raise FilmAbandonedError
        painted = av.VideoFrame.from_ndarray(scenery.picture(number / shot.fps), format="rgb24")
        frame = painted.reformat(
            shot.width, shot.height, "yuv420p", interpolation=av.video.reformatter.Interpolation.BICUBIC
        )
        titles.write(frame, number)
        yield frame
