"""The images that are the first and the last frame of a video, and how the scenery comes out of them."""

from __future__ import annotations

from typing import Final

import av
import numpy as np
import numpy.typing as npt

from wan_simulator.images import cover
from wan_simulator.render.shot import Shot

Picture = npt.NDArray[np.uint8]

_FADE_SECONDS: Final = 1.0
"""Seconds in which an image becomes the scenery, or the scenery the image."""


class Stills:
    """The images of a shot, whose scenery is painted with `width` x `height` pixels."""

    def __init__(self, shot: Shot, width: int, height: int) -> None:
        self._shot = shot
        self._images = tuple(zip((0, shot.frames - 1), shot.images, strict=False))
        self._fade = max(1, min(round(_FADE_SECONDS * shot.fps), shot.frames // 2))
        self._small = [
            (at, np.asarray(cover(content, width, height), dtype=np.float32)) for at, content in self._images
        ]

    def frame(self, number: int) -> av.VideoFrame | None:
        """Return the frame `number` in yuv420p if it is an image, and None otherwise."""
        for at, content in self._images:
            if at == number:
                image = np.asarray(cover(content, self._shot.width, self._shot.height))
                return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        return None

    def blend(self, painted: Picture, number: int) -> Picture:
        """Return the painted picture of frame `number` with the images that are still, or already, to be seen."""
        for at, image in self._small:
            weight = 1 - abs(number - at) / self._fade
            if weight > 0:
                painted = np.asarray(image * weight + painted * (1 - weight), dtype=np.uint8)
        return painted
