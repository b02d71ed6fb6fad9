"""An `Ingest` service with everything that it uses in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakePromptFiles, FakeReports
from tools.harness.samples import DEFAULTS
from wan_video.domain.batch import REFUSED, REPORT, Batch, report_key
from wan_video.domain.video import Video
from wan_video.services.enrol import Enrol
from wan_video.services.failures_of import FailuresOf
from wan_video.services.ingest import Ingest, Ingested
from wan_video.services.intake import Intake, no_callbacks
from wan_video.wire import prompt_file


@dataclass
class IngestWorld:
    """The service, with short methods to use it and to read its results."""

    files: FakePromptFiles = field(default_factory=FakePromptFiles)
    store: MemoryStore = field(default_factory=MemoryStore)
    reports: FakeReports = field(default_factory=FakeReports)
    clock: FakeClock = field(default_factory=FakeClock)
    daily_seconds: int | None = None
    signs_callbacks: Callable[[str], bool] = no_callbacks

    @property
    def service(self) -> Ingest:
        """Return the service as one Lambda worker creates it."""
        intake = Intake(self.clock, DEFAULTS, self.daily_seconds, signs_callbacks=self.signs_callbacks)
        enrol = Enrol(intake, self.store, self.store.batches, self.reports, self.clock)
        return Ingest(
            files=self.files,
            format=prompt_file,
            batches=self.store.batches,
            enrol=enrol,
            failures_of=FailuresOf(self.reports, self.store),
            clock=self.clock,
            owner="files",
        )

    def ingest(self, key: str, etag: str) -> Ingested:
        """Let the service read a file."""
        return self.service("prompts", key, etag)

    def upload(self, key: str, content: Any, **metadata: str) -> Ingested:
        """Upload a file and let the service read it; content that is neither text nor bytes is written as JSON."""
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        body = text.encode() if isinstance(text, str) else text
        return self.ingest(key, self.files.put(key, body, **metadata))

    def batch(self) -> Batch:
        """Return the only batch."""
        (batch,) = self.store.batches.list("files", 2)[0]
        return batch

    def report(self, batch_id: str | None = None) -> dict[str, Any]:
        """Return the report about the only file, or about the file of one batch."""
        keys = [report_key(batch_id, REPORT)] if batch_id else [key for key in self.reports.bodies if REPORT in key]
        (key,) = keys
        return self.reports.document(key)

    def refused(self) -> list[dict[str, Any]]:
        """Return the lines of the only batch's refused requests."""
        return self.reports.table(report_key(self.batch().id, REFUSED))

    def videos(self) -> Sequence[Video]:
        """Return the rows that the report lists."""
        return [self.store.get(row["video_id"]) for row in self.report()["rows"] if "video_id" in row]
