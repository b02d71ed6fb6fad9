"""Requests that may be repetitions of one another."""

from __future__ import annotations

from typing import Protocol


class Repeats(Protocol):
    """Remembers for some minutes who asked for what, by real time (Unix seconds) and not by the stack's clock."""

    def first(
        self,
        owner: str,
        digest: str,
        key: str,
        *,
        now: int,
        since: int,
        session: str = "",
        instead_of: str | None = None,
        except_of: str | None = None,
    ) -> str:
        """The key under which the same was first asked for after `since`; `key`, remembered, where there is none.

        `session` is remembered with it. The key `instead_of` counts as none; the first request to replace it wins.
        So does any key of the session `except_of`.
        """
        ...

    def close(self, owner: str, digest: str, video_id: str, session: str) -> None:
        """Forget who asked for this, where it made that video in that session: the next request is a new one."""
        ...
