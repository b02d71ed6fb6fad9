"""Save a video: write a file beside the target, check it, and move it into place as a whole or not at all.

A broken download resumes at the byte where it broke, with a new link. The length is checked, and so is the
CRC-64/NVME if the API states it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, Protocol

from wan_video_cli.errors import NotUsable, Unreachable
from wan_video_cli.screen import notes
from wan_video_cli.words import checked_id

TRIES: Final = 3
"""The most connections in a row that may break without a new byte, or files that may arrive damaged."""

MAX_CONNECTIONS: Final = 100
"""The most connections for one file in total, whatever each of them transfers."""

CHUNK_BYTES: Final = 1 << 14
"""Bytes per read. A broken connection may lose as many: requests drops an unfinished chunk."""

Progress = Callable[[int], None]
"""Receives the number of bytes of the file that have arrived."""


class Variant(StrEnum):
    """The files of a video that can be downloaded."""

    VIDEO = "video"
    METADATA = "metadata"
    THUMBNAIL = "thumbnail"


ENDINGS: Final = {Variant.VIDEO: "mp4", Variant.METADATA: "json", Variant.THUMBNAIL: "jpg"}
"""The endings of the names of their files."""


class Content(Protocol):
    """A response of the storage: a `requests.Response`."""

    @property
    def status_code(self) -> int:
        """200 for the whole object, 206 for the rest of it."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response."""
        ...

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        """The bytes, as they arrive."""
        ...


@dataclass(frozen=True)
class Stored:
    """An object to download: a link to it, and its length and CRC-64/NVME (hexadecimal) where they are known."""

    link: str
    length: int | None = None
    crc64nvme: str | None = None


class Contents(Protocol):
    """A source of objects: an `Api`, or the reports of a batch."""

    def stored(self, object_id: str, variant: str, /) -> Stored:
        """Get a new link to an object; raises Refused and Unreachable."""
        ...

    def fetch(self, link: str, start: int, etag: str | None, /) -> AbstractContextManager[Content]:
        """Open the object behind a link from byte `start` on, if its ETag is still `etag`; raises Unreachable."""
        ...


def file_name(video_id: str, variant: Variant = Variant.VIDEO) -> str:
    """Return the default name of a video's file; raises NotUsable for an id that cannot be a file name."""
    return f"{checked_id(video_id)}.{ENDINGS[variant]}"


def prepare_folder(folder: Path) -> None:
    """Check that files can be saved in the folder, before anything is billed. Raises NotUsable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotUsable(
            f"{folder} cannot be created: {error.strerror}.", "Give another folder to --download."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotUsable(f"Nothing can be saved in {folder}.", "Give another folder to --download.")


def download(api: Contents, video_id: str, target: Path, *, variant: str = Variant.VIDEO, force: bool = False) -> int:
    """Save a video's content and return its length in bytes.

    Raises NotUsable if the file exists already (unless `force`) or cannot be written, Refused and Unreachable.
    """
    if not force and target.exists():
        raise _taken(target)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as file:
            written = _fill(api, video_id, variant, file, target.name)
        _put(partial, target, force=force)
    except OSError as error:
        raise NotUsable(f"{target} cannot be written: {error.strerror}.", "Choose another location.") from None
    finally:
        partial.unlink(missing_ok=True)
    return written


def _fill(api: Contents, object_id: str, variant: str, file: IO[bytes], name: str) -> int:
    """Write the whole object; returns its length."""
    arriving = _Arriving(file)
    fruitless = 0
    for _ in range(MAX_CONNECTIONS):
        before = arriving.written
        try:
            stored = api.stored(object_id, variant)
            with (
                api.fetch(stored.link, arriving.written, arriving.etag) as answer,
                _progress(name, stored.length, arriving.written) as shown,
            ):
                arriving.take(answer, stored, shown)
            return arriving.written
        except _Damaged:
            arriving.restart()
            fruitless += 1
        except Unreachable:
            fruitless = fruitless + 1 if arriving.written <= before else 0
            if fruitless >= TRIES:
                raise
        if fruitless >= TRIES:
            break
    raise Unreachable(f"The download of {object_id} is damaged or incomplete.", "Try again.")


class _Damaged(Exception):
    """Raised when all bytes have arrived and their checksum is wrong, or the object has been replaced."""


class _Arriving:
    """A file that is being written, over as many connections as needed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._crc = 0
        self.written = 0
        self.etag: str | None = None

    def restart(self) -> None:
        """Discard the bytes that have arrived."""
        self._file.seek(0)
        self._file.truncate()
        self._crc = 0
        self.written = 0
        self.etag = None

    def take(self, answer: Content, stored: Stored, shown: Progress) -> None:
        """Write the body of a response; raises Unreachable if it is interrupted and _Damaged for a wrong checksum."""
        from anycrc import Model
        from requests import RequestException

        nvme = Model("CRC64-NVME")
        if self.written and answer.status_code != 206:
            # The storage sends all of it again.
            self.restart()
        self.etag = answer.headers.get("ETag")
        announced = _length(answer.headers)
        length = stored.length if stored.length is not None else None if announced is None else self.written + announced
        try:
            for chunk in answer.iter_content(CHUNK_BYTES):
                self._file.write(chunk)
                self._crc = nvme.calc(chunk, self._crc)
                self.written += len(chunk)
                shown(self.written)
        except RequestException:
            # This is an OSError too, but not one of the local file.
            raise Unreachable(f"The download was interrupted after {self.written} bytes.", "Try again.") from None
        if length is not None and self.written < length:
            raise Unreachable(f"The download was interrupted after {self.written} of {length} bytes.", "Try again.")
        if length is not None and self.written > length:
            raise _Damaged
        if stored.crc64nvme is not None and f"{self._crc:016x}" != stored.crc64nvme:
            raise _Damaged


def _length(headers: Mapping[str, str]) -> int | None:
    """Return the Content-Length of a response; None if it is absent or not a number."""
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _put(partial: Path, target: Path, *, force: bool) -> None:
    if force:
        partial.replace(target)
        return
    try:
        # Unlike a rename, a link never replaces a file that another program has created meanwhile.
        target.hardlink_to(partial)
    except FileExistsError:
        raise _taken(target) from None
    except OSError:
        # The file system does not support links.
        if target.exists():
            raise _taken(target) from None
        partial.replace(target)


def _taken(target: Path) -> NotUsable:
    return NotUsable(f"{target} already exists.", "Use --force to replace it, or --output for another name.")


@contextmanager
def _progress(name: str, length: int | None, done: int) -> Iterator[Progress]:
    """A bar on a terminal; nothing elsewhere."""
    console = notes()
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda _: None
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=30),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as live:
        line = live.add_task(name, total=length, completed=done)
        yield lambda written: live.update(line, completed=written)
