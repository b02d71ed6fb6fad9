"""`python -m wan_video_local.guard TEMP_DIR COMMAND...`: run one server that never outlives its owner.

The owner holds the write end of this process's standard input and nothing else. When that pipe closes (the owner
ended, however it ended) the server's whole process group is stopped and its temporary folder is removed, unless the
owner wrote `detach` before: then only a SIGTERM to the guard ends it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping

DETACH = b"detach\n"
GRACE_SECONDS = 5.0
"""Seconds for a group to end on SIGTERM before it is killed."""


class Guard:
    """One server in its own session, with the temporary folder that its processes write to."""

    def __init__(self, temp_dir: str, command: list[str], env: Mapping[str, str]) -> None:
        self._temp_dir = temp_dir
        self._server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, env={**env, "TMPDIR": temp_dir}
        )

    def wait(self) -> int:
        """Wait for the server to end, clear away what it left, and give its exit code (negative: a signal)."""
        code = self._server.wait()
        self._signal_group(signal.SIGKILL)
        shutil.rmtree(self._temp_dir, ignore_errors=True)
        return code

    def stop(self) -> None:
        """Ask the group to end, and kill it when it has not within the grace period; returns at once."""
        self._signal_group(signal.SIGTERM)
        killer = threading.Timer(GRACE_SECONDS, self._signal_group, (signal.SIGKILL,))
        killer.daemon = True
        killer.start()

    def stop_with_owner(self, owner: int) -> None:
        """Block on the owner's pipe (a file descriptor) and stop the server when it closes without `detach`."""
        received = b""
        while chunk := os.read(owner, 64):
            received += chunk
        if not received.endswith(DETACH):
            self.stop()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, number)


def main(temp_dir: str, command: list[str]) -> int:
    """Guard one command until it ends; the exit code is its own."""
    guard = Guard(temp_dir, command, os.environ)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: guard.stop())
    threading.Thread(target=guard.stop_with_owner, args=(sys.stdin.fileno(),), daemon=True).start()
    return guard.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
