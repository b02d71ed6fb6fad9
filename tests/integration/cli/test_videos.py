"""`list`, `show`, `download`, `cancel` and `delete` against the real API."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli
from tests.integration.cli.served import FILM, Served, answer_instead, cut, lose_answer, pass_on
from tools.harness.samples import NOW, queued
from wan_video_cli.download import CHUNK_BYTES
from wan_video_cli.errors import ExitCode

IRRESISTIBLE = "[red]a fox[/red] \x1b[31m\u202e and\ta\nhare 狐 👩\u200d🚀"


def made(api: Served, cli: Cli) -> str:
    """Return the id of a completed video."""
    video_id = cli.good("generate", "a fox").out.strip()
    api.start()
    api.complete()
    return video_id


# --- list ------------------------------------------------------------------------------------------------------------


def test_videos_are_listed_newest_first_one_on_each_line(api: Served, cli: Cli) -> None:
    cli.good("generate", "the first")
    api.clock.advance(60)
    cli.good("generate", "the second")
    rows = [line.split("\t") for line in cli.good("list").out.splitlines()]
    assert [(row[1], row[2], row[3], row[5]) for row in rows] == [
        ("queued", "wan2.6-t2v 1280x720 5s", "3.67 CNY", "the second"),
        ("queued", "wan2.6-t2v 1280x720 5s", "3.67 CNY", "the first"),
    ]


def test_a_video_that_ended_without_content_has_no_price_in_the_list(api: Served, cli: Cli) -> None:
    cli.good("generate", "a fox")
    api.start()
    api.fail()
    ((_, status, _, price, *_),) = [line.split("\t") for line in cli.good("list").out.splitlines()]
    assert (status, price) == ("failed", "")


def test_the_thumbnails_of_a_list_are_saved_without_the_videos(api: Served, cli: Cli, home: Path) -> None:
    first = made(api, cli)
    api.clock.advance(60)
    cli.good("generate", "a hare")
    api.start()
    api.complete(thumbnail=False)
    api.requests.clear()
    run = cli.good("list", "--thumbnails", "wall")
    assert "1 of 2 videos have a thumbnail, which is in wall." in run.err
    assert [path.name for path in (home / "work" / "wall").iterdir()] == [f"{first}.jpg"]
    assert not [path for _, path, _ in api.requests if path.startswith("/bucket/") and "thumbnail.jpg" not in path]
    api.requests.clear()
    cli.good("list", "--thumbnails", "wall")
    assert len(api.requests) == 1, "a thumbnail that was saved is not loaded again"


def test_all_pages_are_read_only_on_request(api: Served, cli: Cli) -> None:
    for number in range(230):
        api.store.accept(queued(f"video_{number}", at=NOW + number))
    assert len(cli.good("list").out.splitlines()) == 20
    assert "--all" in cli.good("list").err
    document = cli.good("list", "--limit", "150", "--json").json
    assert (len(document["data"]), document["has_more"]) == (150, True)
    api.requests.clear()
    document = cli.good("list", "--all", "--json").json
    assert [video["id"] for video in document["data"]] == [f"video_{number}" for number in reversed(range(230))]
    assert document["has_more"] is False
    assert len(api.requests) == 3


def test_the_list_can_be_narrowed(api: Served, cli: Cli) -> None:
    done = made(api, cli)
    api.clock.advance(60)
    cli.good("generate", "a hare", "--model", "wan2.5-t2v-preview")
    assert [line.split("\t")[0] for line in cli.good("list", "--status", "completed").out.splitlines()] == [done]
    assert "a hare" in cli.good("list", "--model", "wan2.5-t2v-preview").out
    assert "There are no videos." in cli.good("list", "--status", "failed").err
    assert cli("list", "--status", "lost").code == ExitCode.NOT_USABLE


def test_a_list_with_an_unknown_filter_says_so(api: Served, cli: Cli) -> None:
    run = cli("list", "--model", "nope")
    assert (run.code, run.out) == (ExitCode.NOT_USABLE, "")
    assert run.err.startswith("Error: This stack has no model 'nope'.\nThere are wan3.0-video, ")
    run = cli("list", "--batch", "batch_nope")
    assert (run.code, run.out) == (ExitCode.REFUSED, "")
    assert "The batch 'batch_nope' does not exist." in run.err
    assert "There are no videos." in cli.good("list", "--model", "wan2.5-t2v-preview").err


def test_a_prompt_cannot_control_the_terminal(api: Served, cli: Cli) -> None:
    api.mishaps.append(
        answer_instead(
            200, cli.good("generate", "a fox", "--json").out.replace('"a fox"', repr_json(IRRESISTIBLE)).encode()
        )
    )
    shown = cli.good("show", api.the_video().id).out
    assert "[red]a fox[/red]  [31m  and a hare 狐 👩\u200d🚀\n" in shown
    assert "\x1b" not in shown


def repr_json(text: str) -> str:
    import json

    return json.dumps(text)


# --- show ------------------------------------------------------------------------------------------------------------


def test_a_video_is_shown_with_one_line_for_each_known_field(api: Served, cli: Cli) -> None:
    video_id = made(api, cli)
    shown = dict(line.split(maxsplit=1) for line in cli.good("show", video_id).out.splitlines())
    assert (shown["id"], shown["status"], shown["prompt"], shown["price"]) == (
        video_id,
        "completed",
        "a fox",
        "3.67 CNY",
    )
    assert cli.good("show", video_id, "--json").json["upstream"]["task_id"] == f"task-of-{video_id}"


def test_a_missing_video_is_reported_with_where_to_look(api: Served, cli: Cli) -> None:
    run = cli("show", "video_unknown")
    assert (run.code, run.out) == (ExitCode.REFUSED, "")
    assert run.err == "Error: The video 'video_unknown' does not exist.\n`wan-video list` shows yours.\n"


@pytest.mark.parametrize("video_id", ["..", "../usage", "a b", "", "狐", "a?b"])
@pytest.mark.parametrize("verb", ["show", "wait", "download", "cancel", "retry", "delete"])
def test_an_invalid_id_never_leads_to_another_route(api: Served, cli: Cli, verb: str, video_id: str) -> None:
    run = cli(verb, video_id)
    assert (run.code, run.out) == (ExitCode.NOT_USABLE, "")
    assert api.requests == []


# --- download --------------------------------------------------------------------------------------------------------


def test_a_video_is_saved_under_its_id_or_a_given_path(api: Served, cli: Cli, home: Path) -> None:
    video_id = made(api, cli)
    assert cli.good("download", video_id).out == f"{video_id}.mp4\n"
    assert cli.good("download", video_id, "-o", "fox.mp4").out == "fox.mp4\n"
    assert cli.good("download", video_id, "-o", str(home)).out == f"{home / video_id}.mp4\n"
    assert Path(f"{video_id}.mp4").read_bytes() == Path("fox.mp4").read_bytes() == FILM
    umask = os.umask(0)
    os.umask(umask)
    assert Path("fox.mp4").stat().st_mode & 0o777 == 0o666 & ~umask
    assert cli.good("download", video_id, "-o", "again.mp4", "--json").json == {
        "id": video_id,
        "path": "again.mp4",
        "bytes": len(FILM),
    }


def test_the_json_file_of_the_video_can_be_saved_too(api: Served, cli: Cli, home: Path) -> None:
    video_id = made(api, cli)
    assert cli.good("download", video_id, "--variant", "metadata").out == f"{video_id}.json\n"
    assert video_id in Path(f"{video_id}.json").read_text()


def test_the_thumbnail_can_be_saved_once_it_is_made(api: Served, cli: Cli, home: Path) -> None:
    video_id = cli.good("generate", "a fox").out.strip()
    api.start()
    api.complete(thumbnail=False)
    early = cli("download", video_id, "--variant", "thumbnail")
    assert early.code == ExitCode.REFUSED
    assert "is being made" in early.err
    assert "Try again in a few seconds." in early.err
    assert not list(home.glob("*.jpg"))
    api.make_thumbnail(api.the_video())
    assert cli.good("download", video_id, "--variant", "thumbnail").out == f"{video_id}.jpg\n"
    assert "picture" in Path(f"{video_id}.jpg").read_text()


def test_the_link_is_followed_without_the_token(api: Served, cli: Cli) -> None:
    video_id = made(api, cli)
    cli.good("download", video_id)
    _, path, headers = api.requests[-1]
    assert path.startswith("/bucket/")
    assert "authorization" not in headers


def test_an_existing_file_is_kept_unless_forced(api: Served, cli: Cli, home: Path) -> None:
    video_id = made(api, cli)
    Path("fox.mp4").write_text("mine")
    api.requests.clear()
    run = cli("download", video_id, "-o", "fox.mp4")
    assert run.code == ExitCode.NOT_USABLE
    assert "--force" in run.err
    assert (Path("fox.mp4").read_text(), api.requests) == ("mine", [])
    cli.good("download", video_id, "-o", "fox.mp4", "--force")
    assert Path("fox.mp4").read_bytes() == FILM


def test_an_interrupted_download_continues_at_its_byte_with_a_new_link(api: Served, cli: Cli, home: Path) -> None:
    video_id = made(api, cli)
    api.mishaps += [pass_on, cut]
    cli.good("download", video_id)
    assert Path(f"{video_id}.mp4").read_bytes() == FILM
    paths, headers = zip(*((path, headers) for _, path, headers in api.requests[-4:]), strict=True)
    assert [path.rpartition("/")[2].partition("?")[0] for path in paths] == ["file", "video.mp4"] * 2
    first = int(headers[3]["range"].removeprefix("bytes=").removesuffix("-"))
    assert len(FILM) - 10 - CHUNK_BYTES <= first <= len(FILM) - 10


def test_a_film_that_was_damaged_in_transit_is_fetched_again(api: Served, cli: Cli, home: Path) -> None:
    video_id = made(api, cli)
    api.mishaps += [pass_on, answer_instead(200, FILM.replace(b"last", b"lost"))]
    cli.good("download", video_id)
    assert Path(f"{video_id}.mp4").read_bytes() == FILM


def test_a_download_that_keeps_failing_leaves_nothing_behind(api: Served, cli: Cli, home: Path) -> None:
    video_id = made(api, cli)
    api.mishaps += [pass_on, cut] * 4  # The first connection delivers some bytes.
    run = cli("download", video_id)
    assert run.code == ExitCode.UNREACHABLE
    assert "The download was interrupted" in run.err
    assert list(Path().iterdir()) == []


def test_a_path_that_cannot_be_written_is_reported(api: Served, cli: Cli, home: Path) -> None:
    run = cli("download", made(api, cli), "-o", "nowhere/fox.mp4")
    assert run.code == ExitCode.NOT_USABLE
    assert "cannot be written: No such file or directory." in run.err


def test_a_storage_that_refuses_the_link_is_reported_without_the_link(api: Served, cli: Cli, home: Path) -> None:
    video_id = made(api, cli)
    api.bucket.stored.clear()
    run = cli("download", video_id)
    assert run.code == ExitCode.UNREACHABLE
    assert "The storage answered 403." in run.err


def test_a_video_without_content_says_how_to_get_some(api: Served, cli: Cli) -> None:
    video_id = cli.good("generate", "a fox").out.strip()
    run = cli("download", video_id)
    assert run.code == ExitCode.REFUSED
    assert "wan-video wait ID" in run.err
    api.start()
    api.fail()
    assert "wan-video retry ID" in cli("download", video_id).err


# --- cancel and delete -----------------------------------------------------------------------------------------------


def test_a_queued_video_is_cancelled_and_one_at_wan_is_not(api: Served, cli: Cli) -> None:
    first = cli.good("generate", "a fox").out.strip()
    assert "nothing is billed" in cli.good("cancel", first).out
    assert cli.good("cancel", first, "--json").json["status"] == "cancelled"
    api.clock.advance(1)
    second = cli.good("generate", "a fox").out.strip()
    api.start()
    run = cli("cancel", second)
    assert run.code == ExitCode.REFUSED
    assert "is in_progress; only a video that is waiting, here or at Wan, can be cancelled" in run.err
    assert "billed and delivered" in run.err


def test_waiting_for_a_cancelled_video_ends(api: Served, cli: Cli) -> None:
    video_id = cli.good("generate", "a fox").out.strip()
    cli.good("cancel", video_id)
    run = cli("wait", video_id)
    assert run.code == ExitCode.VIDEO_NOT_MADE
    assert f"{video_id} is cancelled." in run.err


def test_an_ended_video_is_deleted_with_its_file(api: Served, cli: Cli) -> None:
    video_id = cli.good("generate", "a fox").out.strip()
    assert cli("delete", video_id).code == ExitCode.REFUSED
    api.start()
    api.complete()
    assert cli.good("delete", video_id, "--json").json["deleted"] is True
    assert api.bucket.stored == {}
    assert cli("show", video_id).code == ExitCode.REFUSED
    assert "wan-video list" in cli("delete", video_id).err


def test_a_deletion_without_an_answer_is_not_repeated(api: Served, cli: Cli) -> None:
    video_id = made(api, cli)
    api.requests.clear()
    api.mishaps.append(lose_answer)
    run = cli("delete", video_id)
    assert run.code == ExitCode.UNREACHABLE
    assert "It may have been deleted" in run.err
    assert len(api.requests) == 1
