"""The one file that takes the output of sam, the engine and the simulator, so that the screen stays readable."""

from pathlib import Path
from typing import IO, Self

TAIL_LINES = 20


class RunLog:
    """A log file that child processes write to; each command starts an empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.file: IO[bytes] = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.path.read_text(errors="replace").splitlines()[-TAIL_LINES:])
