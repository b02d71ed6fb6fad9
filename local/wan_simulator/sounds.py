"""The audio that a caller names for a video: it is fetched and checked against Wan's limits.

Source: Model Studio, "Wan text-to-video API reference" (`audio_url`) and "Error codes". The pages do not say whether
an unfit file is found at the create call or later: here the task fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from wan_simulator.errors import RefusalError
from wan_simulator.fetching import fetch
from wan_simulator.render.soundtrack import SoundtrackError, inspect

_LARGEST_MEBIBYTES: Final = 15
_FORMATS: Final = ("wav", "mp3")


def save_sound(source: str | bytes, path: Path, lengths: tuple[int, int], *, anywhere: bool) -> None:
    """Store the audio of `source`, a URL or a file's content, at `path`; `lengths` are the least and most seconds.

    Hosts other than this machine are asked only with `anywhere`. Raises RefusalError with the documented code.
    """
    most = _LARGEST_MEBIBYTES * 1024 * 1024
    content = source if isinstance(source, bytes) else fetch(source, most, anywhere=anywhere).content
    if len(content) > most:
        raise RefusalError("InvalidURL", f"File size is larger than {_LARGEST_MEBIBYTES}MB.")
    path.write_bytes(content)
    least, most = lengths
    try:
        found = inspect(path)
    except SoundtrackError:
        raise _wrong_type() from None
    if found.format not in _FORMATS:
        raise _wrong_type()
    if found.seconds > most:
        raise RefusalError("InvalidURL", f"The input audio is longer than {most}s.")
    if found.seconds < least:
        message = f"Invalid file duration. The file duration must be {least} s ~ {most} s."
        raise RefusalError("InvalidFile.Duration", message)


def _wrong_type() -> RefusalError:
    return RefusalError("InvalidURL", "File type is not supported. Allowed types are: .wav, .mp3.")
