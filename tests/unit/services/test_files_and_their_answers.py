"""Kinds of uploaded files, and the answer to each: what is accepted, and what is refused, where and why."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass, replace

import pytest

from tests.fakes.ingest import IngestWorld
from tests.fakes.world import FakePromptFiles
from wan_video.domain.prompt_file import MAX_FILE_BYTES, MAX_ROWS, MAX_WHOLE_BYTES
from wan_video.services import enrol
from wan_video.wire import prompt_file

GOOD = '{"prompt": "a fox"}'
BOM = codecs.BOM_UTF8
LONG = "x" * 300_000


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


# --- refused as a whole: nothing is queued, and the report gives the reason -------------------------------------------

REFUSED_FILES = {
    "zero bytes .txt": ("a.txt", b"", "The file is empty."),
    "zero bytes .json": ("a.json", b"", "The file is empty."),
    "zero bytes .jsonl": ("a.jsonl", b"", "The file contains no request."),
    "zero bytes .csv": ("a.csv", b"", "The file is empty."),
    "only a BOM .txt": ("a.txt", BOM, "The file is empty."),
    "only a BOM .jsonl": ("a.jsonl", BOM, "The file contains no request."),
    "only a BOM .csv": ("a.csv", BOM, "The file is empty."),
    "only blank lines": ("a.jsonl", "\n \r\n\n", "The file contains no request."),
    "UTF-16 .jsonl": ("a.jsonl", GOOD.encode("utf-16"), "not UTF-8: byte 0 (line 1) is 0xff"),
    "UTF-16 .csv": ("a.csv", "prompt\na fox\n".encode("utf-16"), "not UTF-8: byte 0 (line 1) is 0xff"),
    "GBK .jsonl": ("a.jsonl", '{"prompt": "狐狸"}'.encode("gbk"), "not UTF-8: byte 12 (line 1) is 0xba"),
    "GBK .csv": ("a.csv", "prompt\n狐狸\n".encode("gbk"), "not UTF-8: byte 7 (line 2) is 0xba"),
    "a bad byte": ("a.jsonl", f"{GOOD}\n".encode() + b'{"prompt": "\xff"}', "not UTF-8: byte 32 (line 2) is 0xff"),
    "a bad byte after a BOM": ("a.csv", BOM + b"prompt\n\xff\n", "not UTF-8: byte 10 (line 2) is 0xff"),
    "header only": ("a.csv", "prompt,seed\n", "The file contains no request."),
    "header missing": ("a.csv", "a fox reads\nanother fox\n", "The header has an unknown column 'a fox reads'"),
    "header duplicated": (
        "a.csv",
        "prompt,seed,prompt\na,1,b\n",
        "The header contains the column 'prompt' more than once.",
    ),
    "header without prompt": ("a.csv", "seed\n1\n", "The header has no column 'prompt'."),
    "an extra column": ("a.csv", "prompt,colour\na fox,red\n", "The header has an unknown column 'colour'"),
    "an unclosed quote": (
        "a.csv",
        'prompt\na fox\n"another\nand more\n',
        'begins in line 3 has a cell that opens with " and is not closed',
    ),
    "an unclosed quote, long": (
        "a.csv",
        'prompt\n"a\n' + "b\n" * 60_000,
        'begins in line 2 has a cell that opens with " and is not closed',
    ),
    "1,001 rows .json": ("a.json", json.dumps([{"prompt": "a"}] * 1001), ".jsonl or .csv file at most 50000"),
    ".exe": ("setup.exe", b"MZ", "The file is ignored"),
    ".zip": ("prompts.zip", b"PK", "The file is ignored"),
    "no ending": ("jsonl", GOOD, "The file is ignored"),
}


@pytest.mark.parametrize(("key", "content", "why"), REFUSED_FILES.values(), ids=REFUSED_FILES)
def test_a_file_that_cannot_be_read_as_a_whole_is_refused_and_reported(
    key: str, content: str | bytes, why: str
) -> None:
    world = IngestWorld(FakePromptFiles(chunk_bytes=1 << 20))
    ingested = world.upload(key, as_bytes(content))

    assert (ingested.accepted, ingested.refused) == (0, 0)
    assert why in world.report()["error"]["message"]
    assert world.batch().all_ended
    assert world.batch().finalize(0).end(0).status == "failed"


@pytest.mark.parametrize(
    ("key", "most"),
    [("a.jsonl", MAX_FILE_BYTES), ("a.csv", MAX_FILE_BYTES), ("a.json", MAX_WHOLE_BYTES), ("a.txt", MAX_WHOLE_BYTES)],
)
def test_a_file_with_one_byte_too_many_is_refused_before_it_is_read(key: str, most: int) -> None:
    world = IngestWorld()
    etag = world.files.put(key, b"")

    def unread() -> list[bytes]:
        raise AssertionError("it was read")

    world.files.files[key] = replace(world.files.files[key], size=most + 1, chunks=unread)
    world.ingest(key, etag)

    assert world.report()["error"]["message"].endswith(f"a {key[1:]} file may have at most {most}.")


# --- read: invalid rows are refused with their line and the reason, the others are queued -----------------------------


@dataclass(frozen=True)
class Read:
    """A file, the prompts that it queues, and the row, line and a part of the reason of each refused request."""

    key: str
    content: str | bytes
    prompts: list[str]
    refused: tuple[tuple[int, int, str], ...] = ()


READ_FILES = {
    "UTF-8 BOM .jsonl": Read("a.jsonl", BOM + GOOD.encode(), ["a fox"]),
    "UTF-8 BOM .csv": Read("a.csv", BOM + b"prompt\na fox\n", ["a fox"]),
    "CRLF .jsonl": Read("a.jsonl", f"{GOOD}\r\n{GOOD}\r\n", ["a fox", "a fox"]),
    "CRLF .csv": Read("a.csv", "prompt,seed\r\na fox,1\r\nb,2\r\n", ["a fox", "b"]),
    "no final newline .jsonl": Read("a.jsonl", f"{GOOD}\n{GOOD}", ["a fox", "a fox"]),
    "no final newline .csv": Read("a.csv", "prompt\na\nb", ["a", "b"]),
    "blank lines .jsonl": Read("a.jsonl", f"\n\n{GOOD}\n  \n{GOOD}\n\n", ["a fox", "a fox"]),
    "blank lines .csv": Read("a.csv", "\nprompt,seed\n\na,1\n,\nb,2\n\n", ["a", "b"]),
    "one bad JSONL line": Read(
        "a.jsonl", f'{GOOD}\n{{"prompt": \n{GOOD}\n', ["a fox", "a fox"], ((2, 2, "The line is not JSON"),)
    ),
    "a bad row first": Read(
        "a.jsonl", f"[]\n{GOOD}\n{GOOD}", ["a fox", "a fox"], ((1, 1, "A request must be a JSON object"),)
    ),
    "a bad row in the middle": Read(
        "a.jsonl", f'{GOOD}\n{{"prompt": ""}}\n{GOOD}', ["a fox", "a fox"], ((2, 2, "The prompt is empty"),)
    ),
    "a bad row last": Read("a.jsonl", f'{GOOD}\n\n{{"prompt": "a", "seconds": 99}}', ["a fox"], ((2, 3, "not 99"),)),
    "above max_price": Read(
        "a.csv",
        "prompt,max_price\na,0.01\nb,99\n",
        ["b"],
        ((1, 2, "3.669620 CNY, which is above your max_price of 0.01"),),
    ),
    "duplicate custom_id": Read(
        "a.jsonl",
        '{"prompt": "a", "custom_id": "x"}\n{"prompt": "b", "custom_id": "x"}\n{"prompt": "c", "custom_id": "y"}',
        ["a", "c"],
        ((2, 2, "The custom_id 'x' is already used in row 1."),),
    ),
    "NUL in a line": Read("a.jsonl", f'{{"prompt": "a\0b"}}\n{GOOD}', ["a fox"], ((1, 1, "The line is not JSON"),)),
    "NUL escaped": Read("a.jsonl", f'{{"prompt": "a\\u0000b"}}\n{GOOD}', ["a fox"], ((1, 1, "The prompt"),)),
    "NUL in a cell": Read("a.csv", "prompt\na\0b\nc\n", ["c"], ((1, 2, "The prompt"),)),
    "half a surrogate": Read("a.jsonl", f'{{"prompt": "\\ud800"}}\n{GOOD}', ["a fox"], ((1, 1, "surrogate"),)),
    "a key twice": Read("a.jsonl", '{"prompt": "a", "prompt": "b"}\n', [], ((1, 1, "'prompt' more than once"),)),
    "300 KB field .jsonl": Read(
        "a.jsonl", f'{{"prompt": "{LONG}"}}\n{GOOD}', ["a fox"], ((1, 1, "longer than 262144 bytes"),)
    ),
    "300 KB field .csv": Read("a.csv", f"prompt\n{LONG}\nb\n", ["b"], ((1, 2, "longer than 262144 bytes"),)),
    "300 KB field, quoted": Read("a.csv", f'prompt\n"{LONG}"\nb\n', ["b"], ((1, 2, "longer than 262144 bytes"),)),
    "a cell too many": Read("a.csv", "prompt,seed\na,1,2\nb,2\n", ["b"], ((1, 2, "3 cells; the header names 2"),)),
    "a cell too few": Read("a.csv", "prompt,seed\na\nb,2\n", ["b"], ((1, 2, "1 cells; the header names 2"),)),
    "a quote in the wrong place": Read("a.csv", 'prompt\n"a" fox""\nb\n', ["b"], ((1, 2, "not CSV"),)),
    "=cmd| prompt": Read("a.csv", "prompt\n=cmd|' /C calc'!A0\n", ["=cmd|' /C calc'!A0"]),
    "commas, quotes and lines in a cell": Read("a.csv", 'prompt\n"a ""fox"",\r\nreading"\n', ['a "fox",\r\nreading']),
}


@pytest.mark.parametrize("file", READ_FILES.values(), ids=READ_FILES)
def test_valid_rows_are_queued_and_each_invalid_one_is_reported_with_its_line(file: Read) -> None:
    world = IngestWorld()
    ingested = world.upload(file.key, as_bytes(file.content))

    assert (ingested.accepted, ingested.refused) == (len(file.prompts), len(file.refused))
    assert [video.request.prompt for video in world.videos()] == file.prompts
    reported = [line for line in world.report()["rows"] if "errors" in line]
    assert reported == (world.refused() if file.refused else [])
    for line, (row, at, why) in zip(reported, file.refused, strict=True):
        assert (line["row"], line["line"]) == (row, at)
        assert why in line["errors"][0]["detail"]


def test_a_batch_may_have_50_000_rows_and_200_million_bytes() -> None:
    assert (MAX_ROWS, MAX_FILE_BYTES) == (50_000, 200_000_000)


@pytest.mark.parametrize(("key", "head", "row"), [("a.jsonl", "", GOOD), ("a.csv", "prompt\n", "a fox")])
def test_a_file_with_more_rows_is_refused_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, key: str, head: str, row: str
) -> None:
    # The number does not matter, and 50,000 rows take long.
    monkeypatch.setattr(prompt_file, "MAX_ROWS", 30)
    world = IngestWorld()
    most = world.upload(key, head + f"{row}\n" * 30)
    more = world.upload(key, head + f"{row}\n" * 31)

    assert (most.accepted, more.accepted) == (30, 0)
    assert world.report(more.batch_id)["error"]["message"] == "The file has more than 30 requests, which is the limit."


def test_the_rows_of_a_long_file_are_listed_beside_its_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrol, "MAX_LISTED", 5)
    world = IngestWorld()
    world.upload("a.jsonl", f"{GOOD}\n[]\n" * 3)

    assert world.report()["rows"] is None
    assert [line["row"] for line in world.refused()] == [2, 4, 6]


@pytest.mark.parametrize(
    "key", ["a b+c%20d.jsonl", "../../etc/passwd.jsonl", "狐狸🦊.jsonl", "k" * 1018 + ".jsonl", "=cmd|.jsonl"]
)
def test_an_object_key_may_contain_any_characters(key: str) -> None:
    world = IngestWorld()
    world.upload(key, GOOD)

    assert world.report()["file"]["key"] == key
    assert world.report()["accepted"] == 1
    assert all(name.startswith("reports/batch_") for name in world.reports.bodies)


def test_columns_are_the_fields_of_a_request() -> None:
    world = IngestWorld()
    world.upload(
        "a.csv",
        "prompt,model,size,seconds,seed,watermark,prompt_extend,custom_id,metadata.case,metadata,max_price\n"
        'a fox,wan2.5-t2v-preview,832x480,10,7,TRUE,false,x,7,"{""colour"": ""red""}",99.5\n'
        "b,,,,,,,,,,\n",
    )
    first, second = (video.request for video in world.videos())

    assert (first.model, str(first.size), first.seconds, first.seed) == ("wan2.5-t2v-preview", "832x480", 10, 7)
    assert (first.watermark, first.prompt_extend, first.custom_id) == (True, False, "x")
    assert dict(first.metadata) == {"case": "7", "colour": "red"}
    assert (second.model, second.watermark, dict(second.metadata)) == ("wan2.6-t2v", False, {})


@pytest.mark.parametrize(
    ("cell", "why"), [("{", "The cell is not JSON"), ("[]", "must be a JSON object"), ('{""a"": 1}', "metadata: Input")]
)
def test_a_metadata_cell_that_is_not_an_object_of_strings_is_refused(cell: str, why: str) -> None:
    world = IngestWorld()
    world.upload("a.csv", f'prompt,metadata\na,"{cell}"\n')
    (line,) = world.refused()

    assert line["errors"][0]["pointer"].startswith("/metadata")
    assert why in line["errors"][0]["detail"]


def test_a_reason_that_quotes_very_long_text_is_shortened() -> None:
    world = IngestWorld()
    names = ",".join(f'"{number}{"y" * 60}": 1' for number in range(900))
    world.upload("a.jsonl", f'{{"prompt": "a", {names}}}\n{{"prompt": "a", "model": "{"z" * 60_000}"}}')

    assert len(world.refused()) == 2
    assert all(len(json.dumps(line)) < 20_000 for line in world.refused())
