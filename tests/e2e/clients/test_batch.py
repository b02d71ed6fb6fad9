"""`wan-video batch` on the running stack: a file becomes videos, which are downloaded with their reports."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.clients.test_cli import SOON, Cli
from tests.e2e.clients.test_cli import cli as cli
from tests.e2e.conftest import Local
from tests.e2e.steps import MODEL, NOTICE_SECONDS, accepted, await_that, request
from wan_video_cli.errors import ExitCode

REFUSING = "a fox [simulate:task:DataInspectionFailed]"


def write(cli: Cli, *requests: dict[str, Any]) -> str:
    """Write a prompt file in the user's folder, and return its name."""
    text = "".join(json.dumps(one) + "\n" for one in requests)
    (cli.folder / "prompts.jsonl").write_text(text, encoding="utf-8")
    return "prompts.jsonl"


def lines(cli: Cli, name: str) -> list[dict[str, Any]]:
    """Return the lines of a report that was saved."""
    return [json.loads(line) for line in (cli.folder / "films" / name).read_text(encoding="utf-8").splitlines()]


def test_a_file_becomes_videos_that_are_downloaded_with_their_reports(local: Local, cli: Cli) -> None:
    prompts = ["a fox counts its batch", "a hare counts its batch"]
    name = write(cli, *({**request(prompt), "custom_id": f"row {at}"} for at, prompt in enumerate(prompts)))
    batch = cli("batch", name, "--download", "films", "--json", *SOON)

    assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", 2)
    results = lines(cli, f"{batch['id']}.results.jsonl")
    assert [(line["row"], line["custom_id"], line["status"]) for line in results] == [
        (1, "row 0", "completed"),
        (2, "row 1", "completed"),
    ]
    for line, prompt in zip(results, prompts, strict=True):
        video = cli("show", line["video_id"], "--json")
        assert (video["prompt"], video["batch_id"]) == (prompt, batch["id"])
        film = cli.folder / "films" / f"{line['video_id']}.mp4"
        assert film.read_bytes() == local.simulator.film(video["upstream"]["task_id"])
        assert len(accepted(local, prompt)) == 1
    assert local.notices.await_about(batch["id"], within=NOTICE_SECONDS)["type"] == "batch.completed"
    listed = cli("list", "--batch", batch["id"], "--json")["data"]
    assert [video["id"] for video in listed] == [line["video_id"] for line in reversed(results)]
    for query in (["--status", "completed"], ["--model", MODEL], ["--status", "completed", "--model", MODEL]):
        assert cli("list", "--batch", batch["id"], *query, "--json")["data"] == listed
    assert cli("list", "--batch", batch["id"], "--status", "failed", "--json")["data"] == []
    assert batch["id"] in cli("batch", "list")


def test_failures_and_refusals_are_reported_and_failures_are_made_again_under_their_own_ids(cli: Cli) -> None:
    name = write(cli, {**request(REFUSING), "custom_id": "bad"}, {**request("a fox"), "seconds": 99})
    batch = cli("batch", name, "--download", "films", "--json", *SOON, code=ExitCode.VIDEO_NOT_MADE)

    assert (batch["request_counts"]["failed"], batch["request_counts"]["refused"]) == (1, 1)
    errors = lines(cli, f"{batch['id']}.errors.jsonl")
    assert "DataInspectionFailed" in json.dumps(errors)
    assert "seconds" in json.dumps(errors)

    again = cli("batch", "retry", batch["id"], "--wait", "--json", *SOON, code=ExitCode.VIDEO_NOT_MADE)
    assert (again["retry_of"], again["request_counts"]["total"], again["request_counts"]["failed"]) == (
        batch["id"],
        1,
        1,
    )
    (video,) = cli("list", "--batch", again["id"], "--json")["data"]
    assert (video["custom_id"], video["prompt"]) == ("bad", REFUSING)


def test_a_batch_that_has_not_started_is_cancelled_free_of_charge(local: Local, cli: Cli) -> None:
    prompt = "a fox waits with its batch"
    with local.nothing_starts():
        batch_id = cli("batch", write(cli, request(prompt), request(prompt)), "--json")["id"]
        await_that(lambda: cli("batch", "show", batch_id, "--json")["status"] == "in_progress" or None, "the rows")
        cli("batch", "cancel", batch_id)
        batch = cli("batch", "wait", batch_id, "--json", *SOON, code=ExitCode.VIDEO_NOT_MADE)
    assert (batch["status"], batch["request_counts"]["cancelled"]) == ("cancelled", 2)
    assert accepted(local, prompt) == []
