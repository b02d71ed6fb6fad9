"""Renders a shot: puts scenery, lettering and tune together and encodes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Final

import av

from wan_simulator.render.encode import Sound, write_mp4
from wan_simulator.render.palettes import palette_of
from wan_simulator.render.scenery import Picture, Scenery
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


def render_still(shot: Shot, path: Path, abandoned: Event) -> None:
    """Render `shot` like `render`, but without motion within a scene, which takes a third of the time.

    Its images are still the first and the last frame. Raises FilmAbandonedError as `render` does.
    """
    write_mp4(path, _still_frames(shot, abandoned), _sound(shot), shot.fps)


def _sound(shot: Shot) -> Sound | None:
    if not shot.audio:
        return None
    if shot.soundtrack is not None:
        return read_sound(shot.soundtrack, shot.seconds)
    return compose(shot.seconds, shot.entropy())


def _frames(shot: Shot, abandoned: Event) -> Iterator[av.VideoFrame]:
    width, height = _painted_size(shot)
    titles, stills = Titles(shot), Stills(shot, width, height)
    for scene, frames in enumerate(shot.scene_frames()):
        scenery = _scenery(shot, scene, frames)
        for number in frames:
            if abandoned.is_set():
                raise FilmAbandonedError
            if (still := stills.frame(number)) is not None:
                yield still
                continue
            frame = _scaled(stills.blend(scenery.picture((number - frames[0]) / shot.fps), number), shot)
            titles.write(frame, number, scene)
            yield frame


def _still_frames(shot: Shot, abandoned: Event) -> Iterator[av.VideoFrame]:
    titles, stills = Titles(shot), Stills(shot, *_painted_size(shot))
    for scene, frames in enumerate(shot.scene_frames()):
        painted = _scaled(_scenery(shot, scene, frames).picture(0), shot)
        titles.write(painted, frames[0], scene)
        for number in frames:
            if abandoned.is_set():
                raise FilmAbandonedError
            yield stills.frame(number) or painted


def _painted_size(shot: Shot) -> tuple[int, int]:
    scale = _PAINTED_LINES / min(shot.width, shot.height)
    return round(shot.width * scale), round(shot.height * scale)


def _scenery(shot: Shot, scene: int, frames: range) -> Scenery:
    palette = palette_of(shot.entropy(), scene) if shot.scenes > 1 else None
    return Scenery(*_painted_size(shot), len(frames) / shot.fps, shot.entropy() + scene, palette)


def _scaled(picture: Picture, shot: Shot) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        shot.width, shot.height, "yuv420p", interpolation=av.video.reformatter.Interpolation.BICUBIC
    )
