"""The commands `generate`, `retry`, `import` and `wait`, which end with a video."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer

from wan_video_cli import options
from wan_video_cli.commands import App
from wan_video_cli.errors import NotUsable
from wan_video_cli.following import Following
from wan_video_cli.options import ASK
from wan_video_cli.quotes import show_quote

PROMPT_BYTES: Final = 256 * 1024
"""The largest request body, in bytes, that the API reads."""

app = App()
PANEL: Final = "Make videos"


def _ask(name: str, help_text: str) -> Any:
    return typer.Option(name, help=help_text, rich_help_panel=ASK)


ResolutionOption = Annotated[str | None, _ask("--resolution", "720P and so on, instead of --size.")]
AspectRatioOption = Annotated[
    str | None, _ask("--aspect-ratio", "16:9 and so on, instead of --size; adaptive where the model can choose.")
]
SoundOption = Annotated[
    bool | None, _ask("--sound/--no-sound", "With sound (Wan's default), for models that have a choice.")
]


@app.command(rich_help_panel=PANEL)
@options.bundled(follow=options.following)
def generate(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="The prompt; - reads standard input. Optional with --image."),
    ] = None,
    image: Annotated[
        str | None, _ask("--image", "The image that the video begins with: a file, an https URL, or an input's id.")
    ] = None,
    last_image: Annotated[
        str | None, _ask("--last-image", "The image that the video ends with, for models that take one.")
    ] = None,
    model: options.ModelOption = None,
    size: options.SizeOption = None,
    resolution: ResolutionOption = None,
    aspect_ratio: AspectRatioOption = None,
    seconds: options.SecondsOption = None,
    region: options.RegionOption = None,
    negative: Annotated[str | None, _ask("--negative", "What the video must not show.")] = None,
    seed: Annotated[int | None, _ask("--seed", "The same seed makes a similar video.")] = None,
    audio: Annotated[str | None, _ask("--audio", "Public URL of a wav or mp3 file for the sound track.")] = None,
    sound: SoundOption = None,
    shot_type: Annotated[str | None, _ask("--shot-type", "single or multi, for models that support it.")] = None,
    extend: Annotated[bool | None, _ask("--extend/--no-extend", "Let Wan rewrite the prompt (Wan's default).")] = None,
    watermark: Annotated[bool | None, _ask("--watermark/--no-watermark", "Add Wan's watermark in the corner.")] = None,
    metadata: options.MetadataOption = None,
    custom_id: options.CustomIdOption = None,
    callback_url: Annotated[
        str | None, _ask("--callback-url", "Where the final event is sent; needs `webhook add` without a URL.")
    ] = None,
    max_price: options.MaxPriceOption = None,
    dry_run: options.DryRunOption = False,
    key: options.KeyOption = None,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    *,
    follow: Following,
) -> None:
    """Make a video, and optionally wait for it."""
    from wan_video_cli.api import new_key
    from wan_video_cli.images import Images

    if prompt is None and image is None:
        raise typer.BadParameter("Write what the video should show, or give an --image.", param_hint="PROMPT")
    images = Images.read(input_reference=image, last_frame=last_image)
    body = _said(
        prompt=_read_prompt() if prompt == "-" else prompt,
        model=model,
        size=size,
        resolution=resolution,
        aspect_ratio=aspect_ratio,
        seconds=seconds,
        region=region,
        negative_prompt=negative,
        seed=seed,
        audio_url=audio,
        audio=sound,
        shot_type=shot_type,
        prompt_extend=extend,
        watermark=watermark,
        metadata=options.read_metadata(metadata),
        custom_id=custom_id,
        callback_url=callback_url,
        max_price=max_price,
    )
    with options.open_api(profile, api_url) as api:
        if dry_run:
            try:
                quote = api.post("/v1/videos", {**body, **images.fields(api)}, dry_run="true")
            finally:
                images.forget(api)
            show_quote(quote, as_json=follow.as_json)
            return
        follow.prepare()
        follow.show(api, api.post("/v1/videos", {**body, **images.fields(api)}, key=key or new_key()))


@app.command(rich_help_panel=PANEL)
@options.bundled(follow=options.following)
def retry(
    video_id: options.IdArgument,
    max_price: options.MaxPriceOption = None,
    dry_run: options.DryRunOption = False,
    key: options.KeyOption = None,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    *,
    follow: Following,
) -> None:
    """Make an ended video again, as a new billed video."""
    from wan_video_cli.api import new_key, path_of

    body = _said(max_price=max_price)
    with options.open_api(profile, api_url) as api:
        if dry_run:
            show_quote(api.post(path_of(video_id, "retry"), body, dry_run="true"), as_json=follow.as_json)
            return
        follow.prepare()
        follow.show(api, api.post(path_of(video_id, "retry"), body, key=key or new_key()))


@app.command("import", rich_help_panel=PANEL)
@options.bundled(follow=options.following)
def import_(
    task_id: Annotated[str, typer.Argument(metavar="TASK_ID", help="The id that Wan gave the task.")],
    prompt: Annotated[str | None, _ask("--prompt", "The prompt of the task, as far as you know.")] = None,
    model: options.ModelOption = None,
    size: options.SizeOption = None,
    resolution: ResolutionOption = None,
    aspect_ratio: AspectRatioOption = None,
    seconds: options.SecondsOption = None,
    region: options.RegionOption = None,
    metadata: options.MetadataOption = None,
    custom_id: options.CustomIdOption = None,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    *,
    follow: Following,
) -> None:
    """Import a task that exists at Wan: the stack waits for it and stores it, and never submits it."""
    body = _said(
        task_id=task_id,
        prompt=prompt,
        model=model,
        size=size,
        resolution=resolution,
        aspect_ratio=aspect_ratio,
        seconds=seconds,
        region=region,
        metadata=options.read_metadata(metadata),
        custom_id=custom_id,
    )
    with options.open_api(profile, api_url) as api:
        follow.prepare()
        follow.show(api, api.post("/v1/videos/import", body))


@app.command(rich_help_panel=PANEL)
@options.bundled(follow=options.waiting)
def wait(
    video_id: options.IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    *,
    follow: Following,
) -> None:
    """Wait until a video has ended."""
    with options.open_api(profile, api_url) as api:
        follow.prepare()
        follow.show(api, api.video(video_id).document)


def _said(**fields: Any) -> dict[str, Any]:
    """Return the fields that were given; the API fills in the rest, and only the API validates them."""
    return {name: value for name, value in fields.items() if value is not None}


def _read_prompt() -> str:
    """Read the prompt from standard input, without the final line break that an editor or `echo` adds."""
    data = sys.stdin.buffer.read(PROMPT_BYTES + 1)
    if len(data) > PROMPT_BYTES:
        raise NotUsable("The text on standard input is too long for a prompt.", "`models` shows the limits.")
    try:
        return data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise NotUsable("The text on standard input is not UTF-8.") from None
