"""Saving a video: into a file beside its place, checked, and put there as a whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, Protocol

from wan_video_cli.errors import NotUsable, Unreachable
from wan_video_cli.screen import notes
from wan_video_cli.words import checked_id

TRIES: Final = 3
CHUNK_BYTES: Final = 1 << 18

Progress = Callable[[int], None]
"""Told how many bytes have arrived since it was last told."""


class Variant(StrEnum):
    """What there is to download of a video."""

    VIDEO = "video"
    METADATA = "metadata"


class Content(Protocol):
    """What arrives: a `requests.Response`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the answer."""
        ...

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        """The bytes, as they arrive."""
        ...


class Contents(Protocol):
    """Where it comes from: an `Api`, or what has reports."""

    def content(self, video_id: str, variant: str, /) -> AbstractContextManager[Content]:
        """The stored object as a stream; raises Refused and Unreachable."""
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
    """Save a video's content and give its length in bytes; each of a few tries gets a new link.

    Raises NotUsable for a file that is there already (unless `force`) or cannot be written, Refused and Unreachable.
    """
    if not force and target.exists():
        raise _taken(target)
    for left in reversed(range(TRIES)):
        try:
            with api.content(video_id, variant) as answer:
                return _save(answer, target, force=force)
        except Unreachable:
            if not left:
                raise
    raise AssertionError  # the last try has returned or raised


def _save(answer: Content, target: Path, *, force: bool) -> int:
    length = int(answer.headers.get("Content-Length", "-1"))
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as file, _progress(target.name, length) as arrived:
            written = _copy(answer, file, arrived)
        if length not in (-1, written):
            raise Unreachable(f"The download broke off after {written} of {length} bytes.", "Try again.")
        _put(partial, target, force=force)
    except OSError as error:
        raise NotUsable(f"{target} cannot be written: {error.strerror}.", "Choose another place.") from None
    finally:
        partial.unlink(missing_ok=True)
    return written


def _copy(answer: Content, file: IO[bytes], arrived: Progress) -> int:
    from requests import RequestException

    written = 0
    try:
        for chunk in answer.iter_content(CHUNK_BYTES):
            written += file.write(chunk)
            arrived(len(chunk))
    except RequestException:
        # It is an OSError too, and none of this file.
        raise Unreachable(f"The download broke off after {written} bytes.", "Try again.") from None
    return written


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
def _progress(name: str, length: int) -> Iterator[Progress]:
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
        line = live.add_task(name, total=length if length >= 0 else None)
        yield lambda count: live.advance(line, count)
