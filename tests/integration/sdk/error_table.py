"""The table of Wan's error codes in docs/wan-api.md, made by provoking every one of them.

`python -m tests.integration.sdk.error_table` writes it between its marks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tests.integration.sdk.fates import Fate, failed_later, refused_at_once
from wan_simulator.errors import ERROR_CODES
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator

_ROOT: Final = Path(__file__).parents[3]
DOCUMENT: Final = _ROOT / "docs" / "wan-api.md"
ADVICE: Final[dict[str, str]] = json.loads((_ROOT / "tests" / "golden" / "error_advice.json").read_text())
"""What users can do about each code."""

_BEGIN: Final = "<!-- error codes: begin, written by python -m tests.integration.sdk.error_table -->\n"
_END: Final = "<!-- error codes: end -->\n"


def table(simulator: Simulator) -> str:
    """Return the table in Markdown."""
    lines = [
        "| Wan's code | HTTP | a create call answered so | a task that ends so | worth another try | what to do |",
        "|---|---|---|---|---|---|",
    ]
    for code, row in ERROR_CODES.items():
        at_once, later = refused_at_once(simulator, code), failed_later(simulator, code)
        again = "yes" if later.retryable else "no"
        lines.append(
            f"| `{code}` | {row.status} | {_described(at_once)} | {_described(later)} | {again} | {ADVICE[code]} |"
        )
    return "\n".join(lines) + "\n"


def committed() -> str:
    """Return the table of the document."""
    return DOCUMENT.read_text().partition(_BEGIN)[2].partition(_END)[0]


def _described(fate: Fate) -> str:
    if fate.raised:
        return f"`{fate.status}`, sent again by itself (`{fate.raised}`)"
    condition = f", condition `{fate.condition}`" if fate.condition else ""
    event = f", event `{fate.event}`" if fate.event not in (None, f"video.{fate.status}") else ""
    return f"`{fate.status}`{condition}{event}"


if __name__ == "__main__":
    with running_simulator() as one:
        head, _, rest = DOCUMENT.read_text().partition(_BEGIN)
        DOCUMENT.write_text(head + _BEGIN + table(one) + _END + rest.partition(_END)[2])
