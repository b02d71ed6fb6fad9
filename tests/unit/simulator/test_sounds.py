"""Audio of the caller: what is accepted, what is refused, and which part is heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wan_simulator.errors import RefusalError
from wan_simulator.render.encode import SOUND_RATE
from wan_simulator.render.soundtrack import inspect, read_sound
from wan_simulator.sounds import save_sound
from wan_simulator.testing import tone

LENGTHS = (3, 30)


def loudness(path: Path, seconds: int) -> list[float]:
    """Return the greatest amplitude within each second."""
    sound = np.abs(read_sound(path, seconds))
    return [float(second.max()) for second in np.split(sound, seconds, axis=1)]


@pytest.mark.parametrize("kind", ["wav", "mp3"])
def test_a_wav_or_an_mp3_is_accepted_and_heard(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "sound"
    save_sound(tone(4, kind), path, LENGTHS, anywhere=False)

    assert inspect(path).format == kind
    assert inspect(path).seconds == pytest.approx(4, abs=0.1)
    assert min(loudness(path, 4)[:3]) > 0.3


def test_only_the_first_seconds_of_a_longer_file_are_used(tmp_path: Path) -> None:
    path = tmp_path / "sound"
    path.write_bytes(tone(6))

    assert read_sound(path, 5).shape == (2, 5 * SOUND_RATE)


def test_after_the_end_of_a_shorter_file_there_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "sound"
    path.write_bytes(tone(3))
    heard = loudness(path, 5)

    assert min(heard[:3]) > 0.3
    assert heard[3:] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (tone(31, "mp3"), "InvalidURL", "The input audio is longer than 30s."),
        (tone(2), "InvalidFile.Duration", "Invalid file duration. The file duration must be 3 s ~ 30 s."),
        (b"RIFF" * (4 * 1024 * 1024), "InvalidURL", "File size is larger than 15MB."),
        (b"no sound at all", "InvalidURL", "File type is not supported. Allowed types are: .wav, .mp3."),
        (b"", "InvalidURL", "File type is not supported. Allowed types are: .wav, .mp3."),
    ],
    ids=["too long", "too short", "too large", "no sound", "empty"],
)
def test_an_unsuitable_file_is_refused_with_wans_message(
    content: bytes, code: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(RefusalError) as caught:
        save_sound(content, tmp_path / "sound", LENGTHS, anywhere=False)

    assert (caught.value.code, caught.value.message) == (code, message)


def test_two_seconds_are_enough_from_wan27_on(tmp_path: Path) -> None:
    save_sound(tone(2), tmp_path / "sound", (2, 30), anywhere=False)

    assert (tmp_path / "sound").exists()


@pytest.mark.parametrize(
    "url", ["https://example.com/a.mp3", "http://10.0.0.1/a.mp3", "http://localhost.example.com/a"]
)
def test_audio_is_never_fetched_from_another_machine(url: str, tmp_path: Path) -> None:
    with pytest.raises(RefusalError) as caught:
        save_sound(url, tmp_path / "sound", LENGTHS, anywhere=False)

    assert caught.value.code == "InvalidURL.ConnectionRefused"
