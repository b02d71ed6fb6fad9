"""The commands `list`, `show`, `download`, `cancel` and `delete`, which manage existing videos."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wan_video_cli import options
from wan_video_cli.commands import App
from wan_video_cli.download import Variant
from wan_video_cli.listing import AllOption, LimitOption, page_size, print_document, print_list

if TYPE_CHECKING:
    from wan_video_cli.api import Api, Document

PANEL: Final = "Manage videos"

app = App()


class Status(StrEnum):
    """The states of a video."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@app.command("list", rich_help_panel=PANEL)
def list_(
    status: Annotated[Status | None, typer.Option(help="Only videos of this status.")] = None,
    model: Annotated[str | None, typer.Option(help="Only videos of this model.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only videos of this batch, from the end of its file.")] = None,
    limit: LimitOption = 20,
    everything: AllOption = False,
    thumbnails: Annotated[
        Path | None,
        typer.Option("--thumbnails", metavar="DIR", help="Save the thumbnails of these videos in this folder."),
    ] = None,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List your videos, newest first."""
    from wan_video_cli.download import prepare_folder
    from wan_video_cli.words import expected_price, is_final, length, minute, price, shape

    if thumbnails is not None:
        prepare_folder(thumbnails)
    with options.open_api(profile, api_url) as api:
        videos, more = api.pages("/v1/videos", page_size(limit, everything), status=status, model=model, batch_id=batch)
        if not videos and batch is not None:
            api.batch(batch)  # raises Refused for one that does not exist
        if not videos and model is not None:
            options.check_model(model, api.get("/v1/models"))
        if thumbnails is not None:
            _save_thumbnails(api, videos, thumbnails)
    print_list(
        videos,
        more,
        {
            "id": lambda video: video["id"],
            "status": lambda video: video["status"],
            "made of": lambda video: f"{video['model']} {shape(video)} {length(video).replace(' s', 's')}",
            "price": lambda video: (
                price(video["usage"]) if video["usage"] or is_final(video) else expected_price(video["estimate"])
            ),
            "created at": lambda video: minute(video["created_at"]),
            "prompt": lambda video: video["prompt"],
        },
        as_json=as_json,
        nothing=(
            "There are no videos."
            if status or model or batch
            else 'There are no videos yet; `wan-video generate "..."` makes one.'
        ),
        elastic="prompt",
        spare=("price", "made of", "created at"),
    )


def _save_thumbnails(api: Api, videos: Sequence[Document], folder: Path) -> None:
    """Save the thumbnails of videos that have one, unless they were saved before; they never change."""
    from wan_video_cli.download import download as save
    from wan_video_cli.download import file_name
    from wan_video_cli.screen import say

    ready = [video["id"] for video in videos if video["thumbnail"] == "ready"]
    for video_id in ready:
        path = folder / file_name(video_id, Variant.THUMBNAIL)
        if not path.exists():
            save(api, video_id, path, variant=Variant.THUMBNAIL)
    say(f"{len(ready)} of {len(videos)} videos have a thumbnail, which is in {folder}.")


@app.command(rich_help_panel=PANEL)
def show(
    video_id: options.IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show everything about a video."""
    with options.open_api(profile, api_url) as api:
        video = api.video(video_id).document
    print_document(video, _fields, as_json=as_json)


@app.command(rich_help_panel=PANEL)
def download(
    video_id: options.IdArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The target file; by default <id>.mp4, .json or .jpg in the current folder.",
        ),
    ] = None,
    variant: Annotated[
        Variant, typer.Option(help="The video, its JSON, or its thumbnail if the stack makes any.")
    ] = Variant.VIDEO,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Save a completed video."""
    from wan_video_cli.download import download as save
    from wan_video_cli.download import file_name
    from wan_video_cli.screen import emit

    with options.open_api(profile, api_url) as api:
        target = output or Path(file_name(video_id, variant))
        if target.is_dir():
            target /= file_name(video_id, variant)
        written = save(api, video_id, target, variant=variant, force=force)
    if as_json:
        emit({"id": video_id, "path": str(target), "bytes": written})
    else:
        print(target)


@app.command(rich_help_panel=PANEL)
def cancel(
    video_id: options.IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Cancel a video that is still waiting, here or at Wan, at no cost."""
    from wan_video_cli.api import path_of
    from wan_video_cli.screen import emit

    with options.open_api(profile, api_url) as api:
        video = api.post(path_of(video_id, "cancel"))
    if as_json:
        emit(video)
    elif video["status"] == "cancelled":
        print(f"{video['id']} is cancelled; nothing is billed.")
    else:
        print(f"Wan accepted the cancellation; `wan-video wait {video['id']}` shows how {video['id']} ends.")


@app.command(rich_help_panel=PANEL)
def delete(
    video_id: options.IdArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking; scripts are never asked.")] = False,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Delete a video that has ended, its file included."""
    from wan_video_cli.api import path_of
    from wan_video_cli.screen import emit
    from wan_video_cli.words import checked_id

    if not yes and sys.stdin.isatty():
        typer.confirm(f"Delete {checked_id(video_id)} and its file for good?", abort=True, err=True)
    with options.open_api(profile, api_url) as api:
        deleted = api.delete(path_of(video_id))
    if as_json:
        emit(deleted)
    else:
        print(f"{deleted['id']} is deleted.")


def _fields(video: Document) -> Iterator[tuple[str, str]]:
    """Build the lines of `show`, the most wanted first."""
    from wan_video_cli.words import expected_price, moment, price, standing, trouble, wanted

    upstream: dict[str, Any] = video["upstream"] or {}
    under_way = video["status"] in ("queued", "in_progress")
    yield "id", video["id"]
    yield "status", video["status"]
    if under_way:
        yield "standing", f"{standing(video)}, {video['progress']} %" if upstream else standing(video)
    yield ("condition" if under_way else "error"), trouble(video)
    yield "prompt", video["prompt"]
    yield "rewritten as", video["actual_prompt"] or ""
    yield "negative", video["negative_prompt"] or ""
    yield "made of", f"{wanted(video)}, seed {video['seed']}"
    yield "region", video["region"]
    yield "audio", video["audio_url"] or ""
    yield "shot type", video["shot_type"] or ""
    yield "sound", {True: "yes", False: "no", None: ""}[video.get("audio")]
    yield "price", price(video["usage"]) or f"{expected_price(video['estimate'])} (estimate)"
    yield "billed", _bill(video["usage"] or {})
    yield "custom id", video["custom_id"] or ""
    yield "batch", video["batch_id"] or ""
    for key, value in video["metadata"].items():
        yield "metadata", f"{key}={value}"
    yield "created at", moment(video["created_at"])
    yield "started at", moment(video["started_at"])
    yield "completed at", moment(video["completed_at"])
    yield "kept until", moment(video["expires_at"])
    yield "task at Wan", upstream.get("task_id") or ""


def _bill(usage: Document) -> str:
    """Describe a bill that differs from the estimate; an empty string for any other."""
    if not usage.get("differs"):
        return ""
    return f"{usage['stated_seconds']} s, and {usage['estimated_seconds']} s were estimated"
