"""A moving landscape: sky and light, clouds, ridges in parallax, a lake that mirrors them, motes and birds.

Everything is painted once, larger than the picture, and then only moved: a frame costs a few copies. Motion is as fine
as a quarter of a pixel, because each moving layer is kept in four phases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from wan_simulator.render.noise import Array, cloud_field, layered_line, smooth_line
from wan_simulator.render.palettes import PALETTES, Colour, Palette

Picture = npt.NDArray[np.uint8]

_PHASES: Final = 4
_RIDGES: Final = 5
_SKY_MARGIN: Final = 0.06
"""How much larger than the picture the sky is, so that it can drift."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """A silhouette in one colour field that passes at `speed` pixels a second, its top at row `top`."""

    colours: Image.Image
    phases: tuple[Image.Image, ...]
    top: int
    speed: float

    def paint(self, picture: Image.Image, time: float) -> None:
        place, phase = divmod(round(self.speed * time * _PHASES), _PHASES)
        mask = self.phases[phase].crop((place, 0, place + self.colours.width, self.colours.height))
        picture.paste(self.colours, (0, self.top), mask)


@dataclass(frozen=True, slots=True)
class _Mote:
    """A speck of light: its first position, its drift (pixels a second), and how it sways and glows."""

    sprite: Image.Image
    x: float
    y: float
    dx: float
    dy: float
    sway: float
    beat: float


class Scenery:
    """The landscape for one seed: `picture` paints it at any moment up to `seconds`; the seed chooses the palette."""

    def __init__(self, width: int, height: int, seconds: float, entropy: int, palette: Palette | None = None) -> None:
        self._random = np.random.default_rng(entropy)
        self._width, self._height, self._seconds = width, height, seconds
        self._scale = min(width, height) / 360
        chosen = PALETTES[int(self._random.integers(len(PALETTES)))]
        self._palette: Palette = palette or chosen
        self._lake = bool(self._random.random() < 0.6)
        self._shore = round(height * (0.70 if self._lake else 1.0))
        across, down = self._random.uniform((0.25, 0.15), (0.75, 0.25))
        self._light = (float(across) * width, float(down) * height)
        self._sky = self._paint_sky()
        self._skies: dict[tuple[int, int], Image.Image] = {}
        self._layers = [*self._paint_clouds(), *self._paint_ridges()]
        self._birds = self._paint_birds()
        self._flock = self._random.uniform((0.0, -0.05), (0.16, 0.05), (7, 2))
        self._motes = self._scatter_motes()

    def picture(self, time: float) -> Picture:
        """Return the landscape (height x width x RGB) `time` seconds after the start."""
        picture = self._drifting_sky(time)
        for layer in self._layers:
            layer.paint(picture, time)
        self._fly_birds(picture, time)
        if self._lake:
            self._mirror(picture, time)
        self._float_motes(picture, time)
        return np.asarray(picture)

    def _drifting_sky(self, time: float) -> Image.Image:
        reach = _SKY_MARGIN * time / self._seconds * _PHASES
        left, phase_x = divmod(round(self._width * reach), _PHASES)
        top, phase_y = divmod(round(self._height * reach), _PHASES)
        sky = self._sky_at(phase_x, phase_y)
        return sky.crop((left, top, left + self._width, top + self._height))

    def _sky_at(self, phase_x: int, phase_y: int) -> Image.Image:
        """Return the whole sky, moved by a number of quarters of a pixel."""
        if (phase_x, phase_y) not in self._skies:
            x, y = phase_x / _PHASES, phase_y / _PHASES
            size = (self._sky.width - 1, self._sky.height - 1)
            box = (x, y, x + size[0], y + size[1])
            self._skies[phase_x, phase_y] = self._sky.resize(size, Image.Resampling.BILINEAR, box=box)
        return self._skies[phase_x, phase_y]

    def _paint_sky(self) -> Image.Image:
        width = math.ceil(self._width * (1 + _SKY_MARGIN)) + 1
        height = math.ceil(self._height * (1 + _SKY_MARGIN)) + 1
        top, middle, horizon = self._palette.sky
        row = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] / 0.72
        sky = np.where(row < 0.55, _mix(top, middle, row / 0.55), _mix(middle, horizon, (row - 0.55) / 0.45))
        sky = np.repeat(sky, width, axis=1)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        distance = np.hypot(x - self._light[0], y - self._light[1]) / (360 * self._scale)
        if self._palette.night:
            self._strew_stars(sky)
        glow = 0.60 * np.exp(-distance * 2.6) + 0.25 * np.exp(-distance * 9)
        sky = _mix(sky, self._palette.light, (glow * (0.75 if self._palette.night else 1.0))[..., None])
        radius = 0.055 if self._palette.night else 0.075
        disc = np.clip((radius - distance) * 360 * self._scale / 1.5 + 0.5, 0, 1)
        sky = _mix(sky, self._palette.light, disc[..., None] * 0.95)
        sky += self._random.uniform(-0.8, 0.8, sky.shape).astype(np.float32)
        return Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))

    def _strew_stars(self, sky: Array) -> None:
        count = int(self._width * self._height / 900)
        y = (self._random.random(count) ** 1.5 * sky.shape[0] * 0.6).astype(int)
        x = self._random.integers(0, sky.shape[1], count)
        shine = (self._random.random(count).astype(np.float32) ** 3)[:, None]
        sky[y, x] = _mix(sky[y, x], np.full(3, 255, np.float32), shine)

    def _paint_clouds(self) -> list[_Layer]:
        """Return two banks of clouds; at night the upper one is a northern light."""
        height = round(self._height * 0.5)
        layers: list[_Layer] = []
        for speed, opacity in ((6.0 * self._scale, 0.45), (11.0 * self._scale, 0.35)):
            width = self._length(speed)
            field = cloud_field(self._random, width, height, step=260 * self._scale)
            fall = np.sin(np.linspace(0, math.pi, height, dtype=np.float32))[:, None]
            mask = np.clip((field - 0.48) * 3, 0, 1) * fall * opacity
            colour = _mix(self._palette.sky[2], self._palette.light, 0.5)
            if self._palette.night and not layers:
                curtain = layered_line(self._random, width, 60 * self._scale, 4, sharp=True)[None, :] ** 2
                folds = smooth_line(self._random, width, 120 * self._scale)[None, :] * 0.35
                row = np.linspace(0, 1, height, dtype=np.float32)[:, None]
                mask = curtain * np.exp(-(((row - 0.45 - folds) * 4.5) ** 2)) * 0.55
                colour = self._palette.mote
            layers.append(_Layer(self._flat(colour, height), _four_phases(mask), round(self._height * 0.04), speed))
        return layers

    def _paint_ridges(self) -> list[_Layer]:
        far, near = self._palette.ridges
        style = int(self._random.integers(4))
        layers = []
        for number in range(_RIDGES):
            depth = number / (_RIDGES - 1)
            speed = (3 + 34 * depth**1.6) * self._scale
            crest = self._shore * (0.60 + (0.34 if self._lake else 0.25) * depth)
            rise = self._height * (0.20 - 0.06 * depth)
            line = self._ridge(style, depth, self._length(speed) * _PHASES)
            top = round(crest - rise)
            height = self._shore - top
            edge = np.asarray(crest - top - line * rise, dtype=np.float32)
            row = np.arange(height, dtype=np.float32)[:, None]
            cover = np.clip(row - edge + 0.5, 0, 1)
            colour = _mix(far, near, depth)
            mist = _mix(colour, self._palette.sky[2], 0.65 * (1 - depth) + 0.22)
            fade = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** 1.3
            colours = np.repeat(_mix(colour, mist, fade), self._width, axis=1)
            layers.append(_Layer(_image(colours), _sampled_phases(cover), top, speed))
        return layers

    def _ridge(self, style: int, depth: float, length: int) -> Array:
        """Return a skyline from 0 to 1: peaks, hills, dunes, or hills with trees in the foreground."""
        step = (210 - 60 * depth) * self._scale * _PHASES
        if style == 0:
            return layered_line(self._random, length, step, 6, sharp=True)
        if style == 1:
            return layered_line(self._random, length, step * 1.4, 3, sharp=False)
        if style == 2:
            dunes = layered_line(self._random, length, step * 1.6, 2, sharp=True)
            return np.asarray(dunes**1.5, dtype=np.float32)
        hills = layered_line(self._random, length, step, 3, sharp=False) * 0.7
        return self._plant_trees(hills, depth) if depth >= 0.5 else hills

    def _plant_trees(self, hills: Array, depth: float) -> Array:
        tree = np.zeros_like(hills)
        spread = (3.0 + 7 * (depth - 0.4)) * self._scale * _PHASES
        for centre in np.cumsum(self._random.uniform(0.7, 2.2, int(len(hills) / spread))) * spread:
            half = int(self._random.uniform(0.7, 1.3) * spread)
            height = float(self._random.uniform(0.12, 0.42)) * (0.5 + depth / 2)
            x = np.arange(max(int(centre) - half, 0), min(int(centre) + half, len(hills)))
            shape = height * (1 - np.abs(x - centre) / half)
            tree[x] = np.maximum(tree[x], shape)
        return np.asarray(np.minimum(hills + tree, 1.0), dtype=np.float32)

    def _mirror(self, picture: Image.Image, time: float) -> None:
        """Fill the picture below the shore with that above it, upside down, rippled and a little darker."""
        pixels = np.asarray(picture)
        rows = np.arange(self._height - self._shore, dtype=np.float32)
        near = rows / max(len(rows), 1)
        ripple = np.sin(rows * 0.9 / (0.4 + near) / self._scale + time * 4) * (0.6 + 3.5 * near) * self._scale
        source = self._shore - 2 - rows * 1.6 + ripple
        water = pixels[np.clip(source, 0, self._shore - 1).astype(np.int64)].astype(np.uint16)
        tint = (self._palette.ridges[1] * 0.3 + self._palette.sky[1] * 0.7).astype(np.uint16)
        share = (60 + 40 * near + 90 * np.exp(-rows / (1.5 * self._scale))).astype(np.uint16)[:, None, None]
        tinted = (water * (256 - share) + tint * share) >> 8
        picture.paste(Image.fromarray(tinted.astype(np.uint8)), (0, self._shore))

    def _paint_birds(self) -> list[Image.Image]:
        """Return a bird's wings in eight beats, each as a mask."""
        size = max(round(13 * self._scale), 6)
        beats = []
        for beat in range(8):
            canvas = Image.new("L", (size * 4, size * 4))
            lift = math.sin(beat / 8 * 2 * math.pi) * size * 1.1
            middle, low = size * 2, size * 2.2
            wing = [(0, low - lift), (middle * 0.55, low - lift * 0.7 - size * 0.3), (middle, low)]
            other = [(size * 4 - x, y) for x, y in wing]
            draw = ImageDraw.Draw(canvas)
            for line in (wing, other):
                draw.line(line, fill=220, width=max(round(size * 0.28), 2), joint="curve")
            beats.append(canvas.resize((size, size), Image.Resampling.LANCZOS))
        return beats

    def _fly_birds(self, picture: Image.Image, time: float) -> None:
        if self._palette.night:
            return
        colour = tuple(int(part) for part in self._palette.ridges[1])
        for number, (x, y) in enumerate(self._flock):
            way = (0.1 + x + time * 0.035 + number * 0.004 * math.sin(time + number)) * self._width
            height = (0.24 + y + 0.012 * math.sin(time * 0.9 + number)) * self._height
            sprite = self._birds[int(time * 11 + number * 3) % len(self._birds)]
            picture.paste(colour, (round(way), round(height)), sprite)

    def _scatter_motes(self) -> list[_Mote]:
        random, scale = self._random, self._scale
        rising = self._palette.night or random.random() < 0.5
        motes = []
        for _ in range(40):
            radius = float(random.uniform(1.2, 4.2)) * scale
            fall = float(random.uniform(8, 26)) * scale
            motes.append(
                _Mote(
                    sprite=_glow(radius, float(random.uniform(0.35, 0.9))),
                    x=float(random.random()) * self._width,
                    y=float(random.random()) * self._height,
                    dx=float(random.uniform(-8, 2)) * scale,
                    dy=-fall if rising else fall,
                    sway=float(random.uniform(4, 14)) * scale,
                    beat=float(random.uniform(0.6, 1.8)),
                )
            )
        return motes

    def _float_motes(self, picture: Image.Image, time: float) -> None:
        colour = tuple(int(part) for part in self._palette.mote)
        for mote in self._motes:
            room = mote.sprite.width
            x = (mote.x + mote.dx * time + mote.sway * math.sin(mote.beat * time + mote.y)) % (
                self._width + room
            ) - room
            y = (mote.y + mote.dy * time) % (self._height + room) - room
            picture.paste(colour, (round(x), round(y)), mote.sprite)

    def _length(self, speed: float) -> int:
        """Return how wide a layer must be to pass at `speed` until the end."""
        return self._width + math.ceil(speed * self._seconds) + 2

    def _flat(self, colour: Colour, height: int) -> Image.Image:
        return _image(np.broadcast_to(colour, (height, self._width, 3)).astype(np.float32))


def _mix(one: Array, other: Array, part: Array | float) -> Array:
    share = np.clip(part, 0.0, 1.0)
    return np.asarray(one * (1 - share) + other * share, dtype=np.float32)


def _image(pixels: Array) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _mask(cover: Array) -> Image.Image:
    return Image.fromarray((cover * 255).astype(np.uint8))


def _four_phases(cover: Array) -> tuple[Image.Image, ...]:
    """Return the same soft mask, shifted by quarters of a pixel."""
    following = np.roll(cover, -1, axis=1)
    return tuple(_mask(_mix(cover, following, phase / _PHASES)) for phase in range(_PHASES))


def _sampled_phases(cover: Array) -> tuple[Image.Image, ...]:
    """Return four masks from one that is four times as wide, each pixel the mean of four neighbours."""
    soft = cover.copy()
    for shift in range(1, _PHASES):
        soft += np.roll(cover, -shift, axis=1)
    return tuple(_mask(soft[:, phase::_PHASES] / np.float32(_PHASES)) for phase in range(_PHASES))


def _glow(radius: float, strength: float) -> Image.Image:
    size = max(math.ceil(radius * 4), 3)
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    distance = np.hypot(axis[:, None], axis[None, :]) / radius
    return _mask(np.asarray(np.exp(-(distance**2)) * strength, dtype=np.float32))
