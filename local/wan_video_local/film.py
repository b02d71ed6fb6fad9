"""Inspect a finished MP4: its properties, and a contact sheet of its frames."""

from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image

COLUMNS = 3
ROWS = 2
TILE_WIDTH = 480
GAP = 6


@dataclass(frozen=True)
class Film:
    """The properties of an MP4: frame size in pixels, length in seconds, and codecs by FFmpeg's names."""

    width: int
    height: int
    seconds: float
    fps: float
    video_codec: str
    audio_codec: str
    """Empty for a silent video."""


def measure(path: Path) -> Film:
    """Read an MP4's properties. Raises av.error.FFmpegError if the file is not a video."""
    with av.open(path) as container:
        video = container.streams.video[0]
        audio = container.streams.audio
        return Film(
            width=video.width,
            height=video.height,
            seconds=float(video.duration * video.time_base) if video.duration and video.time_base else 0.0,
            fps=float(video.average_rate or 0),
            video_codec=video.codec_context.name,
            audio_codec=audio[0].codec_context.name if audio else "",
        )


def draw_contact_sheet(film: Path, sheet: Path) -> None:
    """Draw frames from evenly spaced moments of an MP4 onto one PNG."""
    with av.open(film) as container:
        video = container.streams.video[0]
        count = COLUMNS * ROWS
        wanted = {round((i + 0.5) * video.frames / count) for i in range(count)}
        images = [_picture(frame) for i, frame in enumerate(container.decode(video)) if i in wanted]
    height = round(TILE_WIDTH * images[0].height / images[0].width)
    board = Image.new("RGB", (COLUMNS * (TILE_WIDTH + GAP) + GAP, ROWS * (height + GAP) + GAP), "black")
    for i, image in enumerate(images):
        row, column = divmod(i, COLUMNS)
        tile = image.resize((TILE_WIDTH, height), Image.Resampling.LANCZOS)
        board.paste(tile, (GAP + column * (TILE_WIDTH + GAP), GAP + row * (height + GAP)))
    board.save(sheet)


def _picture(frame: av.VideoFrame) -> Image.Image:
    return Image.fromarray(frame.to_ndarray(format="rgb24"))
