"""The record of a stack that `make up` left running: its build, its addresses and its processes."""

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
    """The digest of the sources from which it was built."""
    guards: Sequence[GuardRecord]

    def is_alive(self) -> bool:
        """Return whether all of its servers are running."""
        return all(guard.is_ours() for guard in self.guards)

    def end(self) -> None:
        """Stop its running servers at once and wait until they have ended. Raises ServerError."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(end_detached, self.guards))


def save(running: Running, path: Path) -> None:
    """Write the record; only its user may read it, for it holds the token."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(running), indent=2))


def load(path: Path) -> Running | None:
    """Read the record; None if there is none."""
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    return Running(
        stack=Stack(**record["stack"]),
        fingerprint=record["fingerprint"],
        guards=[GuardRecord(**guard) for guard in record["guards"]],
    )
