"""The arithmetic of a copy: checksums of parts combine to that of the whole, and parts cover a video once."""

from __future__ import annotations

import math
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
from wan_video.adapters.transfer.limits import MIB, ranges, spans


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


LIMITS = [Limits(), Limits(streams=1), Limits(streams=3, part_bytes=8 * MIB), Limits(head_bytes=5 * MIB)]


@given(st.integers(1, 1024 * MIB), st.integers(1, 8), st.sampled_from([0.0, 1.0]), st.sampled_from(LIMITS))
def test_parts_cover_a_video_once_and_have_lengths_that_s3_accepts(
    more: int, streams: int, opening: float, limits: Limits
) -> None:
    head = limits.head(opening)
    parts = spans(head + more, head, streams, limits)
    assert (parts[0][0], parts[-1][1]) == (0, head + more - 1)
    assert parts[0][1] >= head - 1 or len(parts) == 1
    assert all(second[0] == first[1] + 1 for first, second in pairwise(parts))
    assert all(last + 1 - first >= limits.smallest_part for first, last in parts[:-1])
    assert all(last + 1 - first <= limits.part_bytes for first, last in parts)
    assert len(parts) <= 10_000


@pytest.mark.parametrize(("megabytes", "streams", "parts"), [(20, 2, 2), (100, 8, 8), (200, 2, 14), (1024, 8, 64)])
def test_all_streams_get_the_same_amount_of_work(megabytes: int, streams: int, parts: int) -> None:
    shares = spans(megabytes * MIB, 8 * MIB, streams, Limits())
    assert len(shares) == parts
    assert len({last - first for first, last in shares[:-1]}) == 1


def test_a_part_is_never_longer_than_what_may_be_fetched_again_after_a_refusal() -> None:
    limits = replace(Limits(), part_bytes=7 * MIB)
    assert max(last + 1 - first for first, last in spans(1024 * MIB, MIB, 8, limits)) <= 7 * MIB


@given(st.integers(0, 16 * MIB), st.integers(1, 16 * MIB), st.sampled_from(LIMITS))
def test_ranges_cover_what_follows_the_head_once_with_at_most_one_for_each_stream(
    head: int, more: int, limits: Limits
) -> None:
    wanted = ranges(head, head + more, limits)
    assert (wanted[0][0], wanted[-1][1]) == (head, head + more - 1)
    assert all(second[0] == first[1] + 1 for first, second in pairwise(wanted))
    assert all(last + 1 - first >= limits.chunk_bytes for first, last in wanted[:-1])
    assert len(wanted) <= limits.streams


@pytest.mark.parametrize(
    ("rate", "streams"), [(math.inf, 2), (500e6, 2), (100e6, 2), (99e6, 3), (50e6, 4), (25e6, 8), (1.0, 8), (0.0, 8)]
)
def test_a_near_source_gets_as_many_streams_as_its_first_chunk_shows_to_be_needed(rate: float, streams: int) -> None:
    assert Limits().streams_at(rate) == streams


@pytest.mark.parametrize(("opening", "head"), [(0.0, 8 * MIB), (0.03, 8 * MIB), (0.031, MIB), (5.0, MIB)])
def test_the_first_range_is_short_if_the_connection_took_long_to_open(opening: float, head: int) -> None:
    assert Limits().head(opening) == head
