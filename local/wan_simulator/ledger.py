"""The ledger: what really happened here, for tests that must not trust the code that they test.

One entry for every create call that arrived, every task that was accepted or refused, and every task that ended.
Prompts appear as their SHA-256 only.
"""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Ledger:
    """An append-only list of entries, kept in memory and, where a path is given, as JSON lines on disk."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8", buffering=1) if path else None

    def write(self, event: str, at: float, **facts: object) -> None:
        """Append one entry: `event` (received, accepted, refused, billed, failed, cancelled) at `at`, and its facts."""
        with self._lock:
            entry: Entry = {"event": event, "at": at, **facts}
            self._entries.append(entry)
            if self._file:
                self._file.write(json.dumps(entry) + "\n")

    def entries(self, event: str | None = None) -> list[Entry]:
        """Return all entries so far, or those of one event."""
        with self._lock:
            return [dict(entry) for entry in self._entries if event in (None, entry["event"])]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None


def prompt_digest(prompt: str) -> str:
    """Return the SHA-256 (hex) by which the ledger names a prompt; lone surrogates count as their own bytes."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
