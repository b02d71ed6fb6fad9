"""`generate`, `retry`, `import` and `wait` against the real API."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli
from tests.integration.cli.served import FILM, THROTTLED, Served, answer_instead, lose_answer, pass_on
from tools.harness.images import image_bytes
from wan_video_cli.api import TRIES
from wan_video_cli.errors import ExitCode
from wan_video_cli.images import INLINE_BYTES, MAX_FILE_BYTES

SOON = ("--every", "0.01")


def nothing() -> None:
    """Change nothing."""


# --- requesting ------------------------------------------------------------------------------------------------------


def test_a_prompt_becomes_a_queued_video_and_only_its_id_is_on_standard_output(api: Served, cli: Cli) -> None:
    run = cli.good("generate", "a fox")
    assert run.out == f"{api.the_video().id}\n"
    assert run.err.startswith("Queued, next in line: wan2.6-t2v, 1280x720, 5 s, 3.67 CNY.\n")
    assert f"wan-video wait {api.the_video().id}" in run.err


def test_every_option_becomes_its_field(api: Served, cli: Cli) -> None:
    video = cli.good(
        *("generate", "a fox", "--model", "wan2.6-t2v", "--size", "1920x1080", "--seconds", "10"),
        *("--region", "singapore", "--negative", "rain", "--seed", "7", "--audio", "https://example.com/a.mp3"),
        *("--shot-type", "single", "--no-extend", "--watermark", "--metadata", "case=7", "--metadata", "who=a=b"),
        *("--custom-id", "row 1", "--max-price", "99.5", "--json"),
    ).json
    assert (video["model"], video["size"], video["seconds"]) == ("wan2.6-t2v", "1920x1080", "10")
    assert (video["region"], video["negative_prompt"], video["seed"]) == ("singapore", "rain", 7)
    assert (video["audio_url"], video["shot_type"]) == ("https://example.com/a.mp3", "single")
    assert (video["prompt_extend"], video["watermark"]) == (False, True)
    assert (video["metadata"], video["custom_id"]) == ({"case": "7", "who": "a=b"}, "row 1")


def test_a_tier_and_a_ratio_replace_a_size(api: Served, cli: Cli) -> None:
    assert (
        cli.good("generate", "a", "--resolution", "1080P", "--aspect-ratio", "9:16", "--json").json["size"]
        == "1080x1920"
    )


IMAGE_MODEL = ("--model", "wan2.7-i2v", "--resolution", "720P")
FOX = image_bytes()


@pytest.mark.parametrize("prompt", [("a fox",), ()])
def test_a_small_file_becomes_the_first_frame(api: Served, cli: Cli, prompt: tuple[str, ...]) -> None:
    Path("fox.png").write_bytes(FOX)
    cli.good("generate", *prompt, "--image", "fox.png", *IMAGE_MODEL)
    (image,) = api.the_video().request.images
    assert image.digest == hashlib.sha256(FOX).hexdigest()
    assert api.the_video().request.prompt == "".join(prompt)
    assert [path for _, path, _ in api.requests if "/inputs" in path] == []


def test_large_files_are_uploaded_first(api: Served, cli: Cli) -> None:
    Path("fox.png").write_bytes(FOX + bytes(INLINE_BYTES))
    Path("owl.png").write_bytes(FOX)
    cli.good("generate", "a fox", "--image", "fox.png", "--last-image", "owl.png", *IMAGE_MODEL)
    digests = [image.digest for image in api.the_video().request.images]
    assert digests == [hashlib.sha256(content).hexdigest() for content in (FOX + bytes(INLINE_BYTES), FOX)]
    assert len([path for method, path, _ in api.requests if (method, path) == ("POST", "/v1/v1/inputs")]) == 2


def test_the_image_of_a_dry_run_is_not_kept(api: Served, cli: Cli) -> None:
    Path("fox.png").write_bytes(FOX + bytes(INLINE_BYTES))
    cli.good("generate", "--image", "fox.png", "--dry-run", *IMAGE_MODEL)
    assert api.inputs.stored == {}


def test_an_image_may_be_a_url(api: Served, cli: Cli) -> None:
    api.web.served["https://example.com/fox.png"] = FOX
    cli.good("generate", "a fox", "--image", "https://example.com/fox.png", *IMAGE_MODEL)
    assert api.the_video().request.images[0].digest == hashlib.sha256(FOX).hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.png", None, "cannot be read"),
        ("empty.png", b"", "is empty"),
        ("large.png", bytes(MAX_FILE_BYTES + 1), "more than 20 MB"),
        (".", None, "cannot be read"),
    ],
)
@pytest.mark.parametrize("option", ["--image", "--last-image"])
def test_a_file_that_cannot_be_an_image_is_never_sent(
    api: Served, cli: Cli, option: str, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    run = cli("generate", "a fox", option, name, *IMAGE_MODEL)
    assert run.code == ExitCode.NOT_USABLE
    assert message in run.err
    assert api.requests == []


def test_an_image_that_the_model_does_not_accept_is_the_apis_answer(api: Served, cli: Cli) -> None:
    Path("fox.png").write_bytes(image_bytes(size=(200, 200)))
    run = cli("generate", "a fox", "--image", "fox.png", *IMAGE_MODEL)
    assert run.code == ExitCode.REFUSED
    assert "sides of 240 to 8000 pixels" in run.err


def test_a_video_needs_a_prompt_or_an_image(api: Served, cli: Cli) -> None:
    run = cli("generate")
    assert run.code == ExitCode.NOT_USABLE
    assert "--image" in run.err
    assert api.requests == []


@pytest.mark.parametrize("text", ["a fox\n", "a fox\r\n", "\ufeffa fox", "a fox"])
def test_a_prompt_may_come_from_standard_input(api: Served, cli: Cli, text: str) -> None:
    cli.good("generate", "-", stdin=text.encode())
    assert api.the_video().request.prompt == "a fox"


@pytest.mark.parametrize(("data", "message"), [(b"\xff\xfe", "not UTF-8"), (b"a" * 300_000, "too long")])
def test_standard_input_that_is_not_a_prompt_is_never_sent(api: Served, cli: Cli, data: bytes, message: str) -> None:
    run = cli("generate", "-", stdin=data)
    assert (run.code, run.out) == (ExitCode.NOT_USABLE, "")
    assert message in run.err
    assert api.requests == []


def test_a_dry_run_prints_the_price_and_stores_nothing(api: Served, cli: Cli) -> None:
    run = cli.good("generate", "a fox", "--dry-run")
    assert run.out == "3.67 CNY\n"
    assert "nothing was stored" in run.err
    assert cli.good("generate", "a fox", "--dry-run", "--json").json["estimate"]["price"] == "3.669620"
    assert cli.good("list", "--json").json["data"] == []


def test_every_problem_of_a_request_is_reported_on_its_own_line(api: Served, cli: Cli) -> None:
    run = cli("generate", "a fox", "--size", "1x1", "--seconds", "99")
    assert (run.code, run.out) == (ExitCode.REFUSED, "")
    size, seconds = run.err.splitlines()
    assert size.startswith("Error: wan2.6-t2v does not make '1x1'; its sizes are 1280x720")
    assert "2 to 15" in seconds


def test_a_video_above_max_price_is_refused_with_a_remedy(api: Served, cli: Cli) -> None:
    run = cli("generate", "a fox", "--max-price", "1")
    assert run.code == ExitCode.REFUSED
    assert "This video costs 3.669620 CNY, which is above your max_price of 1." in run.err
    assert "--max-price" in run.err.splitlines()[-1]


@pytest.mark.parametrize("pair", ["novalue", "=x"])
def test_metadata_that_is_not_a_pair_is_a_usage_error(api: Served, cli: Cli, pair: str) -> None:
    assert cli("generate", "a fox", "--metadata", pair).code == ExitCode.NOT_USABLE


# --- requesting once -------------------------------------------------------------------------------------------------


def test_a_request_with_a_lost_answer_is_sent_again_with_the_same_key_and_is_one_video(api: Served, cli: Cli) -> None:
    api.mishaps += [lose_answer, lose_answer]
    run = cli.good("generate", "a fox")
    assert len(set(api.key_headers())) == 1
    assert len(api.key_headers()) == 3
    assert [video["id"] for video in cli.good("list", "--json").json["data"]] == run.out.split()


def test_a_request_without_any_answer_is_reported_with_the_key_for_a_safe_repetition(api: Served, cli: Cli) -> None:
    api.mishaps += [lose_answer] * 3
    run = cli("generate", "a fox")
    assert (run.code, run.out) == (ExitCode.UNREACHABLE, "")
    (key,) = set(api.key_headers())
    assert f"--idempotency-key {key}" in run.err
    assert cli.good("generate", "a fox", "--idempotency-key", key).out == f"{api.the_video().id}\n"
    assert len(cli.good("list", "--json").json["data"]) == 1


def test_each_command_uses_its_own_key(api: Served, cli: Cli) -> None:
    cli.good("generate", "a fox")
    cli.good("generate", "a fox")
    assert len(set(api.key_headers())) == 2
    assert len(cli.good("list", "--json").json["data"]) == 2


def test_a_key_with_another_request_is_refused(api: Served, cli: Cli) -> None:
    cli.good("generate", "a fox", "--idempotency-key", "k")
    run = cli("generate", "a hare", "--idempotency-key", "k")
    assert run.code == ExitCode.REFUSED
    assert "Omit --idempotency-key" in run.err


def test_a_throttled_request_is_not_sent_again(api: Served, cli: Cli) -> None:
    api.mishaps.append(answer_instead(429, THROTTLED, Retry_After="7"))
    run = cli("generate", "a fox")
    assert run.code == ExitCode.REFUSED
    assert "Try again in 7 s." in run.err
    assert len(api.requests) == 1


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_a_video_is_waited_for_and_saved(api: Served, cli: Cli, home: Path) -> None:
    api.meanwhile += [nothing, api.start, nothing, api.complete]
    run = cli.good("generate", "a fox", "--wait", "--download", "films", *SOON)
    path = Path(run.out.strip())
    assert path == Path("films") / f"{api.the_video().id}.mp4"
    assert path.read_bytes() == FILM
    assert [name.name for name in path.parent.iterdir()] == [path.name]
    lines = [line.removeprefix(f"{api.the_video().id}: ") for line in run.err.splitlines()]
    assert lines[:3] == ["wan2.6-t2v, 1280x720, 5 s, 3.67 CNY.", "queued, next in line", "Wan is making it, 1 %"]
    assert lines[3].startswith("Completed after")
    assert lines[3].endswith("3.67 CNY.")


def test_with_json_the_final_video_and_the_path_are_one_document(api: Served, cli: Cli) -> None:
    api.meanwhile += [api.start, api.complete]
    video = cli.good("generate", "a fox", "--download", ".", "--json", *SOON).json
    assert (video["status"], video["progress"]) == ("completed", 100)
    assert Path(video["path"]).read_bytes() == FILM


def test_a_video_that_fails_ends_the_wait_with_its_reason(api: Served, cli: Cli) -> None:
    api.meanwhile += [api.start, api.fail]
    run = cli("generate", "a fox", "--wait", *SOON)
    assert (run.code, run.out) == (ExitCode.VIDEO_NOT_MADE, "")
    assert "is failed: Input data may contain inappropriate content. (DataInspectionFailed)" in run.err
    assert "would fail again" in run.err


def test_with_json_a_failed_video_is_still_the_one_document(api: Served, cli: Cli) -> None:
    api.meanwhile += [api.start, api.fail]
    run = cli("generate", "a fox", "--wait", "--json", *SOON)
    assert run.code == ExitCode.VIDEO_NOT_MADE
    assert run.json["error"]["code"] == "DataInspectionFailed"


def test_a_wait_ends_and_says_how_to_continue(api: Served, cli: Cli) -> None:
    run = cli("generate", "a fox", "--wait", "--timeout", "0s")
    assert (run.code, run.out) == (ExitCode.STILL_UNDER_WAY, "")
    assert "still under way after 0s: queued, next in line" in run.err
    assert f"`wan-video wait {api.the_video().id}` continues to wait." in run.err
    assert cli("wait", api.the_video().id, "--timeout", "0s", "--json").json["status"] == "queued"


def test_a_wait_continues_where_another_ended(api: Served, cli: Cli) -> None:
    video_id = cli.good("generate", "a fox").out.strip()
    api.meanwhile += [nothing, api.start, api.complete]
    assert cli.good("wait", video_id, *SOON).out == f"{video_id}\n"


def test_waiting_for_an_ended_video_returns_at_once(api: Served, cli: Cli) -> None:
    video_id = cli.good("generate", "a fox").out.strip()
    api.start()
    api.complete()
    assert cli.good("wait", video_id, "--download", ".").out == f"{video_id}.mp4\n"


def test_a_short_outage_does_not_end_a_wait(api: Served, cli: Cli) -> None:
    video_id = cli.good("generate", "a fox").out.strip()
    api.meanwhile += [nothing, *[nothing] * TRIES, api.start, api.complete]
    api.mishaps += [pass_on, *[answer_instead(429, THROTTLED, Retry_After="0")] * TRIES]
    run = cli.good("wait", video_id, *SOON)
    assert "There are too many requests. Trying again." in run.err


def test_deleting_a_video_ends_the_wait_for_it(api: Served, cli: Cli) -> None:
    video_id = cli.good("generate", "a fox").out.strip()
    api.meanwhile += [nothing, lambda: api.store.lose(video_id)]
    run = cli("wait", video_id, *SOON)
    assert run.code == ExitCode.REFUSED
    assert "does not exist" in run.err


def test_an_unusable_folder_is_reported_before_a_video_is_requested(api: Served, cli: Cli, home: Path) -> None:
    Path("films").write_text("a file")
    run = cli("generate", "a fox", "--download", "films")
    assert run.code == ExitCode.NOT_USABLE
    assert api.requests == []


@pytest.mark.parametrize("again", ["generate", "wait"])
def test_a_repeated_command_succeeds_and_names_the_existing_file(api: Served, cli: Cli, again: str) -> None:
    asking = ("generate", "a fox", "--idempotency-key", "k", "--download", "films", *SOON)
    api.meanwhile += [api.start, api.complete]
    first = cli.good(*asking)
    path = Path(first.out.strip())
    command = asking if again == "generate" else ("wait", path.stem, "--download", "films")
    api.requests.clear()
    second = cli.good(*command)
    assert (second.out, "already exists" in second.err) == (first.out, True)
    assert cli.good(*command, "--json").json["path"] == str(path)
    assert not [path for _, path, _ in api.requests if path.endswith("/content?variant=video")]

    path.write_bytes(b"mine")
    cli.good(*command)
    assert path.read_bytes() == b"mine"
    cli.good(*command, "--force")
    assert path.read_bytes() == FILM


# --- retry and import ------------------------------------------------------------------------------------------------


def test_a_retry_shows_its_price_first_and_is_refused_above_a_limit(api: Served, cli: Cli) -> None:
    first = cli.good("generate", "a fox").out.strip()
    api.start()
    api.fail()
    assert cli.good("retry", first, "--dry-run").out == "3.67 CNY\n"
    refused = cli("retry", first, "--max-price", "1")
    assert (refused.code, "above your max_price of 1." in refused.err) == (ExitCode.REFUSED, True)
    assert len(cli.good("list", "--json").json["data"]) == 1
    cli.good("retry", first, "--max-price", "4")
    assert len(cli.good("list", "--json").json["data"]) == 2


def test_a_retry_is_a_new_video_of_the_same_request(api: Served, cli: Cli) -> None:
    first = cli.good("generate", "a fox", "--seed", "7").out.strip()
    assert cli("retry", first).code == ExitCode.REFUSED
    api.start()
    api.fail()
    api.clock.advance(1)
    second = cli.good("retry", first, "--json").json
    assert second["id"] != first
    assert (second["prompt"], second["seed"], second["status"]) == ("a fox", 7, "queued")


def test_a_task_of_wan_is_adopted_and_can_be_waited_for(api: Served, cli: Cli) -> None:
    api.meanwhile.append(api.complete)
    fields = ("--prompt", "a fox", "--size", "1920x1080", "--metadata", "from=console")
    video = cli.good("import", "task-1", *fields, "--wait", "--json", *SOON).json
    assert (video["upstream"]["task_id"], video["size"], video["metadata"]) == (
        "task-1",
        "1920x1080",
        {"from": "console"},
    )


def test_an_invalid_task_id_is_refused(api: Served, cli: Cli) -> None:
    assert cli("import", "a b").code == ExitCode.REFUSED
