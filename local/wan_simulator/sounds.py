"""The audio that a caller names for a video: it is fetched and checked against Wan's limits.

Source: Model Studio, "Wan text-to-video API reference" (`audio_url`) and "Error codes". The pages do not say whether
an unfit file is found at the create call or later: here the task fails.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests

from wan_simulator.errors import RefusalError
from wan_simulator.render.soundtrack import SoundtrackError, inspect

_LARGEST_MEBIBYTES: Final = 15
_FORMATS: Final = ("wav", "mp3")
_CONNECT_SECONDS: Final = 5.0
_READ_SECONDS: Final = 10.0
_CHUNK_BYTES: Final = 64 * 1024


def save_sound(source: str | bytes, path: Path, lengths: tuple[int, int], *, anywhere: bool) -> None:
    """Store the audio of `source`, a URL or a file's content, at `path`; `lengths` are the least and most seconds.

    Hosts other than this machine are asked only with `anywhere`. Raises RefusalError with the documented code.
    """
    content = source if isinstance(source, bytes) else _fetch(source, anywhere=anywhere)
    if len(content) > _LARGEST_MEBIBYTES * 1024 * 1024:
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


def _fetch(url: str, *, anywhere: bool) -> bytes:
    host = urlsplit(url).hostname or ""
    if not (anywhere or _is_here(host)):
        raise RefusalError(
            "InvalidURL.ConnectionRefused", f"Connection to {host} refused, please provide available URL."
        )
    content = bytearray()
    try:
        with requests.Session() as session:
            session.trust_env = False
            timeouts = (_CONNECT_SECONDS, _READ_SECONDS)
            with session.get(url, timeout=timeouts, stream=True, allow_redirects=False) as answer:
                if answer.status_code != 200:
                    raise RefusalError("InvalidParameter.DataInspection")
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    content += chunk
                    if len(content) > _LARGEST_MEBIBYTES * 1024 * 1024:
                        break
    except requests.Timeout:
        message = f"Download {host} timeout, please check network connection."
        raise RefusalError("InvalidURL.Timeout", message) from None
    except requests.ConnectionError:
        message = f"Connection to {host} refused, please provide available URL."
        raise RefusalError("InvalidURL.ConnectionRefused", message) from None
    except requests.RequestException:
        raise RefusalError("InvalidParameter.DataInspection") from None
    return bytes(content)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _wrong_type() -> RefusalError:
    return RefusalError("InvalidURL", "File type is not supported. Allowed types are: .wav, .mp3.")
