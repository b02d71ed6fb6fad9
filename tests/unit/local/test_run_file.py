"""What `make run FILE=...` checks in a file before it starts anything."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from wan_video.domain.prompt_file import MAX_WHOLE_BYTES, Row
from wan_video.errors import InvalidRequest, PromptFileRefused
from wan_video.wire.prompt_file import parse
from wan_video_local.quote import quote, quote_rows
from wan_video_local.run_file import read_file
from wan_video_local.stack import PROJECT

TEMPLATE = PROJECT / "template.yaml"
REGIONS = ["singapore"]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def rows(path: Path, **settings: str | int) -> Iterator[Row]:
    file = read_file(path, settings)
    return parse(file, file.chunks())


def test_settings_of_a_text_file_reach_its_request_in_any_script(tmp_path: Path) -> None:
    file = read_file(write(tmp_path / "fox.txt", "a fox"), {"seed": 7, "negative_prompt": "雨\nand snow"})

    assert all(value.isascii() and value.isprintable() for value in file.metadata.values())
    (row,) = parse(file, file.chunks())
    assert row.fields is not None
    assert (row.fields.prompt, row.fields.seed, row.fields.negative_prompt) == ("a fox", 7, "雨\nand snow")


def test_a_file_that_the_stack_would_not_read_is_refused_before_the_start(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(MAX_WHOLE_BYTES + 1)
    with pytest.raises(PromptFileRefused, match=str(MAX_WHOLE_BYTES)):
        read_file(path, {})


def test_a_file_of_another_type_is_refused_with_the_supported_types(tmp_path: Path) -> None:
    with pytest.raises(PromptFileRefused, match=r"\.txt, \.json, \.jsonl or \.csv"):
        read_file(write(tmp_path / "README.md", "# A prompt"), {})


def test_a_file_costs_what_its_valid_rows_cost(tmp_path: Path) -> None:
    path = write(tmp_path / "list.json", '[{"prompt": "a"}, {"prompt": ""}, {"prompt": "c", "seconds": 10}]')
    one = quote(TEMPLATE, {"prompt": "a"}, REGIONS)
    total = quote_rows(TEMPLATE, rows(path), REGIONS)

    assert one.price is not None
    assert (total.seconds, total.price, total.currency) == (15, one.price * Decimal(3), one.currency)


def test_the_price_of_a_file_is_not_known_where_that_of_a_row_is_not(tmp_path: Path) -> None:
    path = write(
        tmp_path / "list.json", '[{"prompt": "a", "model": "wan2.6-t2v"}, {"prompt": "b", "model": "wan3.0-video"}]'
    )
    total = quote_rows(TEMPLATE, rows(path), ["virginia"])
    assert (total.seconds, total.price) == (10, None)
    assert quote_rows(TEMPLATE, rows(path), ["singapore"]).unconfirmed


def test_a_text_file_gets_its_settings_as_json_writes_them(tmp_path: Path) -> None:
    path = write(tmp_path / "fox.txt", "a fox")
    (row,) = rows(path, model="wan3.0-video", aspect_ratio="adaptive", seconds=-1, audio=False)
    assert row.fields is not None
    assert (row.fields.seconds, row.fields.audio, row.fields.aspect_ratio) == (-1, False, "adaptive")


def test_a_file_without_a_valid_row_is_refused_with_the_reason_of_its_first_row(tmp_path: Path) -> None:
    path = write(tmp_path / "list.json", '[{"prompt": "a", "seconds": 99}, 7]')
    with pytest.raises(InvalidRequest, match="99"):
        quote_rows(TEMPLATE, rows(path), REGIONS)
