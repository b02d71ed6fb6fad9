"""The two checksums of a copy, reckoned on the way and joined where it was made in parts.

CRC-64/XZ is what OSS states of an object; CRC-64/NVME is what S3 keeps. Both are linear, so the checksum of a whole
follows from those of its parts and their lengths (Mark Adler, `crc32_combine` of zlib: multiplication modulo the
polynomial).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from awscrt.checksums import combine_crc64nvme, crc64nvme
from fastcrc.crc64 import xz

Chunk = bytes | bytearray | memoryview

_XZ: Final = 0xC96C5795D7870F42
"""The polynomial of ECMA-182, lowest power first, as the whole of this arithmetic is."""
_ONE: Final = 1 << 63
_ONE_BYTE: Final = _ONE >> 8


@dataclass(frozen=True, slots=True)
class Checksums:
    """What is known of some bytes: their number and both their checksums."""

    length: int = 0
    xz: int = 0
    nvme: int = 0

    def followed_by(self, other: Checksums) -> Checksums:
        """The same of these bytes with the others behind them."""
        return Checksums(
            self.length + other.length,
            combine_xz(self.xz, other.xz, other.length),
            combine_crc64nvme(self.nvme, other.nvme, other.length),
        )

    def extended(self, chunk: Chunk) -> Checksums:
        """The same of these bytes with a chunk behind them."""
        return Checksums(self.length + len(chunk), xz(chunk, self.xz), crc64nvme(chunk, self.nvme))

    @property
    def nvme_base64(self) -> str:
        """The CRC-64/NVME as S3 writes it."""
        return base64.b64encode(self.nvme.to_bytes(8, "big")).decode()


def combine_xz(first: int, second: int, length: int) -> int:
    """The CRC-64/XZ of two pieces of data from theirs, where the second has `length` bytes."""
    shift, power = _ONE, _ONE_BYTE
    while length:
        if length & 1:
            shift = _multiply(shift, power)
        power = _multiply(power, power)
        length >>= 1
    return _multiply(shift, first) ^ second


def _multiply(left: int, right: int) -> int:
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = (left << 1) & (2 * _ONE - 1)
        right = (right >> 1) ^ (_XZ if right & 1 else 0)
    return product
