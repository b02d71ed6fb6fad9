"""The functions of the stack by their words, in the order of the template; this module imports no other library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_TEMPLATE: Final = Path(__file__).parents[1] / "template.yaml"

WORDS: Final = tuple(
    re.findall(r"^ +Handler: functions\.(\w+)\.handler\.", _TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)
)
"""The functions of the stack: each word is a folder, a logical id and, in the state machine, a state."""
