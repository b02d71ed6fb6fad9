"""The lettering over a film: model and format at the top, the prompt at the bottom, and a line that shows the progress.

It is drawn once as a mask; a frame then costs one multiplication and one addition on the rows that carry it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from wan_simulator.render.lettering import draw, fit, measure
from wan_simulator.render.shot import Shot

_WHITE: Final = 235
"""The brightest luma of H.264's limited range (ITU-T H.273)."""
_BLACK: Final = 16
_NEUTRAL: Final = 128
_WATERMARK: Final = "AI生成"

Floats = npt.NDArray[np.floating[Any]]
Plane = npt.NDArray[np.uint8]
Weights = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class _Band:
    """Rows from `top` on, darkened and written on: out = (in * keep + add) / 256, for luma and for chroma."""

    top: int
    keep: Weights
    add: Weights
    keep_chroma: Weights
    add_chroma: Weights

    @classmethod
    def of(cls, top: int, ink: Image.Image, shade: Floats) -> _Band:
        """Return the band for a mask of `ink` and a `shade` of 0 to 1 for each of its rows."""
        cover = np.asarray(ink, dtype=np.float32) / 255
        keep = (1 - shade[:, None]) * (1 - cover)
        add = cover * _WHITE + (1 - cover) * shade[:, None] * _BLACK
        keep_chroma = keep[::2, ::2]
        return cls(
            top,
            _weights(keep * 256),
            _weights(add * 256),
            _weights(keep_chroma * 256),
            _weights((1 - keep_chroma) * _NEUTRAL * 256),
        )

    def blend(self, luma: Plane, chroma: tuple[Plane, Plane]) -> None:
        """Write the band on a frame's planes."""
        _blend(luma[self.top : self.top + len(self.keep)], self.keep, self.add)
        for plane in chroma:
            rows = plane[self.top // 2 : self.top // 2 + len(self.keep_chroma)]
            _blend(rows, self.keep_chroma, self.add_chroma)


class Titles:
    """The lettering of one shot."""

    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        self._unit = min(shot.width, shot.height)
        self._margin = round(self._unit * 0.05)
        self._heads = [self._head(scene) for scene in range(shot.scenes)]
        self._foot_band = self._foot()

    def write(self, frame: av.VideoFrame, number: int, scene: int = 0) -> None:
        """Write the lettering on frame `number` of the film, which belongs to `scene`."""
        luma, u, v = (_plane(plane, frame) for plane in frame.planes)
        for band in (self._heads[scene], self._foot_band):
            band.blend(luma, (u, v))
        height = max(round(self._unit / 240), 2)
        luma[-height:, : round(luma.shape[1] * (number + 1) / self._shot.frames)] = _WHITE

    def _head(self, scene: int) -> _Band:
        shot, size = self._shot, max(round(self._unit * 0.026), 11)
        height = _even(self._margin * 2 + size)
        ink = Image.new("L", (shot.width, height))
        place = round(self._margin * 0.8)
        label = f"{shot.model} · {shot.width}x{shot.height} · {shot.seconds:g} s"
        if shot.scenes > 1:
            label += f" · shot {scene + 1} of {shot.scenes}"
        draw(ink, label, (self._margin, place), size, fill=215)
        note = "simulated by wan_simulator"
        x = shot.width - self._margin - measure(note, size)
        below = x < self._margin * 2 + measure(label, size)
        if not below:
            draw(ink, note, (x, place), size, fill=150)
        return _Band.of(0, ink, np.linspace(1, 0, height) ** 2 * 0.5)

    def _foot(self) -> _Band:
        shot = self._shot
        room = shot.width - 2 * self._margin
        upright = shot.height > shot.width
        smallest = max(round(self._unit * 0.026), 12)
        largest = max(round(self._unit * 0.058), smallest)
        block = fit(shot.prompt, room, range(largest, smallest - 1, -1), lines=11 if upright else 4)
        mark = max(round(self._unit * 0.03), 12)
        below = round(mark * 1.6) if shot.watermark else 0
        height = _even(min(block.height + below + round(self._margin * 2.6), shot.height // 2))
        ink = Image.new("L", (shot.width, height))
        y = height - self._margin - below - block.height
        for line in block.lines:
            draw(ink, line, (self._margin, y), block.size, fill=255, width=room)
            y += block.line_height
        if shot.watermark:
            x = shot.width - self._margin - measure(_WATERMARK, mark)
            draw(ink, _WATERMARK, (x, height - self._margin - mark), mark, fill=190)
        shade = np.linspace(0, 1, height) ** 0.8 * 0.62
        return _Band.of(shot.height - height, ink, shade)


def _plane(plane: av.video.plane.VideoPlane, frame: av.VideoFrame) -> Plane:
    """Return a writable view of a plane's visible pixels."""
    buffer = cast(memoryview, plane)  # it has the buffer protocol, its type stubs do not say so
    rows = np.frombuffer(buffer, dtype=np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _blend(pixels: Plane, keep: Weights, add: Weights) -> None:
    np.copyto(pixels, (pixels * keep + add) >> 8, casting="unsafe")


def _weights(values: Floats) -> Weights:
    return np.floor(values).astype(np.uint16)


def _even(length: int) -> int:
    return length + length % 2
