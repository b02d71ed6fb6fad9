"""The arithmetic of a copy: checksums of parts combine to that of the whole, and parts cover a video once."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import pairwise

import pytest
from awscrt.checksums import crc64nvme
from fastcrc.crc64 import xz
from hypothesis import given
from hypothesis import strategies as st

from wan_video.adapters.s3.checksums import Checksums
from wan_video.adapters.transfer import Limits
from wan_video.adapters.transfer.limits import MIB, spans


def of(data: bytes) -> Checksums:
    return Checksums(len(data), xz(data), crc64nvme(data))


def test_the_checksum_is_the_one_that_oss_computes() -> None:
    assert of(b"123456789").xz == 0x995DC9BBDF1939FA


def test_the_checksum_is_written_as_s3_writes_it() -> None:
    assert of(b"123456789").nvme_base64 == "rosUhgp5mIg="


@given(st.lists(st.binary(max_size=300), max_size=12))
def test_the_checksums_of_pieces_combine_to_that_of_the_whole(pieces: list[bytes]) -> None:
    assert reduce(Checksums.followed_by, map(of, pieces), Checksums()) == of(b"".join(pieces))
    assert reduce(Checksums.extended, pieces, Checksums()) == of(b"".join(pieces))


@given(st.binary(max_size=50), st.binary(max_size=50), st.integers(0, 5 * MIB))
def test_checksums_combine_correctly_with_a_second_piece_of_any_length(first: bytes, second: bytes, zeros: int) -> None:
    long = second + bytes(zeros)
    assert of(first).followed_by(of(long)) == of(first + long)


@given(
    st.integers(1, 1024 * MIB),
    st.sampled_from([Limits(), Limits(streams=1), Limits(streams=3, part_bytes=5 * MIB), Limits(head_bytes=5 * MIB)]),
)
def test_parts_cover_a_video_once_and_have_lengths_that_s3_accepts(more: int, limits: Limits) -> None:
    total = limits.head_bytes + more
    parts = spans(total, limits)
    assert (parts[0], parts[-1][1]) == ((0, limits.head_bytes - 1), total - 1)
    assert all(second[0] == first[1] + 1 for first, second in pairwise(parts))
    assert all(last + 1 - first >= limits.smallest_part for first, last in parts[:-1])
    assert all(last + 1 - first <= limits.part_bytes for first, last in parts[1:])
    assert len(parts) <= 10_000


@pytest.mark.parametrize(("megabytes", "parts"), [(20, 4), (100, 8), (200, 16), (1024, 72)])
def test_all_streams_get_the_same_amount_of_work(megabytes: int, parts: int) -> None:
    shares = spans(megabytes * MIB, Limits())
    assert len(shares) == parts
    assert len({last - first for first, last in shares[1:-1]}) == 1


def test_a_part_is_never_longer_than_what_may_be_fetched_again_after_a_refusal() -> None:
    lengths = [last + 1 - first for first, last in spans(1024 * MIB, replace(Limits(), part_bytes=7 * MIB))]
    assert max(lengths[1:]) <= 7 * MIB
