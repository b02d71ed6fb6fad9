"""What the services ask of the world: small protocols, each with one adapter that ships and one fake in the tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from wan_video.domain.batch import Batch
from wan_video.domain.budget import DayUsage
from wan_video.domain.models import Region, Size, Tier
from wan_video.domain.prompt_file import PromptFile
from wan_video.domain.queue import BATCH, priority
from wan_video.domain.request import VideoRequest
from wan_video.domain.video import Status, StoredObject, Video


class Clock(Protocol):
    """The time of the stack."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def real_seconds(self, seconds: float) -> float:
        """How long so many of its seconds last for whoever waits outside."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a video stands, or stood, among its owner's."""

    id: str
    created_at: int


@dataclass(frozen=True, slots=True)
class VideoQuery:
    """Which of an owner's videos, and in which order: those after the video `after`, at most `limit`."""

    limit: int
    descending: bool = True
    after: Video | Mark | None = None
    statuses: Collection[Status] = ()
    model: str | None = None
    batch_id: str | None = None

    @property
    def filtered(self) -> bool:
        """Whether some of them may be left out."""
        return bool(self.statuses) or self.model is not None

    def wants(self, video: Video) -> bool:
        """Whether a video has the status and the model that are asked for."""
        return (not self.statuses or video.status in self.statuses) and self.model in (None, video.request.model)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, whether there is more, and the id to go on after."""

    videos: Sequence[Video]
    has_more: bool = False
    last_id: str | None = None


class Videos(Protocol):
    """The rows of videos, and the transactions around them. Reads are strongly consistent unless said otherwise."""

    def get(self, video_id: str) -> Video:
        """Read one row; raises VideoNotFound, and VideoDeleted while a deleted one keeps its id taken."""
        ...

    def list(self, owner: str, query: VideoQuery) -> Page:
        """One page of an owner's videos by their creation, whatever batch they are of; eventually consistent."""
        ...

    def delete(self, video: Video, until: int) -> None:
        """Replace a row by a tombstone that keeps its id taken until then; raises VideoChanged."""
        ...

    def get_many(self, video_ids: Collection[str]) -> Mapping[str, Video]:
        """Read up to 100 rows; those that are not there are left out."""
        ...

    def accept(self, video: Video) -> None:
        """Write a new row, its queue item and its pool's note of it, all or nothing; raises VideoExists."""
        ...

    def adopt(self, video: Video) -> None:
        """Write the new row of a task that exists, and the claim to it, all or nothing.

        Raises VideoExists, or TaskClaimed where the task belongs to another video.
        """
        ...

    def accept_rows(self, batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        """Write the next rows of a batch, all or nothing and once; returns the batch as it is then.

        Raises BatchChanged where the batch is past `batch.last_row` already, or takes no more rows; VideoExists.
        """
        ...

    def cancel_rows(self, videos: Sequence[Video], now: int) -> int:
        """Cancel those rows of one batch that still wait; returns how many did."""
        ...

    def start(self, before: Video, after: Video, *, places: int, budgets: Mapping[str, int | None]) -> Video:
        """Save a start: row, place, budgets and queue item, all or nothing.

        `budgets` maps an owner to the seconds its day may use, None for no limit.
        Raises VideoChanged, NoPlace, or OverBudget with the owner whose budget has no room.
        """
        ...

    def save(self, before: Video, after: Video) -> Video:
        """Save a transition; what it leaves (queue, place, reservation) and claims (a task) is part of the transaction.

        Returns the row as saved. Raises VideoChanged where the row is no longer `before`, and TaskClaimed where its
        new task belongs to another video.
        """
        ...

    def attention(self, kind: str, untouched_since: int) -> Iterable[str]:
        """Ids of the videos with this `attention` that were not written since then, oldest first.

        Eventually consistent.
        """
        ...


class Claims(Protocol):
    """Which of Wan's tasks belong to a video of ours, read strongly. `Videos` writes them, with the row."""

    def claimed(self, region: Region, task_ids: Collection[str]) -> frozenset[str]:
        """Those of the tasks that belong to a video."""
        ...


class Batches(Protocol):
    """The records of batches; their counts are written with the rows they count (`Videos`). Reads are strong."""

    def get(self, batch_id: str) -> Batch:
        """Read one batch; raises BatchNotFound."""
        ...

    def create(self, batch: Batch) -> None:
        """Write a new batch, which is listed and open from then on; raises BatchExists."""
        ...

    def save(self, before: Batch, after: Batch) -> Batch:
        """Save a transition and nothing but what it changed; returns the batch as saved. Raises BatchChanged."""
        ...

    def forgo(self, batch: Batch) -> None:
        """Count what was accepted and never written as cancelled, once; raises BatchChanged where rows were written."""
        ...

    def list(self, owner: str, limit: int, after: Mark | None = None) -> tuple[Sequence[Batch], bool]:
        """One page (at most 100) of an owner's batches, newest first, and whether there are more."""
        ...

    def open(self) -> Iterable[str]:
        """Ids of the batches that the stack still owes something."""
        ...

    def kept(self, ended_by: int, limit: int) -> Sequence[str]:
        """Ids of the batches that it owes nothing and that had ended by then, oldest first, at most `limit`."""
        ...

    def let_go(self, batch: Batch, until: int) -> None:
        """Keep a batch no longer: its record goes at `until`, and `kept` tells of it no more."""
        ...


POSITION_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """How many videos of one owner wait for a pool, counted in the transactions that queue and start them.

    `since` is when it joined, or was last served (Unix milliseconds). Whoever joins or leaves bumps `version`, which
    never comes again, not even in a line that was forgotten and joined anew.
    `used_at_most` is set where its next video found no room: that many seconds the owner's day may use for it to start.
    """

    owner: str
    interactive: int = 0
    batch: int = 0
    since: int = 0
    version: int = field(default=0, compare=False)
    used_at_most: int | None = None

    @property
    def waits(self) -> int:
        """How many wait."""
        return self.interactive + self.batch

    def with_more(self, number: int, key: str, since: int | None = None) -> Line:
        """The line after that many of this queue key's priority have joined; fewer than none have left."""
        is_batch = priority(key) == BATCH
        return Line(
            self.owner,
            interactive=self.interactive + (0 if is_batch else number),
            batch=self.batch + (number if is_batch else 0),
            since=self.since if since is None else since,
            version=self.version + 1,
        )


@dataclass(frozen=True, slots=True)
class Pool:
    """The videos that hold a place, and the lines of the owners that wait for one."""

    name: str
    running: frozenset[str] = frozenset()
    lines: Sequence[Line] = ()

    @property
    def waiting(self) -> frozenset[str]:
        """The owners of whom a video waits."""
        return frozenset(line.owner for line in self.lines if line.waits)


@dataclass(frozen=True, slots=True)
class QueueItem:
    """The next video of one owner in one pool."""

    video_id: str
    key: str


class Pools(Protocol):
    """Places and queues, read strongly."""

    def read(self, names: Collection[str]) -> Sequence[Pool]:
        """The named pools, each in one query; those that nobody uses are empty."""
        ...

    def head(self, name: str, owner: str) -> QueueItem | None:
        """The owner's next video, or None."""
        ...

    def drop(self, name: str, owner: str, item: QueueItem) -> None:
        """Remove a queue item whose video waits no more, and count it out of its line."""
        ...

    def forget(self, name: str, line: Line) -> None:
        """Remove a line in which nobody waits, unless it has changed since it was read."""
        ...

    def pass_over(self, name: str, line: Line, used_at_most: int) -> None:
        """Note what the next video of a line needs of its owner's day, unless the line has changed meanwhile."""
        ...

    def give_back(self, name: str, video_id: str) -> None:
        """Free a place that a video no longer has a claim to."""
        ...

    def used_by(self, owners: Collection[str], day: str) -> Mapping[str, int]:
        """Seconds of a day's budget that are spent or reserved, by owner; 0 where there are none yet."""
        ...

    def usage(self, owner: str, first: str, last: str) -> Sequence[DayUsage]:
        """What an owner used from the first to the last day (at most 31), days without any left out."""
        ...

    def position(self, video: Video) -> int:
        """How many of the owner's videos are before this one in its queue, counted to POSITION_LIMIT."""
        ...


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """Wan's answer about a task, its text as given; `video_url` is a credential and is never stored or logged."""

    task_id: str
    status: str
    request_id: str | None = None
    code: str | None = None
    message: str | None = None
    submit_time: str | None = None
    scheduled_time: str | None = None
    end_time: str | None = None
    orig_prompt: str | None = field(default=None, repr=False)
    actual_prompt: str | None = field(default=None, repr=False)
    video_url: str | None = field(default=None, repr=False)
    seconds: int | None = None
    size: Size | None = None
    tier: Tier | None = None
    ratio: str | None = None


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task as Wan's list shows it; `created_at` in Unix seconds, None where the list does not say."""

    task_id: str
    status: str
    created_at: float | None = None


class Wan(Protocol):
    """Wan's API in one account."""

    def prepare(self, request: VideoRequest) -> Callable[[], TaskAnswer]:
        """Everything about creating a task that can fail before Wan is asked.

        Raises WanUnauthorized without a key, WanRefused without an address.

        Calling the result makes at most one POST. It raises WanThrottled, WanUnreachable, WanRefused
        (WanUnauthorized): certainly no task was made; WanUncertain: perhaps one was.
        """
        ...

    def query(self, region: Region, task_id: str) -> TaskAnswer:
        """Ask for a task's state; raises WanThrottled, WanUnreachable, WanRefused, WanUnavailable."""
        ...

    def tasks(self, region: Region, model: str, since: int, until: int) -> Sequence[ListedTask]:
        """All tasks of a model in the account that were created from `since` to `until` (Unix seconds).

        Whole or not at all: raises what `query` raises, also where the list is too long to be read.
        """
        ...

    def refresh_key(self, region: Region) -> bool:
        """Read the region's API key again; True where it has changed."""
        ...


class Uploads(Protocol):
    """Wan's leave to upload files for its tasks."""

    def policy(self, region: Region, model: str) -> Mapping[str, Any]:
        """The form fields and the address of one upload, as Wan gives them; raises WanError."""
        ...


@dataclass(frozen=True, slots=True)
class UploadLink:
    """One PUT: where to, and the headers it must have. The link is a credential."""

    url: str = field(repr=False)
    headers: Mapping[str, str]


class UploadLinks(Protocol):
    """Leave to upload to the bucket of prompt files."""

    def sign(self, key: str, *, content_type: str, seconds: int) -> UploadLink:
        """Leave to put one object under `key`, where none is yet, within `seconds`."""
        ...

    def origin(self) -> str:
        """Scheme and host of every link."""
        ...


class Repeats(Protocol):
    """Remembers for some seconds who asked for what."""

    def first(self, owner: str, digest: str, key: str, *, now: int, since: int) -> str:
        """The key under which the same was asked for after `since` (Unix seconds), else `key`, remembered."""
        ...


class Transfer(Protocol):
    """Copies a result from Wan to S3."""

    def copy(self, ask: Callable[[], str], key: str, seconds: float) -> StoredObject:
        """Stream what `ask` gives a link to into `key` within `seconds`, whole or not at all.

        `ask` is called again where a link is refused; it may be called by any thread, one at a time. Raises
        DeliveryInterrupted, what `ask` raises, and what S3 answers to a request that is not about a part.
        """
        ...


class Objects(Protocol):
    """The videos bucket."""

    def find(self, key: str) -> StoredObject | None:
        """What is stored under `key`, or None."""
        ...

    def put_json(self, key: str, document: Mapping[str, Any]) -> None:
        """Write a small JSON document, replacing what is there."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there are no error."""
        ...

    def link(self, key: str, *, filename: str, seconds: int, save: bool = False) -> str:
        """A presigned GET of `key` that lasts `seconds`; a browser shows what it leads to, or is told to save it."""
        ...

    def origin(self) -> str:
        """Scheme and host of every link."""
        ...


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A multipart upload that is neither completed nor aborted; `begun_at` in Unix seconds of the stack's clock."""

    key: str
    upload_id: str
    begun_at: float


class Multiparts(Protocol):
    """The multipart uploads to the videos bucket."""

    def open(self) -> Iterable[OpenUpload]:
        """Those that are open."""
        ...

    def abort(self, upload: OpenUpload) -> None:
        """End one, and throw away what it holds; one that is gone is no error."""
        ...


class PromptFiles(Protocol):
    """The bucket that prompt files are uploaded to."""

    def open(self, bucket: str, key: str, etag: str) -> PromptFile:
        """One file at the version an event told of.

        This and reading it raise PromptFileGone and PromptFileChanged.
        """
        ...


JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonl"


class Report(Protocol):
    """A report that is being written, and how much of it there is, in lines and in bytes."""

    lines: int
    size: int

    def add(self, line: bytes) -> None:
        """Add one line, given without its end."""
        ...


class Reports(Protocol):
    """The reports in the videos bucket, however long they are."""

    def write(self, key: str, content_type: str) -> AbstractContextManager[Report]:
        """Write a report, in place of what is there: it appears at the end of the block, or not at all."""
        ...

    def lines(self, key: str) -> Iterator[bytes]:
        """The lines of a report; none where it is not there."""
        ...


class Workers(Protocol):
    """The functions that work on batches, as somebody else can call them: they start at once, nobody waits for them."""

    def ingest(self, batch: Batch) -> None:
        """Take in the file of a batch."""
        ...

    def finish(self, batch_id: str) -> None:
        """Do what is due for a batch that is cancelled, or of which no request is left."""
        ...


class Executions(Protocol):
    """The state machine's executions."""

    def start(self, video: Video) -> None:
        """Start the execution the row names; one that has that name already is the same one."""
        ...

    def status(self, video_id: str, execution: int) -> str | None:
        """Its status in Step Functions' words (RUNNING, SUCCEEDED, FAILED, ...), or None where there is none."""
        ...


class Topic(Protocol):
    """Where final notices go."""

    def publish(self, event: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        """Publish one event."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """What a bearer token allows; `daily_seconds` None means no limit of its own."""

    owner: str
    scopes: frozenset[str]
    daily_seconds: int | None = None


class Tokens(Protocol):
    """The tokens that were made and not revoked."""

    def find(self, digest: str) -> Token | None:
        """The token with this SHA-256 (lower-case hex), or None."""
        ...
