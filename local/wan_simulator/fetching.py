"""Fetches a file that a caller names by its URL, as Wan does before it makes a video.

Source: Model Studio, "Error codes": the User-Agent of Wan's downloads contains `DashScopeUserBot`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import requests

from wan_simulator.errors import ERROR_CODES, RefusalError

USER_AGENT: Final = "Mozilla/5.0 (compatible; DashScopeUserBot/1.0; wan_simulator)"

_CONNECT_SECONDS: Final = 5.0
_READ_SECONDS: Final = 10.0
_MOST_SECONDS: Final = 60.0
"""Seconds after which a download that still makes progress is given up."""
_CHUNK_BYTES: Final = 64 * 1024

_MESSAGES: Final = ERROR_CODES["InvalidParameter"].messages
_NOT_FOUND: Final = next(text for text in _MESSAGES if text.startswith("Failed to find the requested media"))
_NOT_AUTHORIZED: Final = next(text for text in _MESSAGES if text.startswith("Don't have authorization"))


@dataclass(frozen=True, slots=True)
class Download:
    """The content of a file, at most one byte more than was asked for, and the type that its server names."""

    content: bytes
    content_type: str


def fetch(url: str, most_bytes: int, *, anywhere: bool) -> Download:
    """Return the file at `url`, cut after `most_bytes` and one more; redirects are not followed.

    Hosts other than this machine are asked only with `anywhere`. Raises RefusalError with the documented code.
    """
    host = _host(url)
    if not (anywhere or _is_here(host)):
        raise _refused(host)
    begun, content = time.monotonic(), bytearray()
    try:
        with requests.Session() as session:
            session.trust_env = False
            timeouts = (_CONNECT_SECONDS, _READ_SECONDS)
            headers = {"User-Agent": USER_AGENT}
            with session.get(url, timeout=timeouts, headers=headers, stream=True, allow_redirects=False) as answer:
                _check(answer.status_code)
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    content += chunk
                    if len(content) > most_bytes:
                        break
                    if time.monotonic() - begun > _MOST_SECONDS:
                        raise _timed_out(host)
                content_type = answer.headers.get("Content-Type", "")
    except requests.Timeout:
        raise _timed_out(host) from None
    except requests.ConnectionError:
        raise _refused(host) from None
    except requests.RequestException:
        raise RefusalError("InvalidParameter.DataInspection") from None
    return Download(bytes(content[: most_bytes + 1]), content_type)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        raise RefusalError("InvalidURL") from None


def _check(status: int) -> None:
    """Raise RefusalError for an answer without the file. Which fault gets which message is not documented."""
    match status:
        case 200:
            return
        case 401 | 403:
            raise RefusalError("InvalidParameter", _NOT_AUTHORIZED)
        case 404 | 410:
            raise RefusalError("InvalidParameter", _NOT_FOUND)
        case _:
            raise RefusalError("InvalidParameter.DataInspection")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(host: str) -> RefusalError:
    return RefusalError("InvalidURL.ConnectionRefused", f"Connection to {host} refused, please provide available URL.")


def _timed_out(host: str) -> RefusalError:
    return RefusalError("InvalidURL.Timeout", f"Download {host} timeout, please check network connection.")
