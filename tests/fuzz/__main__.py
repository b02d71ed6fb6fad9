"""`make fuzz`: Atheris searches for bytes that break a parser, for SECONDS in total (600).

`python -m tests.fuzz --target form --seconds 60` searches only one parser, and `--replay FILE` repeats a finding.
Findings are written to `out/fuzz/` and make the exit code 1; the corpus in the repository is only extended by hand.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import CORPUS

PROJECT: Final = Path(__file__).resolve().parents[2]
FOUND: Final = PROJECT / "out" / "fuzz"
TOKENS: Final = Path(__file__).parent / "tokens.dict"
NAMES: Final = tuple(sorted(path.name for path in CORPUS.iterdir()))

LONGEST_INPUT: Final = 4096
INPUT_SECONDS: Final = 10
"""Seconds after which an input is a finding: an endless loop, or a time that grows too fast."""

MEGABYTES: Final = 2048
INSTRUMENTED: Final = ("wan_video", "functions", "multipart", "email", "json")


def search(name: str, arguments: list[str]) -> None:
    """Let Atheris search one target in this process, which Atheris ends."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # Linux on x86-64 only

    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()


def search_all(names: list[str], seconds: int) -> int:
    """Search each target in its own process for an equal share of the time, and return the exit code."""
    FOUND.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    for name in names:
        # The inputs of earlier runs are kept in a folder beside the corpus, so that a run continues from there.
        learnt = PROJECT / ".run" / "fuzz" / name
        learnt.mkdir(parents=True, exist_ok=True)
        options = (
            f"-max_total_time={max(1, seconds // len(names))}",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={INPUT_SECONDS}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-artifact_prefix={FOUND}/{name}-",
            f"-dict={TOKENS}",
            "-print_final_stats=1",
            "-verbosity=0",
        )
        began = time.monotonic()
        command = [sys.executable, "-m", "tests.fuzz", "--search", name, *options, str(learnt), str(CORPUS / name)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        runs = _stat(done.stderr, "number_of_executed_units")
        print(f"{name:16} {runs:>9} inputs in {time.monotonic() - began:4.0f} s", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout[-4000:], done.stderr[-8000:], sep="\n", file=sys.stderr, flush=True)
    if failed:
        print(f"Findings of {', '.join(failed)} lie in {FOUND.relative_to(PROJECT)}/.", file=sys.stderr)
    return 1 if failed else 0


def _stat(text: str, name: str) -> str:
    return next((line.rpartition(" ")[2] for line in text.splitlines() if name in line), "?")


def replay(path: Path) -> int:
    """Run one finding again without Atheris; its file name begins with the name of its target."""
    from tests.fuzz.targets import TARGETS

    TARGETS[path.name.partition("-")[0]](path.read_bytes())
    print("It raises nothing.")
    return 0


def main() -> int:
    """Run the command line."""
    if sys.argv[1:2] == ["--search"]:
        search(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--target", choices=NAMES, action="append")
    parser.add_argument("--replay", type=Path)
    options = parser.parse_args()
    if options.replay is not None:
        return replay(options.replay)
    if importlib.util.find_spec("atheris") is None:
        parser.error("Atheris is not installed: `make fuzz` installs it, on Linux on x86-64, for which it has wheels.")
    return search_all(options.target or list(NAMES), options.seconds)


if __name__ == "__main__":
    raise SystemExit(main())
