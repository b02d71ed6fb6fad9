"""Prompt files with any content in any chunks: each request is yielded once, or the file is refused with a reason."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from encodings.aliases import aliases
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fakes.ingest import IngestWorld
from tests.fakes.world import FakePromptFiles
from wan_video.domain.prompt_file import PromptFile, Row
from wan_video.errors import PromptFileRefused
from wan_video.wire import lines, table
from wan_video.wire.prompt_file import parse

MIB: Final = 1024 * 1024
LINE_BYTES: Final = 6000
"""The longest line in these tests, so that lines that are too long stay short."""

ENDINGS: Final = (".txt", ".json", ".jsonl", ".csv")


@pytest.fixture(scope="module", autouse=True)
def _short_lines() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (lines, table):
            patch.setattr(module, "MAX_LINE_BYTES", LINE_BYTES)
        yield


# --- typical files, and how they get damaged --------------------------------------------------------------------------

TEXTS: Final = st.one_of(
    st.sampled_from(
        ["a fox", "", " ", "狐狸", "a \U0001f98a", '"', '""', "a,b", "=cmd|x", "a\nb", "a\r\nb", "\0", "\ufeff"]
    ),
    st.text(max_size=30),
)
VALUES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXTS,
    st.sampled_from(["10", "1280x720", "1e999", "-0", "9" * 4500, "\ud800", 10**400, -(2**63), 2**31]),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2)),
)
NAMES: Final = (
    "prompt",
    "model",
    "size",
    "seconds",
    "seed",
    "watermark",
    "max_price",
    "metadata",
    "custom_id",
    "colour",
)
REQUESTS: Final = st.lists(
    st.one_of(
        st.fixed_dictionaries({"prompt": TEXTS}),
        st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
        VALUES,
    ),
    max_size=6,
)
SCRAPS: Final = st.sampled_from(
    [
        b"",
        b"\n",
        b"\r",
        b"\r\n",
        b'"',
        b'""',
        b",",
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"\\ud800",
        codecs.BOM_UTF8,
        codecs.BOM_UTF16_LE,
        b"NaN",
        b"1e999",
        b"9" * 4500,
        b"[" * 3000,
        b'{"a":' * 3000,
        b"prompt",
        b'"prompt": "b",',
        "狐".encode("gbk"),
        b"\xe2\x80\xa8",
        b"x" * (LINE_BYTES + 1),
    ]
)
ENCODINGS: Final = st.sampled_from(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-32", "latin-1", "gbk"])


def comma_separated(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def written(ending: str, requests: list[Any]) -> str:
    """Return requests, valid or not, as a file of one type."""
    if ending == ".json":
        return json.dumps(requests)
    if ending == ".jsonl":
        return "\n".join(map(json.dumps, requests))
    if ending == ".csv":
        asked = [request for request in requests if isinstance(request, dict)]
        names = ["prompt", *sorted({name for request in asked for name in request} - {"prompt"})]
        return comma_separated([names, *([request.get(name, "") for name in names] for request in asked)])
    return str(requests[0]) if requests else ""


@st.composite
def bodies(draw: st.DrawFn, ending: str) -> bytes:
    """Draw a valid file that is encoded and then damaged in up to three places."""
    text = written(ending, draw(REQUESTS))
    body = bytearray(text.encode(draw(ENCODINGS), "replace"))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        body[start : start + draw(st.integers(0, 3))] = draw(SCRAPS)
    return bytes(body)


FILES: Final = st.sampled_from(ENDINGS).flatmap(lambda ending: st.tuples(st.just(ending), bodies(ending)))
CHARSETS: Final = sorted({*aliases.values(), "undefined", "idna", "raw_unicode_escape", "utf-8"})
METADATA: Final = st.dictionaries(
    st.sampled_from(["model", "seconds", "negative-prompt", "custom-id", "seed", "uploaded-by"]),
    st.one_of(
        TEXTS,
        st.sampled_from(
            ["=?UTF-8?B?6Iqx?=", "=?utf-8?b?a?=", "=?utf-7?q?+2AA-?=", "=?unicode_escape?q?=5Cud800?=", "=?x?q?a?="]
        ),
        st.builds("=?{}?{}?{}?=".format, st.sampled_from(CHARSETS), st.sampled_from("qQbB"), TEXTS),
    ),
    max_size=3,
)


def cut(body: bytes, places: Iterable[int]) -> list[bytes]:
    """Draw a body in chunks, some of them empty."""
    ends = sorted({place % (len(body) + 1) for place in places} | {0, len(body)})
    return [b"", *(body[start:end] for start, end in pairwise(ends))]


def outcome(
    ending: str, chunks: Iterable[bytes], metadata: dict[str, str] | None = None
) -> tuple[list[Row], str | None]:
    """Return the rows that are yielded, and the reason if the file is refused."""
    file = PromptFile("prompts", f"file{ending}", "etag", 1, lambda: chunks, metadata or {})
    rows: list[Row] = []
    try:
        rows.extend(parse(file, chunks))
    except PromptFileRefused as refusal:
        return rows, str(refusal)
    return rows, None


# --- properties of all files ------------------------------------------------------------------------------------------


@given(FILES, st.lists(st.integers(0, 1 << 20), max_size=12), METADATA)
def test_the_boundaries_of_chunks_change_nothing(
    file: tuple[str, bytes], places: list[int], metadata: dict[str, str]
) -> None:
    ending, body = file
    whole = outcome(ending, [body], metadata)

    assert outcome(ending, cut(body, places), metadata) == whole
    if len(body) < 2000:
        assert outcome(ending, [body[at : at + 1] for at in range(len(body))], metadata) == whole


@given(FILES, METADATA)
def test_each_request_is_yielded_once_in_order_and_is_valid_or_has_reasons(
    file: tuple[str, bytes], metadata: dict[str, str]
) -> None:
    ending, body = file
    rows, refusal = outcome(ending, [body], metadata)

    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert all((row.fields is None) == bool(row.problems) for row in rows)
    assert all(problem.detail for row in rows for problem in row.problems)
    if ending in (".jsonl", ".csv"):
        lines = [row.line or 0 for row in rows]
        assert all(first < second for first, second in pairwise([0, *lines]))
        assert not lines or lines[-1] <= body.count(b"\n") + 1
    assert rows or refusal


@given(FILES, st.integers(1, 200))
def test_any_upload_ends_in_a_report_that_counts_every_request(file: tuple[str, bytes], chunk_bytes: int) -> None:
    ending, body = file
    world = IngestWorld(FakePromptFiles(chunk_bytes=chunk_bytes if len(body) < 2000 else MIB))
    ingested = world.upload(f"file{ending}", body)
    report = world.report()

    assert (report["accepted"], report["refused"]) == (ingested.accepted, ingested.refused)
    assert ingested.accepted == len(list(world.store.rows()))
    if report["error"] is None:
        assert report["total"] == len(report["rows"]) == ingested.accepted + ingested.refused
        assert all(("video_id" in row) != ("errors" in row) for row in report["rows"])
        assert len(world.refused() if ingested.refused else []) == ingested.refused
    else:
        assert (ingested.accepted, ingested.refused) == (0, 0)


# --- other readers of the same formats agree --------------------------------------------------------------------------


@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=6), st.sampled_from(["\r\n", "\n"]))
def test_a_table_that_pythons_csv_writes_is_read_as_python_reads_it(cells: list[list[str]], end: str) -> None:
    text = io.StringIO()
    # All cells are quoted, because before 3.13 Python's writer did not quote a single carriage return.
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["prompt", "negative_prompt", "metadata.key"], *cells])
    rows, refusal = outcome(".csv", [text.getvalue().encode()])
    reader = csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True)
    next(reader)
    theirs = [record for record in reader if any(record)]

    assert refusal == (None if theirs else "The file contains no request.")
    # A prompt that is invalid for other reasons is still yielded, with its number and in its place.
    assert len(rows) == len(theirs)
    for row, (prompt, negative, value) in zip(rows, theirs, strict=True):
        if row.fields is not None:
            read = (row.fields.prompt, row.fields.negative_prompt or "", row.fields.metadata.get("key", ""))
            assert read == (prompt, negative, value)


@given(bodies(".csv"))
@example(b'prompt\n"a\nb",c\n"d"\n')
@example(b"prompt\r\n\x1e\x0b\r\n")  # Python's text ends lines at these, CSV does not
def test_records_begin_at_the_lines_that_pythons_csv_reports(body: bytes) -> None:
    try:
        text = body.removeprefix(codecs.BOM_UTF8).decode()
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        begins, records = 0, []
        for record in reader:
            if any(record):
                records.append(begins + 1)
            begins = reader.line_num
    except (UnicodeDecodeError, csv.Error):
        return
    rows, refusal = outcome(".csv", [body])
    if refusal is None and "\r" not in text.replace("\r\n", ""):
        assert [row.line for row in rows] == records[1:]


@given(bodies(".jsonl"))
def test_lines_of_json_are_read_as_pythons_json_reads_them(body: bytes) -> None:
    rows, refusal = outcome(".jsonl", [body])
    # A line that is too long is not decoded.
    read = [b"?" if len(line) > LINE_BYTES else line for line in re.findall(rb"[^\n]*\n|[^\n]+", body)]
    try:
        texts = [line.removeprefix(codecs.BOM_UTF8 if at == 0 else b"").decode() for at, line in enumerate(read)]
        theirs = {number: text for number, text in enumerate(texts, start=1) if text.strip()}
    except UnicodeDecodeError:
        assert refusal is not None
        assert "not UTF-8" in refusal
        return

    assert [row.line for row in rows] == list(theirs)
    for row in rows:
        if row.fields is not None:
            assert json.loads(theirs[row.line or 0])["prompt"] == row.fields.prompt


# --- memory -----------------------------------------------------------------------------------------------------------

LONG_FILES: Final = {
    "one endless line": lambda pieces: (b"x" * MIB for _ in range(pieces)),
    "one endless cell": lambda pieces: (b'prompt\n"' if at == 0 else b"x\n" * 1000 for at in range(pieces)),
    "blank lines": lambda pieces: (b"\n" * 1000 for _ in range(pieces)),
    "bad lines": lambda pieces: (b"{\n" * 100 for _ in range(pieces)),
    "good lines": lambda pieces: (b"prompt\n" * 100 for _ in range(pieces)),
}


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
@pytest.mark.parametrize("file", LONG_FILES.values(), ids=LONG_FILES)
def test_the_memory_of_a_reader_does_not_grow_with_the_file(
    ending: str, file: Callable[[int], Iterator[bytes]]
) -> None:
    def most(pieces: int) -> int:
        read = PromptFile("prompts", f"file{ending}", "etag", 1, lambda: file(pieces))
        tracemalloc.start()
        with suppress(PromptFileRefused):
            deque(parse(read, read.chunks()), maxlen=0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    most(5)
    assert most(20) < 1.2 * most(5) + LINE_BYTES


def test_a_duplicate_among_very_many_keys_is_found_quickly() -> None:
    names = [f'"{number}": 1' for number in range(300_000)]
    _, refusal = outcome(".json", [f"{{{', '.join([*names, names[-1]])}}}".encode()])

    assert refusal == "The file contains the key '299999' more than once."
