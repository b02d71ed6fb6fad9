"""Text about a batch: its status and its result."""

from __future__ import annotations

from wan_video_cli.words import Document, Words, is_final, printable

CREDENTIALS = ("upload", "reports")
"""The members of a batch that give access to its files, and so are never printed."""


def standing(batch: Document) -> str:
    """Describe the status of a batch in a few words."""
    status = str(batch["status"])
    counts = batch["request_counts"]
    if status == "in_progress":
        return f"{done(batch):,} of {accepted(batch):,} done{_badly(batch)}, {counts['in_progress']:,} in progress"
    if status == "cancelling":
        return f"being cancelled, {counts['in_progress']:,} still in progress"
    texts = {
        "waiting_for_file": "waits for its file",
        "validating": "its file is being read",
        "finalizing": "all have ended, its reports are being written",
    }
    return texts.get(status, status)


def summary(batch: Document) -> str:
    """Summarize the result of a batch by its counts."""
    counts = batch["request_counts"]
    parts = [
        f"{counts[name]:,} {name}"
        for name in ("completed", "failed", "expired", "cancelled", "refused")
        if counts[name]
    ]
    requests = f"{counts['total']:,} request{'' if counts['total'] == 1 else 's'}"
    return f"{requests}: {', '.join(parts) or 'none ended'}"


def outcome(batch: Document) -> str:
    """Describe a batch in a list: its progress, or its result once it has ended."""
    return summary(batch) if is_final(batch) else standing(batch)


def trouble(batch: Document) -> str:
    """Give the error of the batch as a whole, or an empty string."""
    found = batch.get("error")
    return printable(f"{found['message']} ({found['code']})") if found else ""


def accepted(batch: Document) -> int:
    """Count the requests of the file that became videos."""
    counts = batch["request_counts"]
    return int(counts["total"] - counts["refused"])


def done(batch: Document) -> int:
    """Count those of them that have ended, whatever the result."""
    counts = batch["request_counts"]
    return sum(int(counts[name]) for name in ("completed", "failed", "cancelled", "expired"))


def all_made(batch: Document) -> bool:
    """Whether every request of the file has become a video that is stored."""
    counts = batch["request_counts"]
    return bool(batch["status"] == "completed" and counts["completed"] == counts["total"])


def without_links(batch: Document) -> Document:
    """Return the batch without the members that must not be printed."""
    return {name: value for name, value in batch.items() if name not in CREDENTIALS}


def _progress(batch: Document) -> int | None:
    under_way = batch["status"] in ("in_progress", "cancelling", "finalizing")
    return 100 * done(batch) // max(1, accepted(batch)) if under_way else None


def _badly(batch: Document) -> str:
    counts = batch["request_counts"]
    failed = counts["failed"] + counts["expired"]
    return f" ({failed:,} failed)" if failed else ""


def _go_on(batch: Document) -> str:
    return f"`wan-video batch wait {batch['id']}` continues to wait; `wan-video batch cancel {batch['id']}` stops it."


BATCH = Words(
    standing=standing,
    trouble=trouble,
    progress=_progress,
    stage=lambda batch: str(batch["status"]),
    go_on=_go_on,
)
"""The texts for waiting for a batch."""
