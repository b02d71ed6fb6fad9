"""`python -m tests.simulation.replay 8`: play the first histories in both modes, and print what came out of them."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from typing import Any

from tests.chaos.plan import Mode
from tests.simulation.history import Options, play
from tests.simulation.wiring import wired


def played(seeds: int) -> list[Any]:
    """Return what came out of the first histories in both modes, as JSON has it."""
    modes: tuple[Mode, ...] = ("resend", "hold")
    found: list[Any] = []
    for mode in modes:
        with wired(mode):
            for seed in range(seeds):
                result = play(Options(seed, mode, story=True))
                story = sha256(result.story.encode()).hexdigest()
                counts = [result.videos, result.calls, result.workers, result.conflicts, result.hours]
                ends = [result.violations, dict(result.verdict.failures)]
                found.append([mode, seed, result.trace, story, counts, result.met, ends])
    document: list[Any] = json.loads(json.dumps(found))
    return document


if __name__ == "__main__":
    print(json.dumps({"version": sys.version_info[:2], "played": played(int(sys.argv[1]))}))
