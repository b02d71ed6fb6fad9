"""`python -m tests.chaos.engine`: the local AWS engine, whose workers are forked, killed and exposed to faults."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from wan_video_local import engine


def main() -> None:
    """Serve until SIGTERM."""
    parser = engine.parser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--mix", type=json.loads, required=True)
    parser.add_argument("--mutant", default="")
    parser.add_argument("--folder", type=Path, required=True, help="where `armed`, `aws`, `kills` and `moved` are")
    options = parser.parse_args()
    engine.serve(options, lambda: _harden(options))


def _harden(options: argparse.Namespace) -> None:
    from tests.chaos.plan import Dice
    from tests.chaos.workers import Zygote, fork_workers, kill_workers, spare_workers

    armed, aws, kills, moved = (options.folder / name for name in ("armed", "aws", "kills", "moved"))

    def extra() -> Mapping[str, str]:
        return {"AWS_ENDPOINT_URL": aws.read_text()} if aws.exists() else {}

    def on_kill(function: str) -> None:
        with kills.open("a") as file:
            file.write(f"{function}\n")

    fork_workers(Zygote(options.mutant, moved), extra)
    spare_workers()
    kill_workers(Dice(options.seed, "kill", options.mix.get("kill", {})), armed.exists, on_kill)


if __name__ == "__main__":
    main()
