"""`python -m wan_video_local run|up|down`: the local stack's commands, as the Makefile calls them."""

import signal
import sys
from types import FrameType


def main(verb: str) -> int:
    """Run one command; returns its exit code. Ctrl-C is handled before anything slow is imported."""
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        from wan_video_local.commands import run_command

        return run_command(verb)
    except KeyboardInterrupt as interrupt:
        print(interrupt if interrupt.args else "Interrupted; nothing is left running.", file=sys.stderr)
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
