"""Requests that may be repetitions of one another."""

from __future__ import annotations

from typing import Protocol


class Repeats(Protocol):
    """The records of recent requests, for some minutes of real time (Unix seconds), not of the stack's clock."""

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
        """Return the key of the first equal request after `since`; if there is none, record and return `key`.

        `session` is recorded with the key. The key `instead_of`, and any key of the session `except_of`, are ignored;
        the first request that replaces such a key wins.
        """
        ...

    def close(self, owner: str, digest: str, video_id: str, session: str) -> None:
        """Remove the record of the request that made this video in this session: the next request is a new one."""
        ...
