"""Save a video: into a file beside its target, checked, and moved there as a whole or not at all.

A connection that breaks is resumed at the byte where it broke, with a new link. The length is checked, and so is the
CRC-64/NVME where the API states it.
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
"""Connections in a row that may break without a single new byte, or files that may arrive damaged."""

MAX_CONNECTIONS: Final = 100
"""Connections for one file in all, however many bytes each of them brings."""

CHUNK_BYTES: Final = 1 << 14
"""Bytes read at once, and so the bytes that a connection that breaks may cost: requests drops an unfinished chunk."""

Progress = Callable[[int], None]
"""Receives how many bytes of the file are there."""


class Variant(StrEnum):
    """What there is to download of a video."""

    VIDEO = "video"
    METADATA = "metadata"


class Content(Protocol):
    """An answer of the storage: a `requests.Response`."""

    @property
    def status_code(self) -> int:
        """200 for the whole object, 206 for the rest of it."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the answer."""
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
    """Where objects come from: an `Api`, or the reports of a batch."""

    def stored(self, object_id: str, variant: str, /) -> Stored:
        """Where an object lies now, with a new link; raises Refused and Unreachable."""
        ...

    def fetch(self, link: str, start: int, etag: str | None, /) -> AbstractContextManager[Content]:
        """The object behind a link from byte `start` on, as long as its ETag is `etag`; raises Unreachable."""
        ...


def file_name(video_id: str, variant: Variant = Variant.VIDEO) -> str:
    """What a video's file is called unless somebody says otherwise; raises NotUsable for an id that is no file name."""
    return f"{checked_id(video_id)}.{'mp4' if variant is Variant.VIDEO else 'json'}"


def prepare_folder(folder: Path) -> None:
    """Make sure that something can be saved there; asked before anything is paid for. Raises NotUsable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotUsable(f"{folder} cannot be made: {error.strerror}.", "Give another folder to --download.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotUsable(f"Nothing can be saved in {folder}.", "Give another folder to --download.")


def download(api: Contents, video_id: str, target: Path, *, variant: str = Variant.VIDEO, force: bool = False) -> int:
    """Save a video's content and return its length in bytes.

    Raises NotUsable for a file that exists already (unless `force`) or cannot be written, Refused and Unreachable.
    """
    if not force and target.exists():
        raise _taken(target)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as file:
            written = _fill(api, video_id, variant, file, target.name)
        _put(partial, target, force=force)
    except OSError as error:
        raise NotUsable(f"{target} cannot be written: {error.strerror}.", "Choose another place.") from None
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
    raise Unreachable(f"What arrived of {object_id} is damaged or incomplete.", "Try again.")


class _Damaged(Exception):
    """Raised when all bytes have arrived and their checksum is wrong, or the object is another one now."""


class _Arriving:
    """A file that is being written, over as many connections as it takes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._crc = 0
        self.written = 0
        self.etag: str | None = None

    def restart(self) -> None:
        """Forget what has arrived."""
        self._file.seek(0)
        self._file.truncate()
        self._crc = 0
        self.written = 0
        self.etag = None

    def take(self, answer: Content, stored: Stored, shown: Progress) -> None:
        """Write what an answer holds; raises Unreachable where it breaks off, and _Damaged for a wrong checksum."""
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
            # It is an OSError too, but none of this file's.
            raise Unreachable(f"The download broke off after {self.written} bytes.", "Try again.") from None
        if length is not None and self.written < length:
            raise Unreachable(f"The download broke off after {self.written} of {length} bytes.", "Try again.")
        if length is not None and self.written > length:
            raise _Damaged
        if stored.crc64nvme is not None and f"{self._crc:016x}" != stored.crc64nvme:
            raise _Damaged


def _length(headers: Mapping[str, str]) -> int | None:
    """The Content-Length of an answer; None where there is none, or one that is not a number."""
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _put(partial: Path, target: Path, *, force: bool) -> None:
    if force:
        partial.replace(target)
        return
    try:
        # Unlike a rename, a link never replaces what somebody else has put there meanwhile.
        target.hardlink_to(partial)
    except FileExistsError:
        raise _taken(target) from None
    except OSError:
        # A file system without links.
        if target.exists():
            raise _taken(target) from None
        partial.replace(target)


def _taken(target: Path) -> NotUsable:
    return NotUsable(f"{target} is there already.", "Use --force to replace it, or --output for another name.")


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
