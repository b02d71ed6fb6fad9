"""The one file that takes the output of sam, the engine and the simulator, so that the screen stays readable."""

import os
from pathlib import Path
from typing import IO, Self

TAIL_LINES = 20


class RunLog:
    """A log file that child processes write to; each command starts an empty one.

    If another command starts with the same path, this log keeps its own text, but no longer its name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.file: IO[bytes] = path.open("a+b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def text(self) -> str:
        """Return everything that was written so far; only while the log is open."""
        descriptor = self.file.fileno()
        # The position of the file is shared with the child processes, so it is not moved.
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def tail(self) -> str:
        """Return the last lines of the log; only while it is open."""
        return "\n".join(self.text().splitlines()[-TAIL_LINES:])
