"""The command `wan-video batch`: send a whole file of requests and follow the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wan_video_cli import options
from wan_video_cli.batch_following import BatchFollowing
from wan_video_cli.commands import App, Group
from wan_video_cli.listing import AllOption, LimitOption, page_size, print_document, print_list
from wan_video_cli.quotes import show_quote

if TYPE_CHECKING:
    from wan_video_cli.api import Document

SUBMIT: Final = "submit"

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A prompt file: .jsonl, .csv, .json or .txt.", show_default=False)
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The batch's id.", show_default=False)]
DownloadOption = Annotated[
    Path | None,
    typer.Option(
        "--download",
        metavar="DIR",
        help="Wait, and save the reports and the videos in this folder.",
        rich_help_panel=options.WAITING,
    ),
]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Wait until the whole batch has ended.", rich_help_panel=options.WAITING)
]
KeyOption = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="KEY", help="A request with the same key opens the same batch."),
]


class FileOrCommand(Group):
    """`batch FILE` is short for `batch submit FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the command that was left out."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = [SUBMIT, *args]
        return super().parse_args(ctx, args)


def following(
    wait: WaitOption = False,
    folder: DownloadOption = None,
    timeout: options.TimeoutOption = options.DAY,
    every: options.EveryOption = None,
    force: options.ForceOption = False,
    as_json: options.JsonOption = False,
) -> BatchFollowing:
    """How long to follow a batch, and how to print the result."""
    return BatchFollowing(wait, folder, timeout, every, force, as_json)


def waiting(
    folder: DownloadOption = None,
    timeout: options.TimeoutOption = options.DAY,
    every: options.EveryOption = None,
    force: options.ForceOption = False,
    as_json: options.JsonOption = False,
) -> BatchFollowing:
    """How to wait for a batch, and how to print the result."""
    return BatchFollowing(True, folder, timeout, every, force, as_json)


app = App(
    cls=FileOrCommand,
    help="Make the videos of a whole file (`wan-video batch FILE`), and manage batches.",
    no_args_is_help=True,
)


@app.command(SUBMIT)
@options.bundled(follow=following)
def submit(
    file: FileArgument,
    key: KeyOption = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make new, billed videos from a file that was sent before.")
    ] = False,
    callback_url: Annotated[
        str | None,
        typer.Option("--callback-url", help="Where the event of the batch is sent; needs `webhook add` without a URL."),
    ] = None,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    *,
    follow: BatchFollowing,
) -> None:
    """Send a prompt file, and optionally wait for its videos; the same file sent again is the same batch."""
    from wan_video_cli.api import new_key
    from wan_video_cli.errors import Refused
    from wan_video_cli.screen import say
    from wan_video_cli.storage import key_of, opened, send

    if again and key:
        raise typer.BadParameter(
            "--again and --idempotency-key exclude each other: a new key already makes a new batch.",
            param_hint="--again",
        )
    with options.open_api(profile, api_url) as api, opened(file) as content:
        follow.prepare()
        key = key or (new_key() if again else key_of(file.name, content))
        body = {"name": file.name} if callback_url is None else {"name": file.name, "callback_url": callback_url}
        batch = api.post("/v1/batches", body, key=key)
        if batch["upload"] is not None:
            send(batch["upload"], content)
        elif batch["status"] == "waiting_for_file":
            raise Refused(
                f"{batch['id']} has waited an hour for this file, and is about to expire.",
                "Repeat the command in a few minutes: it then opens a new batch.",
            )
        else:
            say(f"{file.name} was sent before; nothing new is made. --again makes new videos, which are billed.")
        follow.show(api, batch)


@app.command("list")
def list_(
    limit: LimitOption = 20,
    everything: AllOption = False,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List your batches, newest first."""
    from wan_video_cli.batch_words import outcome, without_links
    from wan_video_cli.words import minute

    with options.open_api(profile, api_url) as api:
        batches, more = api.pages("/v1/batches", page_size(limit, everything))
    print_list(
        [without_links(batch) for batch in batches],
        more,
        {
            "id": lambda batch: batch["id"],
            "status": lambda batch: batch["status"],
            "made at": lambda batch: minute(batch["created_at"]),
            "file": lambda batch: batch["name"],
            "requests": outcome,
        },
        as_json=as_json,
        nothing="There are no batches yet; `wan-video batch FILE` creates one.",
        spare=("made at", "file"),
    )


@app.command()
def show(
    batch_id: IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show the status of a batch."""
    from wan_video_cli.batch_words import without_links

    with options.open_api(profile, api_url) as api:
        batch = api.batch(batch_id).document
    print_document(without_links(batch), _fields, as_json=as_json)


@app.command()
@options.bundled(follow=waiting)
def wait(
    batch_id: IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    *,
    follow: BatchFollowing,
) -> None:
    """Wait until a whole batch has ended."""
    with options.open_api(profile, api_url) as api:
        follow.prepare()
        follow.show(api, api.batch(batch_id).document)


@app.command()
def cancel(
    batch_id: IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Cancel a batch: no further video starts, at no cost; videos that have started continue."""
    from wan_video_cli.api import batch_path
    from wan_video_cli.batch_words import without_links
    from wan_video_cli.screen import emit

    with options.open_api(profile, api_url) as api:
        batch = api.post(batch_path(batch_id, "cancel"))
    if as_json:
        emit(without_links(batch))
    else:
        print(f"{batch['id']} is being cancelled; videos that have started continue.")


@app.command()
@options.bundled(follow=following)
def retry(
    batch_id: IdArgument,
    key: KeyOption = None,
    max_price: Annotated[
        str | None,
        typer.Option("--max-price", help="Refuse the request if all its videos cost more, in the stack's currency."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the videos cost; nothing is stored or billed.")
    ] = False,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    *,
    follow: BatchFollowing,
) -> None:
    """Make the failed videos of a batch again: a new batch of new billed videos."""
    from wan_video_cli.api import batch_path

    path = batch_path(batch_id, "retry")
    body = {} if max_price is None else {"max_price": max_price}
    with options.open_api(profile, api_url) as api:
        if dry_run:
            show_quote(api.post(path, body, dry_run="true"), as_json=follow.as_json)
            return
        follow.prepare()
        # Without a key, a repeated request returns the same batch.
        follow.show(api, api.post(path, body, key=key))


def _fields(batch: Document) -> Iterator[tuple[str, str]]:
    from wan_video_cli.batch_words import standing, trouble
    from wan_video_cli.words import moment

    counts: dict[str, int] = batch["request_counts"]
    yield "id", batch["id"]
    yield "status", batch["status"]
    yield "standing", standing(batch) if standing(batch) != batch["status"] else ""
    yield "error", trouble(batch)
    yield "file", batch["name"]
    yield "retry of", batch["retry_of"] or ""
    for name, count in counts.items():
        yield name.replace("_", " "), f"{count:,}" if count else ""
    yield "made at", moment(batch["created_at"])
    yield "ended at", moment(batch["ended_at"])
    yield "kept until", moment(batch["expires_at"])
