"""The end of every command that makes a batch or waits for one: wait, save, and report the result."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wan_video_cli.api import Api, Document
from wan_video_cli.batch_words import BATCH, all_made, standing, summary, trouble, without_links
from wan_video_cli.download import Content, Stored, download, file_name
from wan_video_cli.errors import NotUsable, VideoNotMade
from wan_video_cli.following import HowFar
from wan_video_cli.screen import emit, say
from wan_video_cli.waiting import wait
from wan_video_cli.watchers import watcher
from wan_video_cli.words import checked_id, is_final, span

REPORTS: Final = {"results": "results.jsonl", "errors": "errors.jsonl", "manifest": "manifest.json"}


@dataclass(frozen=True)
class Reports:
    """The reports of batches as a source of downloads."""

    api: Api

    def stored(self, batch_id: str, variant: str) -> Stored:
        """Get a link to one report."""
        return self.api.report(batch_id, variant)

    def fetch(self, link: str, start: int, etag: str | None) -> AbstractContextManager[Content]:
        """Open the report as a stream."""
        return self.api.fetch(link, start, etag)


class BatchFollowing(HowFar):
    """Follows a batch."""

    def show(self, api: Api, batch: Document) -> None:
        """Follow a batch and show it.

        Raises VideoNotMade if not every request has become a video, and the errors of waiting and saving.
        """
        if self.waits or self.folder is not None:
            self._to_the_end(api, batch)
        elif self.as_json:
            emit(without_links(batch))
        else:
            say(f"The batch {standing(batch) if batch['upload'] is None else 'has its file, which will be read next'}.")
            print(batch["id"])
            say(f"`wan-video batch wait {batch['id']} --download .` downloads the results.")

    def _to_the_end(self, api: Api, batch: Document) -> None:
        started = time.monotonic()
        if not is_final(batch):
            say(f"{batch['id']}: {batch['name']}")
        ended = wait(
            lambda: api.batch(batch["id"]),
            batch,
            watcher(BATCH),
            words=BATCH,
            timeout=self.timeout,
            every=self.every,
        )
        saved = list(_save(api, ended, self.folder, force=self.force)) if self.folder and _has_reports(ended) else []
        document = {**without_links(ended), "paths": [str(path) for path in saved]} if saved else without_links(ended)
        if not all_made(ended):
            raise VideoNotMade(*_why(ended, saved), document=document)
        if self.as_json:
            emit(document)
            return
        say(f"Completed after {span(time.monotonic() - started)}: {summary(ended)}.")
        print(self.folder or ended["id"])


def _has_reports(batch: Document) -> bool:
    """Name the reports of a batch; a batch whose file never arrived has none."""
    return bool(batch["status"] != "expired")


def _save(api: Api, batch: Document, folder: Path, *, force: bool) -> Iterator[Path]:
    """Save the reports and the videos that the results list; an existing file is kept unless `force`."""
    batch_id = checked_id(batch["id"], "batch")
    for variant, name in REPORTS.items():
        path = folder / f"{batch_id}.{name}"
        # A report never changes, so it may be fetched repeatedly.
        download(Reports(api), batch_id, path, variant=variant, force=True)
        yield path
    for video_id in _completed(folder / f"{batch_id}.{REPORTS['results']}"):
        path = folder / file_name(video_id)
        if force or not path.exists():
            download(api, video_id, path, force=force)
        yield path


def _completed(results: Path) -> Iterator[str]:
    """Read the ids of the stored videos from the report of the results."""
    try:
        with results.open(encoding="utf-8") as lines:
            for line in lines:
                result = json.loads(line)
                if result["status"] == "completed":
                    yield result["video_id"]
    except (OSError, ValueError, KeyError):
        raise NotUsable(f"{results} is not a report of results.", "Repeat the command to download it again.") from None


def _why(batch: Document, saved: Sequence[Path]) -> tuple[str, str]:
    """Explain why a batch did not make all its videos, and what to do; `saved` are the files that it left."""
    batch_id, counts = batch["id"], batch["request_counts"]
    reason = trouble(batch) or f"{summary(batch)}."
    if counts["failed"] + counts["expired"]:
        remedy = f"`wan-video batch retry {batch_id}` makes the failed videos again, as new billed videos."
    elif (counts["refused"] or batch["status"] == "failed") and saved:
        errors = next(path for path in saved if path.name.endswith(REPORTS["errors"]))
        remedy = f"{errors} says what to correct in each bad request."
    elif counts["refused"] or batch["status"] == "failed":
        remedy = f"`wan-video batch wait {batch_id} --download .` downloads the report that says what to correct."
    elif batch["status"] == "expired":
        remedy = "`wan-video batch FILE` sends it again."
    else:
        remedy = f"`wan-video list --batch {batch_id}` shows its videos."
    return f"{batch_id} is {batch['status']}: {reason}", remedy
