"""The two checksums of a copy, computed while it is streamed, and combined if it consists of parts.

OSS states the CRC-64/XZ of an object, and S3 stores the CRC-64/NVME. Both are linear, so the checksum of an object
follows from those of its parts and their lengths (Mark Adler, `crc32_combine` of zlib: multiplication modulo the
polynomial).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from anycrc import Model

Chunk = bytes | bytearray | memoryview

HEAD: Final = 8
"""Bytes of an MP4 up to the end of its first box's type."""

_XZ: Final = Model("CRC64-XZ")
_NVME: Final = Model("CRC64-NVME")


@dataclass(frozen=True, slots=True)
class Checksums:
    """The number of some bytes, and both their checksums."""

    length: int = 0
    xz: int = 0
    nvme: int = 0

    def followed_by(self, other: Checksums) -> Checksums:
        """Return the checksums of these bytes followed by others."""
        return Checksums(
            self.length + other.length,
            _XZ.combine(self.xz, other.xz, other.length),
            _NVME.combine(self.nvme, other.nvme, other.length),
        )

    def extended(self, chunk: Chunk) -> Checksums:
        """Return the checksums of these bytes followed by a chunk."""
        return Checksums(self.length + len(chunk), _XZ.calc(chunk, self.xz), _NVME.calc(chunk, self.nvme))

    @property
    def nvme_base64(self) -> str:
        """The CRC-64/NVME as S3 writes it."""
        return base64.b64encode(self.nvme.to_bytes(8, "big")).decode()


def begins_like_an_mp4(body: bytes) -> bool:
    """Return whether an MP4 begins like these bytes (ISO/IEC 14496-12: the first box is `ftyp`)."""
    return len(body) >= HEAD and body[:HEAD].endswith(b"ftyp")
