"""Films, and the studio that makes them one at a time in the background."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from typing import Final, Literal, Protocol

from fastcrc import crc64

from wan_simulator.errors import RefusalError
from wan_simulator.images import read_image, shape
from wan_simulator.models import PIXELS
from wan_simulator.orders import Order
from wan_simulator.render import FilmAbandonedError, Shot
from wan_simulator.sounds import save_sound
from wan_simulator.tasks import Failure, Made, Task
from wan_simulator.triggers import find_length
from wan_video.domain.models import Size

_LOG: Final = logging.getLogger(__name__)

FilmKind = Literal["render", "reuse", "still"]
"""A film for each task, one clip for each format, or one whose picture does not move, which is made faster."""

_PIECE: Final = 1024 * 1024
_REUSED_PROMPT: Final = "One clip for every task of this format"
_MOST_SCENES: Final = 5


class Renderer(Protocol):
    """Renders a shot to an MP4 file at a path; raises FilmAbandonedError once `abandoned` is set."""

    def __call__(self, shot: Shot, path: Path, abandoned: threading.Event, /) -> None: ...


class _Digest(Protocol):
    def copy(self) -> _Digest: ...
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Film:
    """An MP4 on disk, a few bytes that follow it, and the checksums of the whole."""

    path: Path
    tail: bytes
    size: int
    crc64: int
    _md5: _Digest
    _sha256: _Digest

    @classmethod
    def at(cls, path: Path) -> Film:
        """Read the film in the file at `path`."""
        md5, sha256, crc, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0, 0
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                md5.update(piece)
                sha256.update(piece)
                crc = crc64.xz(piece, crc)
                size += len(piece)
        return cls(path, b"", size, crc, md5, sha256)

    @property
    def etag(self) -> str:
        """The MD5 as OSS writes it: upper-case hex in quotes."""
        return f'"{self._md5.hexdigest().upper()}"'

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes, in hex."""
        return self._sha256.hexdigest()

    def read(self, first: int, last: int) -> bytes:
        """Return the bytes from `first` to `last`, both included."""
        clip = self.size - len(self.tail)
        with self.path.open("rb") as file:
            file.seek(first)
            body = file.read(max(0, min(last + 1, clip) - first))
        return body + self.tail[max(0, first - clip) : max(0, last + 1 - clip)]

    def marked(self, mark: str) -> Film:
        """Return the same film as a distinct file: players skip the `free` box at its end, which holds `mark`."""
        tail = self.tail + free_box(mark.encode())
        md5, sha256 = self._md5.copy(), self._sha256.copy()
        added = tail[len(self.tail) :]
        md5.update(added)
        sha256.update(added)
        return Film(self.path, tail, self.size + len(added), crc64.xz(added, self.crc64), md5, sha256)


def lengthen(path: Path, size: int) -> None:
    """Give the MP4 at `path` at least `size` bytes: a `free` box of zeros at its end, which takes no space on disk."""
    more = max(0, size - path.stat().st_size)
    if more:
        with path.open("ab") as file:
            file.write(max(8, more).to_bytes(4, "big") + b"free")
            file.truncate(file.tell() + max(0, more - 8))


def free_box(content: bytes) -> bytes:
    """Return an MP4 `free` box: content that every reader must skip (ISO/IEC 14496-12, 8.1.2)."""
    return (8 + len(content)).to_bytes(4, "big") + b"free" + content


class Studio:
    """Makes each task's film on one background thread; with `reuse`, one clip for all tasks of a format.

    Audio and images are fetched only from this machine, or with `anywhere` from any host.
    """

    def __init__(
        self, folder: Path, renderer: Renderer, now: Callable[[], float], *, reuse: bool, anywhere: bool = False
    ) -> None:
        self._folder = folder
        self._renderer = renderer
        self._now = now
        self._reuse = reuse
        self._anywhere = anywhere
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="studio")
        self._lock = threading.Lock()
        self._abandoned = threading.Event()
        self._jobs: dict[Shot | str, Future[tuple[Film | None, Made]]] = {}
        self._clips: dict[Shot, Film] = {}
        """The clips that show images, which are known only when a task's images have arrived."""
        self._films: dict[str, Film] = {}
        self._keys: dict[str, Shot | str] = {}

    def commission(self, task: Task) -> None:
        """Start to make the task's film, unless its clip already exists."""
        key = self._key(task)
        with self._lock:
            if key not in self._jobs:
                path = self._folder / f"{len(self._jobs)}.mp4"
                shot = key if isinstance(key, Shot) else shot_of(task)
                self._jobs[key] = self._pool.submit(self._make, task, shot, path)

    def made(self, task: Task) -> Made | None:
        """Return when the task's film was finished, or why it failed; None while it is being made."""
        job = self._jobs[self._key(task)]
        if not job.done():
            return None
        return job.result()[1]

    def film(self, task: Task) -> Film:
        """Return the finished film of `task`; call it only after `made` returned its end."""
        with self._lock:
            if task.id not in self._films:
                clip, _ = self._jobs[self._key(task)].result()
                assert clip is not None
                self._films[task.id] = clip.marked(task.id) if self._is_marked(task) else clip
            return self._films[task.id]

    def forget(self, task: Task) -> None:
        """Cancel the film of a task that was cancelled, if it has not been started."""
        if not self._is_shared(task):
            self._jobs[task.id].cancel()

    def wait(self, task: Task, seconds: float) -> None:
        """Wait until the task's film is made; raises TimeoutError after `seconds` of real time."""
        self._jobs[self._key(task)].exception(timeout=seconds)

    def close(self) -> None:
        """Abandon the film that is being made and all that wait."""
        self._abandoned.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _is_marked(self, task: Task) -> bool:
        """Return whether the task can share its clip; a film with its own sound or file length cannot."""
        return self._reuse and task.sound is None and not find_length(task.order.prompt)

    def _is_shared(self, task: Task) -> bool:
        """Return whether the task's clip is known before it is made, because no image has to be fetched for it."""
        return self._is_marked(task) and not task.images

    def _key(self, task: Task) -> Shot | str:
        if task.id not in self._keys:
            shared = _common(shot_of(task)) if self._is_shared(task) else None
            self._keys[task.id] = shared or task.id
        return self._keys[task.id]

    def _make(self, task: Task, shot: Shot, path: Path) -> tuple[Film | None, Made]:
        """Make the film at `path`; returns it, unless it failed, and how it ended."""
        try:
            return self._made_from(task, shot, path)
        except FilmAbandonedError:
            raise
        except RefusalError as error:
            return None, Made(self._now(), Failure(error.code, error.message))
        except Exception:  # noqa: BLE001  # any error fails the task
            _LOG.exception("a film could not be made")
            return None, Made(self._now(), Failure.of("InternalError.Algo"))

    def _made_from(self, task: Task, shot: Shot, path: Path) -> tuple[Film, Made]:
        rules, order = task.order.model.images, task.order
        stills = [read_image(image, rules, anywhere=self._anywhere) for image in task.images if rules is not None]
        size = _shape_of(order, stills[0].size) if stills and order.shape_is_free else order.size
        images = tuple(still.content for still in stills)
        shot = replace(shot, width=size.width, height=size.height, images=images)
        if images and self._is_marked(task):
            shot = _common(shot)
        if task.sound is not None:
            soundtrack = path.with_suffix(".sound")
            save_sound(task.sound, soundtrack, order.model.audio_seconds, anywhere=self._anywhere)
            shot = replace(shot, soundtrack=soundtrack)
        film = self._clips.get(shot)
        if film is None:
            self._renderer(shot, path, self._abandoned)
            lengthen(path, find_length(order.prompt))
            film = Film.at(path)
        if images and self._is_marked(task):
            self._clips[shot] = film
        return film, Made(self._now(), size=size, images=tuple(still.sha256 for still in stills))


def _common(shot: Shot) -> Shot:
    """Return the shot that all tasks of its format and images share."""
    return replace(shot, prompt=_REUSED_PROMPT, seed=0)


def _shape_of(order: Order, image: Size) -> Size:
    """Return the size of a video whose shape is that of an image; Wan 3.0 takes the nearest of its ratios."""
    assert order.tier is not None
    if order.model.follows_image:
        return shape(PIXELS[order.tier], image)
    aspect = image.width / image.height
    return min(order.model.sizes[order.tier].values(), key=lambda size: abs(log(size.width / size.height / aspect)))


def shot_of(task: Task) -> Shot:
    """Return what to render for `task`."""
    order = task.order
    return Shot(
        prompt=order.prompt,
        model=order.model.name,
        width=order.size.width,
        height=order.size.height,
        seconds=order.seconds,
        fps=order.model.fps,
        audio=order.audio,
        watermark=order.watermark,
        seed=task.seed,
        scenes=_scenes(order),
    )


def _scenes(order: Order) -> int:
    """Return how many shots the video has: Wan obeys `shot_type` only if it may rewrite the prompt."""
    if order.shot_type != "multi" or not order.prompt_extend:
        return 1
    return min(max(int(order.seconds) // 2, 2), _MOST_SCENES)
