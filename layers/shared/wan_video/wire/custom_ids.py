"""The custom_ids of a file, in as little memory for 50,000 rows as for one."""

from __future__ import annotations

import hashlib
from array import array
from typing import Final

from wan_video.domain.prompt_file import MAX_ROWS

_SLOTS: Final = 1 << 17
"""More than twice as many as there can be rows, so that a free one is near."""


class CustomIds:
    """Which row had a custom_id first, by eight bytes of a digest: long ids take no more room than short ones.

    A hash table with open addressing, whose slots hold the numbers of rows, 0 for none.
    """

    def __init__(self) -> None:
        self._slots = array("H", bytes(2 * _SLOTS))
        self._digests = array("Q", bytes(8 * (MAX_ROWS + 1)))

    def first(self, custom_id: str, row: int) -> int:
        """The row that had this custom_id first: this one (from 1 to MAX_ROWS), unless it came before."""
        text = custom_id.encode(errors="surrogatepass")
        digest = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
        at = digest % _SLOTS
        while known := self._slots[at]:
            if self._digests[known] == digest:
                return known
            at = (at + 1) % _SLOTS
        self._slots[at] = row
        self._digests[row] = digest
        return row
