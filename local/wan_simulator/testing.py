"""A simulator inside a test's own process, with a clock that only the test moves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final

import av
import numpy as np
from av.audio import AudioStream
from PIL import Image

from wan_simulator.clock import Clock
from wan_simulator.images import cover
from wan_simulator.render import Shot
from wan_simulator.render.encode import SOUND_RATE, write_mp4
from wan_simulator.render.soundtrack import read_sound
from wan_simulator.render.stills import Stills
from wan_simulator.simulator import Settings, Simulator

TEST_ORIGIN: Final = 1_780_000_000.0
"""The first time of the clock of a test's simulator (epoch seconds)."""

_MOST_DIFFERENCE: Final = 6.0
"""The mean difference of a colour (0 to 255) that encoding can make."""


@contextmanager
def running_simulator(
    *,
    latency: float = 60.0,
    clock: Clock | None = None,
    seed: int | None = 1,
    rate_limits: bool = False,
    queue: bool = True,
    list_lag: float = 0.0,
    ledger: Path | None = None,
) -> Iterator[Simulator]:
    """Serve on a free loopback port while the block runs.

    Films are flat pictures of the right format, one for each format and made unique by a box, so that many tasks
    cost little; a new clock is stopped at `TEST_ORIGIN`: `Simulator.finish` and `Simulator.advance` move it.
    """
    settings = Settings(
        latency=latency,
        clock=clock or Clock(speed=0, origin=TEST_ORIGIN),
        seed=seed,
        films="reuse",
        rate_limits=rate_limits,
        queue=queue,
        list_lag=list_lag,
        ledger=ledger,
    )
    with Simulator(settings, renderer=render_flat) as simulator:
        yield simulator


def render_flat(shot: Shot, path: Path, _abandoned: Event) -> None:
    """Render a film of the right size, length, rate and tracks without content, except for its own sound and images."""
    picture = np.full((shot.height * 3 // 2, shot.width), 128, dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
    sound = None
    if shot.audio:
        silence = np.zeros((2, round(shot.seconds * SOUND_RATE)), dtype=np.float32)
        sound = read_sound(shot.soundtrack, shot.seconds) if shot.soundtrack else silence
    stills = Stills(shot, shot.width, shot.height)
    write_mp4(path, (stills.frame(number) or frame for number in range(shot.frames)), sound, shot.fps)


def image(width: int, height: int, kind: str = "PNG", seed: int = 0) -> bytes:
    """Return a file of `kind` (as Pillow names it) with a picture in soft colours, which `seed` decides."""
    corners = np.random.default_rng(seed).integers(32, 224, (2, 3, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC).save(file, kind)
    return file.getvalue()


def frames_of(film: bytes, *numbers: int) -> list[Image.Image]:
    """Return frames of an MP4 in RGB; negative numbers count from the end."""
    with av.open(io.BytesIO(film), "r") as container:
        total = container.streams.video[0].frames
        wanted = [number % total for number in numbers]
        found = {at: frame for at, frame in enumerate(container.decode(video=0)) if at in wanted}
    return [Image.fromarray(found[number].to_ndarray(format="rgb24")) for number in wanted]


def shows(frame: Image.Image, content: bytes) -> bool:
    """Return whether a frame of a video is the image in `content`, scaled to cover it, apart from the encoding."""
    expected = np.asarray(cover(content, *frame.size), dtype=np.int16)
    return float(np.abs(np.asarray(frame, dtype=np.int16) - expected).mean()) < _MOST_DIFFERENCE


def tone(seconds: float, format: str = "wav") -> bytes:  # noqa: A002  # what PyAV and users call it
    """Return a file of `format` (`wav` or `mp3`) with one clear note of `seconds`, to use as audio."""
    file = io.BytesIO()
    time = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    samples = (np.sin(2 * np.pi * 440 * time) * 0.5 * 32767).astype(np.int16)
    with av.open(file, "w", format=format) as container:
        stream = container.add_stream({"wav": "pcm_s16le", "mp3": "mp3"}[format], rate=SOUND_RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = SOUND_RATE
        for part in av.AudioResampler(format=stream.format, frame_size=stream.codec_context.frame_size).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()
