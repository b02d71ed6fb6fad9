"""Prompt files: what is read from them, and the message for each fault."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_video.domain.prompt_file import MAX_WHOLE_ROWS, PromptFile, Row
from wan_video.errors import PromptFileRefused
from wan_video.wire.prompt_file import check, parse


def file(body: bytes | str, key: str = "prompts/fox.txt", **metadata: str) -> PromptFile:
    content = body if isinstance(body, bytes) else body.encode()
    return PromptFile("prompts", key, "etag", len(content), lambda: [content], metadata)


def read(file: PromptFile) -> list[Row]:
    check(file.key, file.size)
    return list(parse(file, file.chunks()))


def rows(requests: Any) -> list[Row]:
    return read(file(json.dumps(requests), "prompts/list.json"))


def details(row: Row) -> list[str]:
    return [problem.detail for problem in row.problems]


def refusal(body: bytes | str, key: str = "fox.txt") -> str:
    with pytest.raises(PromptFileRefused) as caught:
        read(file(body, key))
    return str(caught.value)


def test_a_text_file_is_one_prompt_without_the_space_around_it() -> None:
    (row,) = read(file("\n  a fox\nreads a file \r\n"))

    assert row.fields is not None
    assert row.fields.prompt == "a fox\nreads a file"


def test_a_text_file_takes_its_settings_from_the_metadata_of_its_object() -> None:
    metadata = {"model": "wan2.5-t2v-preview", "size": "832x480", "seconds": "10", "negative-prompt": "flowers"}
    (row,) = read(file("a fox", **metadata, watermark="true", seed="7", **{"uploaded-by": "a tool"}))

    assert row.fields is not None
    assert (row.fields.model, row.fields.size, row.fields.seconds) == ("wan2.5-t2v-preview", "832x480", 10)
    assert (row.fields.negative_prompt, row.fields.watermark, row.fields.seed) == ("flowers", True, 7)


def test_metadata_that_is_not_ascii_is_read_correctly() -> None:
    (row,) = read(file("a fox", **{"negative-prompt": "=?UTF-8?B?6Iqx?="}))

    assert row.fields is not None
    assert row.fields.negative_prompt == "花"


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        ("=?UTF-8?B?6Iqx?= =?utf-8?q?_caf=C3=A9?=", "花 café"),
        ("rain =?us-ascii?q?and?= snow", "rain and snow"),
        ("=?iso-8859-1?q?caf=E9?=", "café"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("what =? that ?=", "what =? that ?="),
        (r"\u82b1", r"\u82b1"),
        (r"=?utf-8?q?a?= \u82b1", r"a \u82b1"),
    ],
)
def test_encoded_words_are_decoded_and_similar_text_is_kept(value: str, read_as: str) -> None:
    (row,) = read(file("a fox", **{"negative-prompt": value}))

    assert row.fields is not None
    assert row.fields.negative_prompt == read_as


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("=?undefined?q?x?=", "'undefined'"),
        ("=?unknown-8bit?q?x?=", "'unknown-8bit'"),
        ("=?idna?q?x=2E=2E?=", "'idna'"),
        ("=?punycode?q?=FF?=", "'punycode'"),
        ("=?unicode_escape?q?=5Cud800?=", "'unicode_escape'"),
        ("=?utf-8*en?q?x?=", "'utf-8*en'"),
        ("=??q?x?=", "''"),
        ("=?utf-8?q?=FF?=", "is not valid utf-8"),
        ("=?utf-8?b?a?=", "is not valid base64"),
    ],
)
def test_an_encoded_word_that_cannot_be_read_is_a_problem_of_its_row(value: str, word: str) -> None:
    (row,) = read(file("a fox", **{"negative-prompt": value, "comment": value}))

    assert row.fields is None
    assert [problem.pointer for problem in row.problems] == ["/negative_prompt"]
    assert word in row.problems[0].detail


def test_a_setting_of_the_wrong_type_is_a_problem_of_its_row() -> None:
    (row,) = read(file("a fox", watermark="yes"))

    assert row.fields is None
    assert [problem.pointer for problem in row.problems] == ["/watermark"]


@pytest.mark.parametrize("requests", [{"prompt": "a fox"}, [{"prompt": "a fox"}]])
def test_a_json_file_holds_one_request_or_a_list(requests: Any) -> None:
    (row,) = rows(requests)

    assert row.fields is not None
    assert row.fields.prompt == "a fox"


def test_a_bad_row_does_not_affect_the_others() -> None:
    first, second, third = rows([{"prompt": "a"}, {"prompt": 7, "colour": "red"}, {"prompt": "c"}])

    assert first.fields is not None
    assert third.fields is not None
    assert second.fields is None
    assert {problem.pointer for problem in second.problems} == {"/prompt", "/colour"}
    assert [first.number, second.number, third.number] == [1, 2, 3]


@pytest.mark.parametrize("request_", [None, "a fox", 7, ["a fox"]])
def test_a_row_that_is_no_object_gets_an_example_of_one(request_: Any) -> None:
    (row,) = rows([request_])

    assert '{"prompt": "a fox"}' in details(row)[0]


def test_a_custom_id_that_comes_twice_is_refused_the_second_time() -> None:
    first, second = rows([{"prompt": "a", "custom_id": "x"}, {"prompt": "b", "custom_id": "x"}])

    assert first.fields
    assert details(second) == ["The custom_id 'x' is already used in row 1."]


@pytest.mark.parametrize("body", [b"", codecs.BOM_UTF8, b" \r\n\t"])
@pytest.mark.parametrize("key", ["fox.txt", "fox.json"])
def test_a_file_without_content_is_refused_as_empty(body: bytes, key: str) -> None:
    assert refusal(body, key) == "The file is empty."


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    (row,) = read(file(codecs.BOM_UTF8 + b'[\r\n{"prompt": "a fox"}\r\n]', "fox.JSON"))

    assert row.fields is not None


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("a fox".encode("utf-16"), "byte 0 is 0xff"),
        ("狐狸".encode("gbk"), "byte 0 is 0xba"),
        (b"a fox \xff", "byte 6 is 0xff"),
        (codecs.BOM_UTF8 + b"ab\xff", "byte 5 is 0xff"),
    ],
)
def test_a_file_that_is_not_utf_8_is_refused_with_the_position_of_the_first_bad_byte(body: bytes, where: str) -> None:
    assert where in refusal(body)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ('[{"prompt": "a"', "not JSON"),
        ('{"prompt": "a", "prompt": "b"}', "'prompt' more than once"),
        ('{"prompt": NaN}', "NaN"),
        ('{"prompt": "\\ud800"}', "surrogate"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "The list is empty."),
    ],
)
def test_a_json_file_that_cannot_be_read_as_a_whole_says_why(body: str, what: str) -> None:
    assert what in refusal(body, "list.json")


def test_a_file_with_too_many_rows_is_refused_as_a_whole() -> None:
    assert str(MAX_WHOLE_ROWS) in refusal(json.dumps([{"prompt": "a"}] * (MAX_WHOLE_ROWS + 1)), "list.json")


@pytest.mark.parametrize("key", ["a.exe", "a.zip", "txt", "prompts.txt.bak", "noending"])
def test_files_of_other_types_are_ignored_with_a_message(key: str) -> None:
    assert ".json, .jsonl or .csv are read" in refusal("a fox", key)


@given(st.binary(max_size=400), st.sampled_from(["a.txt", "a.json", "a.jsonl", "a.csv"]))
def test_any_content_is_either_read_or_refused(body: bytes, key: str) -> None:
    try:
        found = read(file(body, key))
    except PromptFileRefused:
        return
    assert all((row.fields is None) == bool(row.problems) for row in found)
