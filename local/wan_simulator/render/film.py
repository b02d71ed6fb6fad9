"""Renders a shot: puts scenery, lettering and tune together and encodes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Final

import av

from wan_simulator.render.encode import Sound, write_mp4
from wan_simulator.render.palettes import palette_of
from wan_simulator.render.scenery import Scenery
from wan_simulator.render.shot import Shot
from wan_simulator.render.soundtrack import read_sound
from wan_simulator.render.stills import Stills
from wan_simulator.render.titles import Titles
from wan_simulator.render.tune import compose

_PAINTED_LINES: Final = 360
"""Pixels on the shorter side of the painted picture, which is scaled up; the lettering is not."""


class FilmAbandonedError(Exception):
    """Raised when a film is no longer wanted."""


def render(shot: Shot, path: Path, abandoned: Event) -> None:
    """Render `shot` to an MP4 at `path`: exactly its size and its number of frames and, if it has sound, a soundtrack.

    Its images, without any lettering, are the first and the last frame.

    Raises FilmAbandonedError as soon as `abandoned` is set; then there is no file at `path`.
    """
    write_mp4(path, _frames(shot, abandoned), _sound(shot), shot.fps)


def _sound(shot: Shot) -> Sound | None:
    if not shot.audio:
        return None
    if shot.soundtrack is not None:
        return read_sound(shot.soundtrack, shot.seconds)
    return compose(shot.seconds, shot.entropy())


def _frames(shot: Shot, abandoned: Event) -> Iterator[av.VideoFrame]:
    scale = _PAINTED_LINES / min(shot.width, shot.height)
    width, height = round(shot.width * scale), round(shot.height * scale)
    titles, stills = Titles(shot), Stills(shot, width, height)
    for scene, frames in enumerate(shot.scene_frames()):
        palette = palette_of(shot.entropy(), scene) if shot.scenes > 1 else None
        scenery = Scenery(width, height, len(frames) / shot.fps, shot.entropy() + scene, palette)
        for number in frames:
            if abandoned.is_set():
                raise FilmAbandonedError
            if (still := stills.frame(number)) is not None:
                yield still
                continue
            picture = stills.blend(scenery.picture((number - frames[0]) / shot.fps), number)
            painted = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = painted.reformat(
                shot.width, shot.height, "yuv420p", interpolation=av.video.reformatter.Interpolation.BICUBIC
            )
            titles.write(frame, number, scene)
            yield frame
