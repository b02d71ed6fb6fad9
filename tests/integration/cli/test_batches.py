"""`wan-video batch` against the real API: files are sent once, waited for, and their videos downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli
from tests.integration.cli.served import FILM, Served, answer_instead, lose_answer, pass_on
from wan_video.domain.batch import UPLOAD_SECONDS, BatchStatus
from wan_video_cli import storage
from wan_video_cli.errors import ExitCode

SOON = ("--every", "0.01")
TWO = '{"prompt": "a fox"}\n{"prompt": "a hare"}\n'


@pytest.fixture(autouse=True)
def file(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with two requests, in the folder of the user."""
    monkeypatch.setattr(storage, "FIRST_PAUSE", 0.0)
    path = Path("prompts.jsonl")
    path.write_text(TWO, encoding="utf-8")
    return path


def ended(api: Served, cli: Cli, failed: int = 0, refused: int = 0) -> str:
    """The id of an ended batch of the file."""
    batch_id = cli.good("batch", "prompts.jsonl", "--again").out.strip()
    api.ingest(refused)
    api.finish(failed)
    return batch_id


# --- sending ---------------------------------------------------------------------------------------------------------


def test_a_file_is_sent_and_only_the_id_of_its_batch_is_on_standard_output(api: Served, cli: Cli) -> None:
    run = cli.good("batch", "prompts.jsonl")
    batch = api.the_batch()
    assert run.out == f"{batch.id}\n"
    assert f"wan-video batch wait {batch.id}" in run.err
    assert api.files == {f"batches/{batch.id}/prompts.jsonl": TWO.encode()}
    assert (batch.name, batch.owner) == ("prompts.jsonl", "alice")


def test_submit_can_be_left_out_and_only_the_file_name_of_a_path_is_used(api: Served, cli: Cli) -> None:
    Path("list").mkdir()
    Path("list/a b 狐.csv").write_text("prompt\na fox\n", encoding="utf-8")
    cli.good("batch", "submit", "list/a b 狐.csv")
    assert list(api.files) == [f"batches/{api.the_batch().id}/a b 狐.csv"]


def test_a_broken_connection_to_the_storage_sends_the_file_once(api: Served, cli: Cli) -> None:
    api.mishaps += [pass_on, lose_answer]
    cli.good("batch", "prompts.jsonl")
    assert list(api.files.values()) == [TWO.encode()]
    assert [method for method, *_ in api.requests] == ["POST", "PUT", "PUT"]


def test_an_error_of_the_storage_is_retried_and_a_refusal_is_not(api: Served, cli: Cli) -> None:
    api.mishaps += [pass_on, answer_instead(503)]
    cli.good("batch", "prompts.jsonl")
    api.requests.clear()
    api.mishaps += [pass_on, answer_instead(403, b"<Error/>")]
    run = cli("batch", "prompts.jsonl", "--again")
    assert (run.code, [method for method, *_ in api.requests]) == (ExitCode.UNREACHABLE, ["POST", "PUT"])
    assert "could not be sent: the storage answered 403" in run.err


def test_a_repeated_command_with_its_key_is_the_same_batch(api: Served, cli: Cli) -> None:
    first = cli.good("batch", "prompts.jsonl", "--idempotency-key", "k").out
    api.ingest()
    assert cli.good("batch", "prompts.jsonl", "--idempotency-key", "k").out == first
    assert [method for method, *_ in api.requests].count("PUT") == 1


def test_the_same_file_is_the_same_batch_until_a_new_one_is_requested(api: Served, cli: Cli) -> None:
    first = cli.good("batch", "prompts.jsonl").out
    assert cli.good("batch", "prompts.jsonl").out == first, "its file is sent, and still to be read"
    api.ingest()
    run = cli.good("batch", "prompts.jsonl")
    assert (run.out, "was sent before" in run.err, "--again" in run.err) == (first, True, True)
    api.finish()
    assert cli.good("batch", "prompts.jsonl", "--wait", *SOON).out == first
    assert len(api.files) == 4, "one prompt file and three reports"
    api.clock.advance(60)

    again = cli.good("batch", "prompts.jsonl", "--again")
    assert (again.out == first, "was sent before" in again.err) == (False, False)
    assert cli.good("batch", "prompts.jsonl").out == first


def test_another_name_or_another_content_is_another_batch(api: Served, cli: Cli) -> None:
    batches = {cli.good("batch", "prompts.jsonl").out}
    Path("others.jsonl").write_text(TWO, encoding="utf-8")
    batches.add(cli.good("batch", "others.jsonl").out)
    Path("prompts.jsonl").write_text(TWO.replace("hare", "heron"), encoding="utf-8")
    batches.add(cli.good("batch", "prompts.jsonl").out)
    assert len(batches) == 3


def test_a_file_that_could_not_be_sent_is_sent_by_the_same_command(api: Served, cli: Cli) -> None:
    api.mishaps += [pass_on, answer_instead(403, b"<Error/>")]
    assert cli("batch", "prompts.jsonl").code == ExitCode.UNREACHABLE
    api.files.clear()  # a storage that refuses a file does not keep it
    assert cli.good("batch", "prompts.jsonl").out.strip() == api.the_batch().id
    assert list(api.files) == [f"batches/{api.the_batch().id}/prompts.jsonl"]


def test_a_file_whose_batch_ended_without_rows_is_sent_again(api: Served, cli: Cli) -> None:
    api.mishaps += [pass_on, answer_instead(403, b"<Error/>")]
    cli("batch", "prompts.jsonl")
    api.files.clear()
    first = api.the_batch()
    api.clock.advance(UPLOAD_SECONDS)
    late = cli("batch", "prompts.jsonl")
    assert (late.code, "about to expire" in late.err) == (ExitCode.REFUSED, True)
    api.store.batches.save(first, first.expire(int(api.clock.now())))
    again = cli.good("batch", "prompts.jsonl").out.strip()
    assert again != first.id
    assert list(api.files) == [f"batches/{again}/prompts.jsonl"]


def test_a_new_batch_is_requested_by_a_key_or_by_again_and_not_by_both(api: Served, cli: Cli) -> None:
    run = cli("batch", "prompts.jsonl", "--again", "--idempotency-key", "k")
    assert (run.code, api.requests) == (ExitCode.NOT_USABLE, [])


@pytest.mark.parametrize(("name", "reason"), [("none.jsonl", "cannot be read"), ("empty.jsonl", "is empty")])
def test_a_file_that_cannot_be_sent_creates_no_batch(api: Served, cli: Cli, name: str, reason: str) -> None:
    Path("empty.jsonl").touch()
    run = cli("batch", name)
    assert (run.code, api.requests) == (ExitCode.NOT_USABLE, [])
    assert reason in run.err


def test_an_impossible_folder_is_reported_before_a_batch_is_created(api: Served, cli: Cli) -> None:
    assert cli("batch", "prompts.jsonl", "--download", "prompts.jsonl/films").code == ExitCode.NOT_USABLE
    assert api.requests == []


def test_a_file_of_another_type_is_refused_with_the_valid_types(api: Served, cli: Cli) -> None:
    Path("film.mov").write_text("x")
    run = cli("batch", "film.mov")
    assert run.code == ExitCode.REFUSED
    assert ".jsonl" in run.err


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_a_wait_shows_each_stage_and_ends_with_the_counts(api: Served, cli: Cli) -> None:
    api.meanwhile += [api.ingest, lambda: None, api.finish]
    run = cli.good("batch", "prompts.jsonl", "--wait", *SOON)
    batch_id = api.the_batch().id
    assert run.out == f"{batch_id}\n"
    assert run.err.splitlines()[1:3] == [
        f"{batch_id}: waits for its file",
        f"{batch_id}: 0 of 2 done, 0 in progress, 0 %",
    ]
    assert "2 requests: 2 completed." in run.err


def test_reports_and_videos_are_downloaded_and_existing_files_are_kept(api: Served, cli: Cli) -> None:
    api.meanwhile += [api.ingest, api.finish]
    document = cli.good("batch", "prompts.jsonl", "--download", "films", "--json", *SOON).json
    batch_id = document["id"]
    names = [f"{batch_id}.results.jsonl", f"{batch_id}.errors.jsonl", f"{batch_id}.manifest.json"]
    films = [path for path in map(Path, document["paths"]) if path.suffix == ".mp4"]
    assert [Path(path).name for path in document["paths"][:3]] == names
    assert [film.read_bytes() for film in films] == [FILM, FILM]
    assert not {"upload", "reports"} & set(document)

    films[0].write_bytes(b"mine")
    cli.good("batch", "wait", batch_id, "--download", "films")
    assert films[0].read_bytes() == b"mine"
    cli.good("batch", "wait", batch_id, "--download", "films", "--force")
    assert films[0].read_bytes() == FILM


def test_a_batch_with_failures_has_its_own_exit_code_and_its_videos_are_downloaded(api: Served, cli: Cli) -> None:
    batch_id = ended(api, cli, failed=1)
    run = cli("batch", "wait", batch_id, "--download", "films")
    assert run.code == ExitCode.VIDEO_NOT_MADE
    assert "2 requests: 1 completed, 1 failed." in run.err
    assert f"wan-video batch retry {batch_id}" in run.err
    assert len(list(Path("films").glob("*.mp4"))) == 1


def test_after_a_download_the_advice_is_the_report_that_was_just_saved(api: Served, cli: Cli) -> None:
    run = cli("batch", "wait", ended(api, cli, refused=1), "--download", "films")
    assert run.code == ExitCode.VIDEO_NOT_MADE
    assert "errors.jsonl says what to correct in each bad request." in run.err
    assert "batch wait" not in run.err


def test_refused_requests_are_reported_with_where_to_look(api: Served, cli: Cli) -> None:
    batch_id = ended(api, cli, refused=1)
    run = cli("batch", "wait", batch_id, "--json")
    assert (run.code, run.json["request_counts"]["refused"]) == (ExitCode.VIDEO_NOT_MADE, 1)
    assert f"wan-video batch wait {batch_id} --download ." in run.err


def test_a_wait_that_takes_too_long_says_how_to_continue(api: Served, cli: Cli) -> None:
    batch_id = cli.good("batch", "prompts.jsonl").out.strip()
    run = cli("batch", "wait", batch_id, "--timeout", "0s")
    assert run.code == ExitCode.STILL_UNDER_WAY
    assert f"wan-video batch wait {batch_id}" in run.err


# --- managing batches ------------------------------------------------------------------------------------------------


def test_batches_are_listed_newest_first(api: Served, cli: Cli) -> None:
    assert "There are no batches yet" in cli.good("batch", "list").err
    first = ended(api, cli)
    api.clock.advance(60)
    second = cli.good("batch", "prompts.jsonl", "--again").out.strip()
    lines = cli.good("batch", "list").out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [second, first]
    assert "2 requests: 2 completed" in lines[1]
    run = cli.good("batch", "list", "--limit", "1", "--json").json
    assert ([batch["id"] for batch in run["data"]], run["has_more"]) == ([second], True)
    assert len(cli.good("batch", "list", "--all").out.splitlines()) == 2


def test_a_batch_is_shown_with_its_counts_and_without_links(api: Served, cli: Cli) -> None:
    batch_id = ended(api, cli, failed=1)
    shown = dict(line.split(None, 1) for line in cli.good("batch", "show", batch_id).out.splitlines())
    assert (shown["id"], shown["status"], shown["total"], shown["failed"]) == (batch_id, "completed", "2", "1")
    assert "reports" not in cli.good("batch", "show", batch_id, "--json").json


def test_the_videos_of_a_batch_are_listed(api: Served, cli: Cli) -> None:
    batch_id = ended(api, cli)
    cli.good("generate", "another fox")
    lines = cli.good("list", "--batch", batch_id).out.splitlines()
    assert len(lines) == 2
    assert all("completed" in line for line in lines)


def test_an_open_batch_is_cancelled_and_one_that_has_ended_is_not(api: Served, cli: Cli) -> None:
    batch_id = cli.good("batch", "prompts.jsonl").out.strip()
    assert "is being cancelled" in cli.good("batch", "cancel", batch_id).out
    assert api.the_batch().status is BatchStatus.CANCELLING
    assert cli.good("batch", "cancel", batch_id, "--json").json["status"] == "cancelling"
    api.clock.advance(60)
    done = ended(api, cli)
    run = cli("batch", "cancel", done)
    assert (run.code, "it has no requests that can be cancelled" in run.err) == (ExitCode.REFUSED, True)


def test_failures_are_retried_once_and_waited_for(api: Served, cli: Cli) -> None:
    batch_id = ended(api, cli, failed=1)
    api.clock.advance(60)
    api.meanwhile += [api.ingest, api.finish]
    again = cli.good("batch", "retry", batch_id, "--wait", "--json", *SOON).json
    assert (again["retry_of"], again["request_counts"]["completed"]) == (batch_id, 1)
    assert cli.good("batch", "retry", batch_id).out.strip() == again["id"]
    refused = cli("batch", "retry", again["id"])
    assert (refused.code, "once it has ended, if any of its requests failed" in refused.err) == (ExitCode.REFUSED, True)


def test_a_retry_shows_what_all_its_videos_cost_and_is_refused_above_a_limit(api: Served, cli: Cli) -> None:
    batch_id = ended(api, cli, failed=2)
    quote = cli.good("batch", "retry", batch_id, "--dry-run")
    assert (quote.out, "nothing was stored or billed" in quote.err) == ("7.34 CNY\n", True)
    refused = cli("batch", "retry", batch_id, "--max-price", "7.33")
    assert (refused.code, "above your max_price of 7.33." in refused.err) == (ExitCode.REFUSED, True)
    assert [batch["id"] for batch in cli.good("batch", "list", "--json").json["data"]] == [batch_id]
    api.clock.advance(60)
    again = cli.good("batch", "retry", batch_id, "--max-price", "7.34", "--json").json
    assert (again["retry_of"], api.the_batch().capped) == (batch_id, True)


@pytest.mark.parametrize("command", ["show", "wait", "cancel", "retry"])
def test_a_missing_batch_is_reported_with_where_to_look(api: Served, cli: Cli, command: str) -> None:
    run = cli("batch", command, "batch_9")
    assert (run.code, "`wan-video batch list` shows yours." in run.err) == (ExitCode.REFUSED, True)
    strange = cli("batch", command, "a/b")
    assert (strange.code, "is not the id of a batch" in strange.err) == (ExitCode.NOT_USABLE, True)
