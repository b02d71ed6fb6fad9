"""How `make run` reads its variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from wan_video.wire.images import data_url_of
from wan_video_local.settings import DEFAULT_PROMPT, MAX_IMAGE_BYTES, QUICK, SettingError, read_settings


def test_without_variables_the_default_prompt_runs_fast_on_the_simulator() -> None:
    settings = read_settings({"PROMPT": "", "MODEL": "", "WAN": ""})
    assert settings.request == {"prompt": DEFAULT_PROMPT}
    assert (settings.speed, settings.wan, settings.wan_key) == (QUICK, "", "")


def test_a_prompt_reaches_the_request_as_it_was_typed() -> None:
    prompt = """ it's $5 & "quotes" `x` $(y) 100% \\n 狐狸 # """
    assert read_settings({"PROMPT": prompt}).request["prompt"] == prompt


def test_every_variable_becomes_its_field() -> None:
    settings = read_settings(
        {
            "PROMPT": "a fox",
            "MODEL": "wan2.5-t2v-preview",
            "SIZE": "832x480",
            "DURATION": "10",
            "SEED": "7",
            "NEGATIVE_PROMPT": "rain",
            "RESOLUTION": "480P",
            "ASPECT_RATIO": "adaptive",
            "AUDIO": "false",
            "SPEED": "2.5",
        }
    )
    assert settings.request == {
        "prompt": "a fox",
        "model": "wan2.5-t2v-preview",
        "size": "832x480",
        "seconds": 10,
        "seed": 7,
        "negative_prompt": "rain",
        "resolution": "480P",
        "aspect_ratio": "adaptive",
        "audio": False,
    }
    assert settings.speed == 2.5


def test_images_are_read_from_files(tmp_path: Path) -> None:
    first, last = tmp_path / "my fox.png", tmp_path / "owl.jpg"
    first.write_bytes(b"fox")
    last.write_bytes(b"owl")
    settings = read_settings({"IMAGE": str(first), "LAST_IMAGE": str(last)})
    assert settings.request["input_reference"] == data_url_of(b"fox")
    assert settings.request["last_frame"] == data_url_of(b"owl")
    assert "base64" not in repr(settings)


def test_an_image_that_is_too_large_for_a_request_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(bytes(MAX_IMAGE_BYTES + 1))
    with pytest.raises(SettingError, match="more than 2,000,000 bytes"):
        read_settings({"IMAGE": str(large)})


def test_a_file_replaces_the_prompt_and_a_text_file_takes_its_settings_from_variables() -> None:
    settings = read_settings({"FILE": "prompts.json"})
    assert (settings.file, settings.request) == (Path("prompts.json"), {})
    settings = read_settings({"FILE": "~/fox.TXT", "SIZE": "832x480", "SEED": "7"})
    assert (settings.file, settings.request) == (Path.home() / "fox.TXT", {"size": "832x480", "seed": 7})


def test_the_real_service_runs_in_real_time_and_its_key_is_not_shown() -> None:
    settings = read_settings({"WAN": "singapore", "DASHSCOPE_API_KEY": "sk-canary", "WORKSPACE": "ws-1"})
    assert settings.workspace == "ws-1"
    assert (settings.speed, settings.wan, settings.wan_key) == (1, "singapore", "sk-canary")
    assert "sk-canary" not in repr(settings)


def test_a_key_without_a_region_never_selects_the_real_service() -> None:
    settings = read_settings({"DASHSCOPE_API_KEY": "sk-canary", "CONFIRM": "yes"})
    assert (settings.wan, settings.wan_key) == ("", "")


@pytest.mark.parametrize(
    ("variables", "hint"),
    [
        ({"SPEED": "fast"}, "from 1"),
        ({"SPEED": "0"}, "from 1"),
        ({"SPEED": "nan"}, "from 1"),
        ({"DURATION": "five"}, "whole number"),
        ({"SEED": "1.5"}, "whole number"),
        ({"FILE": "prompts.json", "PROMPT": "a fox"}, "exclude"),
        ({"FILE": "prompts.json", "MODEL": "wan2.6-t2v"}, "only a .txt"),
        ({"WAN": "mars", "DASHSCOPE_API_KEY": "sk"}, "WAN=beijing or WAN=singapore or "),
        ({"WAN": "singapore"}, "DASHSCOPE_API_KEY"),
        ({"WORKSPACE": "ws-1"}, "WAN"),
        ({"IMAGE": "missing.png"}, "cannot be read"),
        ({"AUDIO": "yes"}, "neither true nor false"),
        ({"WAN": "singapore", "DASHSCOPE_API_KEY": "sk", "SPEED": "20"}, "real time"),
    ],
)
def test_an_invalid_value_is_refused_with_the_valid_ones(variables: dict[str, str], hint: str) -> None:
    with pytest.raises(SettingError, match=hint):
        read_settings(variables)
