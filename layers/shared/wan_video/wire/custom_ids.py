"""The custom_ids of a file, in the same amount of memory for one row as for 50,000."""

from __future__ import annotations

import hashlib
from array import array
from typing import Final

from wan_video.domain.prompt_file import MAX_ROWS

_SLOTS: Final = 1 << 17
"""The number of slots: more than twice the number of rows, so that a free slot is found quickly."""


class CustomIds:
    """The first row of each custom_id, by eight bytes of a digest, so that long ids take no more memory.

    This is a hash table with open addressing; its slots hold the numbers of rows, and 0 is an empty slot.
    """

    def __init__(self) -> None:
        self._slots = array("H", bytes(2 * _SLOTS))
        self._digests = array("Q", bytes(8 * (MAX_ROWS + 1)))

    def first(self, custom_id: str, row: int) -> int:
        """Return the first row with this custom_id: `row` (from 1 to MAX_ROWS), unless an earlier row has it."""
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
