"""The first picture of an MP4 as a JPEG, made by FFmpeg's libraries through PyAV.

A file is never trusted: only the format MP4 is accepted, so that a playlist cannot name other files; one thread decodes
one picture, of at most MAX_PIXELS; and the memory that may be allocated meanwhile is limited.
"""

from __future__ import annotations

import resource
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from wan_video.domain.thumbnail import MAX_SIDE
from wan_video.errors import ThumbnailImpossible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer

    from wan_video.ports.thumbnails import SeekableFile

MAX_PIXELS: Final = 4096 * 4096
"""The largest picture that is decoded: more than that of any model of Wan."""

MAX_PACKETS: Final = 500
"""The most packets that are read in search of the first picture; usually it is in the first one."""

HEADROOM_BYTES: Final = 512 * 1024 * 1024
"""The memory that may be allocated while a picture is made: half of the function's."""

BUFFER_BYTES: Final = 64 * 1024
"""Bytes that FFmpeg reads at once."""

QUALITY: Final = 4
"""The quantizer of the JPEG, from 2 (best) to 31."""

HD_HEIGHT: Final = 720
"""The height from which a video that does not state its colors uses those of HDTV (BT.709), as players assume."""


class AvPictures:
    """The port `Pictures`."""

    def first_picture(self, file: SeekableFile) -> bytes:
        try:
            with _limited_memory(), av.open(file, "r", format="mp4", buffer_size=BUFFER_BYTES) as container:
                return _jpeg(_first_frame(container))
        except (av.FFmpegError, MemoryError) as error:
            raise ThumbnailImpossible(type(error).__name__) from error


def _first_frame(container: InputContainer) -> av.VideoFrame:
    if not container.streams.video:
        raise ThumbnailImpossible("no_video_track")
    stream = container.streams.video[0]
    decoder = stream.codec_context
    if decoder.width * decoder.height > MAX_PIXELS:
        raise ThumbnailImpossible("too_many_pixels")
    decoder.options = {"max_pixels": str(MAX_PIXELS)}  # the stream may contradict the container
    decoder.thread_count = 1
    for number, packet in enumerate(container.demux(stream)):
        if number == MAX_PACKETS:
            break
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame):
                return frame
    raise ThumbnailImpossible("no_picture")


def _jpeg(frame: av.VideoFrame) -> bytes:
    scale = min(1.0, MAX_SIDE / max(frame.width, frame.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
    picture = frame.reformat(
        width=width,
        height=height,
        format="yuvj420p",
        src_colorspace=_colors(frame),
        dst_colorspace=Colorspace.ITU601,  # that of JPEG
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA,
    )
    picture.pts = 0
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.qmin = encoder.qmax = QUALITY
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])


def _colors(frame: av.VideoFrame) -> int:
    stated = Colorspace(frame.colorspace) if frame.colorspace in set(Colorspace) else None
    if stated in (None, Colorspace.DEFAULT):
        return Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    return stated


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Let allocations fail that would need more than HEADROOM_BYTES, rather than have Lambda end the function."""
    statm = Path("/proc/self/statm")
    if not statm.exists():  # only Linux has a limit that can be set for a while
        yield
        return
    used = int(statm.read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
