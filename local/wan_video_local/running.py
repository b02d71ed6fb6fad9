"""The record of a stack that `make up` left running: what it is, how to use it, and what to end."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from wan_video_local.servers import GuardRecord, end_detached
from wan_video_local.stack import Stack


@dataclass(frozen=True)
class Running:
    """A stack in the background, with the guards of its servers."""

    stack: Stack
    fingerprint: str
    """Of the sources it was built from."""
    guards: Sequence[GuardRecord]

    def is_alive(self) -> bool:
        """Whether every one of its servers still runs."""
        return all(guard.is_ours() for guard in self.guards)

    def end(self) -> None:
        """End those of its servers that still run, all at once, and wait until they are gone. Raises ServerError."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(end_detached, self.guards))


def save(running: Running, path: Path) -> None:
    """Write the record; only its user may read it, for it holds the token."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(running), indent=2))


def load(path: Path) -> Running | None:
    """Read the record; None where there is none."""
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    return Running(
        stack=Stack(**record["stack"]),
        fingerprint=record["fingerprint"],
        guards=[GuardRecord(**guard) for guard in record["guards"]],
    )
