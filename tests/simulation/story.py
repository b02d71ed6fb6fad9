"""What happened in a history, as a person can read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.scheduler import Scheduler


@dataclass
class Story:
    """The lines of a history; nothing is kept unless `kept`, because most histories are never read."""

    scheduler: Scheduler
    kept: bool = False
    lines: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Readable names for ids."""

    def add(self, what: str, **facts: Any) -> None:
        """Add a line, with the time and with who does it."""
        if not self.kept:
            return
        at = datetime.fromtimestamp(self.scheduler.now, UTC).strftime("%d %H:%M:%S.%f")[:-3]
        who = getattr(self.scheduler.current(), "label", "")
        shown = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
        self.lines.append(f"{at}  {who:<44} {what} {shown}".rstrip())

    def text(self) -> str:
        """Return the whole story, with readable names."""
        text = "\n".join(self.lines)
        for name, readable in self.names.items():
            text = text.replace(name, readable)
        return text
