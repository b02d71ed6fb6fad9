"""The first picture of an MP4: right in size and color, and no file can make it run away."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.reformatter import ColorRange, Colorspace

from tools.harness.patience import PATIENCE
from wan_simulator.render.encode import write_mp4
from wan_video.adapters import pictures
from wan_video.adapters.pictures import MAX_PACKETS, AvPictures
from wan_video.errors import ThumbnailImpossible

Pixels = npt.NDArray[np.uint8]

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 60), (20, 40, 190)


def picture(width: int, height: int, left: tuple[int, int, int] = RED, right: tuple[int, int, int] = BLUE) -> Pixels:
    """Return a picture of two halves."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = left, right
    return pixels


def frames(width: int, height: int) -> Iterator[av.VideoFrame]:
    """Yield one frame of two halves, and further frames that are green."""
    colors = Colorspace.ITU709 if height >= 720 else Colorspace.ITU601
    for pixels in (picture(width, height), *[picture(width, height, GREEN, GREEN)] * 5):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        yield frame.reformat(format="yuv420p", dst_colorspace=colors, dst_color_range=ColorRange.MPEG)


@cache
def mp4(width: int, height: int) -> bytes:
    """Return a short video that states no colors, as those of Wan; its index comes first."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_mp4(path, frames(width, height), None, 24)
        return path.read_bytes()


def jpeg(video: bytes) -> Pixels:
    """Return the pixels of the thumbnail."""
    made = AvPictures().first_picture(io.BytesIO(video))
    assert made.startswith(b"\xff\xd8")
    with av.open(io.BytesIO(made), "r", format="mjpeg") as container:
        (frame,) = container.decode(video=0)
        return frame.to_ndarray(format="rgb24").astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (640, 360)),
        ((1080, 1920), (360, 640)),
        ((1280, 720), (640, 360)),
        ((832, 480), (640, 370)),
        ((960, 960), (640, 640)),
        ((320, 180), (320, 180)),
        ((1680, 720), (640, 274)),
    ],
)
def test_it_is_the_first_picture_in_its_colors_and_at_most_640_pixels_long(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    pixels = jpeg(mp4(*size))
    height, width, _ = pixels.shape
    assert (width, height) == expected
    for at, color in ((width // 4, RED), (width * 3 // 4, BLUE)):
        assert np.abs(pixels[height // 2, at].astype(int) - color).max() <= 6


def test_a_video_whose_index_comes_last_has_a_picture_too() -> None:
    with av.open(io.BytesIO(mp4(320, 180)), "r") as source:
        late = io.BytesIO()
        with av.open(late, "w", format="mp4") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    assert late.getvalue().index(b"mdat") < late.getvalue().index(b"moov")
    assert jpeg(late.getvalue()).shape == (180, 320, 3)


def sound() -> bytes:
    """Return an MP4 without pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        track = container.add_stream("aac", rate=48_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return file.getvalue()


def damaged() -> bytes:
    """Return a video whose index is right and whose pictures are zeros."""
    whole = mp4(320, 180)
    return whole[: whole.index(b"mdat") + 4] + bytes(len(whole) - whole.index(b"mdat") - 4)


HOSTILE = {
    "nothing": b"",
    "zeros": bytes(100_000),
    "only the beginning": b"\0\0\0\x18ftypisom",
    "a playlist that names a local file": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
    "a list of files": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    "another container": b"\x1a\x45\xdf\xa3" + bytes(1000),
    "no picture": sound(),
    "damaged pictures": damaged(),
    "cut before the pictures": mp4(320, 180)[: mp4(320, 180).index(b"mdat") + 4],
    "a box that is longer than the file": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + b"\x7f\xff\xff\xffmoov" + bytes(64),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_without_a_picture_is_impossible(name: str) -> None:
    with pytest.raises(ThumbnailImpossible):
        AvPictures().first_picture(io.BytesIO(HOSTILE[name]))


def test_a_picture_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pictures.MAX_PIXELS >= 3840 * 2160
    monkeypatch.setattr(pictures, "MAX_PIXELS", 320 * 180 - 1)
    with pytest.raises(ThumbnailImpossible) as caught:
        AvPictures().first_picture(io.BytesIO(mp4(320, 180)))
    assert caught.value.reason == "too_many_pixels"


def many_samples(count: int) -> bytes:
    """Return a video whose index states `count` samples of one byte, for which FFmpeg allocates a table."""
    whole = bytearray(mp4(320, 180))
    at = whole.index(b"stsz")
    whole[at + 8 : at + 16] = struct.pack(">II", 1, count)
    for name in (b"stts", b"stsc"):
        start = whole.index(name) + 8
        entries = struct.unpack(">I", whole[start : start + 4])[0]
        assert entries >= 1
        whole[start + 4 : start + 8] = struct.pack(">I", count if name == b"stts" else 1)
        if name == b"stsc":
            whole[start + 8 : start + 12] = struct.pack(">I", count)
    return bytes(whole)


LIMITED = """
import io, sys
from wan_video.adapters.pictures import AvPictures
from wan_video.errors import ThumbnailImpossible
import resource
try:
    AvPictures().first_picture(io.BytesIO(sys.stdin.buffer.read()))
except ThumbnailImpossible as error:
    print("impossible", error.reason)
# Not `ru_maxrss`, which a new process inherits from the one that started it.
(peak,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print("MB", int(peak.split()[1]) // 1024)
print("unlimited", resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this limit")
def test_an_index_that_needs_gigabytes_is_refused_within_the_memory_of_the_function() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        input=many_samples(150_000_000),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("impossible"), done
    assert int(lines[1].split()[1]) < 800
    assert lines[2] == "unlimited True", "the limit ends with the picture"


def test_the_search_for_a_picture_ends() -> None:
    assert MAX_PACKETS == 500
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(MAX_PACKETS + 20):
            frame = av.VideoFrame.from_ndarray(picture(64, 64), format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    whole = bytearray(file.getvalue())
    start = whole.index(b"mdat") + 4
    end = whole.index(b"moov") - 4
    whole[start:end] = bytes(end - start)
    with pytest.raises(ThumbnailImpossible):
        AvPictures().first_picture(io.BytesIO(bytes(whole)))


class Unreadable(io.BytesIO):
    """A file whose host is down."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError("the host is down")


def test_an_error_while_reading_is_passed_on_as_it_is() -> None:
    with pytest.raises(ConnectionResetError, match="the host is down"):
        AvPictures().first_picture(Unreadable(b"x"))
