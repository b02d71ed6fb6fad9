"""Text in any script, wrapped to fit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wan_simulator.render.lettering import draw, fit, measure

SIZES = range(40, 11, -1)


@pytest.mark.parametrize(
    "text",
    [
        "a fox in a trench coat reads a case file",
        "在一间古典的侦探办公室里，木质书架上摆满了旧案卷和烟灰缸。",
        "ثعلب يقرأ",
        "🦊🕵️\u200d♂️",
        "x" * 5000,
        "\x00\x1b\u202e\udc80\ue000",
        "แมวนั่งอยู่",
    ],
)
def test_any_text_fits_its_box(text: str) -> None:
    block = fit(text, 400, SIZES, lines=4)

    assert 1 <= len(block.lines) <= 4
    assert all(measure(line, block.size) <= 400 for line in block.lines)


def test_a_short_text_is_written_large_and_a_long_one_small() -> None:
    assert fit("fox", 400, SIZES, 4).size == 40
    assert fit("fox " * 60, 400, SIZES, 4).size < 40


def test_text_that_does_not_fit_ends_in_an_ellipsis() -> None:
    assert fit("fox " * 5000, 400, SIZES, 4).lines[-1].endswith("…")


def test_words_are_not_broken_if_there_are_spaces() -> None:
    words = ["detective", "office", "with", "wooden", "bookshelves"]

    assert " ".join(fit(" ".join(words), 300, range(40, 39, -1), 9).lines).split() == words


def test_a_line_of_chinese_does_not_begin_with_a_comma() -> None:
    lines = fit("一二三四，五六七八，九十百千，" * 6, 170, range(20, 19, -1), 40).lines

    assert len(lines) > 6
    assert not any(line.startswith("，") for line in lines)


def test_a_character_without_a_font_is_still_drawn() -> None:
    canvas = Image.new("L", (80, 80))
    draw(canvas, "\U00012000", (4, 4), 40, fill=255)

    assert np.asarray(canvas).max() > 0
