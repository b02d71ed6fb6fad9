"""The options that many commands share, and the values that they become."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wan_video_cli.commands import JSON
from wan_video_cli.errors import NotUsable
from wan_video_cli.following import Following
from wan_video_cli.profiles import Profiles, config_path
from wan_video_cli.settings import PROFILE, resolve
from wan_video_cli.waiting import DAY as DAY

if TYPE_CHECKING:
    from wan_video_cli.api import Api, Document

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _remember(context: typer.Context, wanted: bool) -> bool:
    context.meta[JSON] = wanted
    return wanted


def _profile_names(incomplete: str) -> list[str]:
    try:
        return [name for name in profiles().read() if name.startswith(incomplete)]
    except NotUsable:
        return []


def read_span(value: str | float) -> float:
    """Parse a duration such as `90`, `90s`, `10m`, `24h` or `2d` into seconds; raises BadParameter."""
    text = str(value)  # Typer passes defaults through here as well
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd]?)", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a duration; write 90s, 10m, 24h or 2d.")
    return float(match[1]) * _UNITS[match[2]]


ASK: Final = "The video"
WAITING: Final = "Waiting"
WHERE: Final = "API and output"

JsonOption = Annotated[
    bool, typer.Option("--json", callback=_remember, help="Print one JSON document.", rich_help_panel=WHERE)
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help=f"A profile that `login` made, instead of {PROFILE} or 'default'.",
        autocompletion=_profile_names,
        rich_help_panel=WHERE,
    ),
]
ApiUrlOption = Annotated[
    str | None,
    typer.Option("--api-url", help="The stack's output ApiUrl, for this command only.", rich_help_panel=WHERE),
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The video's id.", show_default=False)]

WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until the video has ended.", rich_help_panel=WAITING)]
DownloadOption = Annotated[
    Path | None,
    typer.Option("--download", metavar="DIR", help="Wait, and save the video in this folder.", rich_help_panel=WAITING),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="TIME",
        parser=read_span,
        show_default="24h",
        help="The longest time to wait: 90s, 10m, 2h. The video continues.",
        rich_help_panel=WAITING,
    ),
]
EveryOption = Annotated[
    float | None,
    typer.Option(
        "--every",
        metavar="TIME",
        parser=read_span,
        help="The interval between reads, instead of the API's own.",
        rich_help_panel=WAITING,
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.", rich_help_panel=WAITING)]

ModelOption = Annotated[str | None, typer.Option(help="A model that `models` lists.", rich_help_panel=ASK)]
SizeOption = Annotated[str | None, typer.Option(metavar="WxH", help="Such as 1280x720.", rich_help_panel=ASK)]
SecondsOption = Annotated[int | None, typer.Option(help="Length of the video.", rich_help_panel=ASK)]
RegionOption = Annotated[str | None, typer.Option(help="The region in which Wan makes it.", rich_help_panel=ASK)]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="KEY=VALUE",
        help="A note that stays with the video; may be repeated.",
        rich_help_panel=ASK,
    ),
]
CustomIdOption = Annotated[str | None, typer.Option(help="Your own name for the video.", rich_help_panel=ASK)]
MaxPriceOption = Annotated[
    str | None,
    typer.Option(
        "--max-price",
        help="Refuse the request if it costs more, in the stack's currency.",
        rich_help_panel=ASK,
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Check and price the request; nothing is stored or billed.", rich_help_panel=ASK),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        help="Requests with the same key and content make one video.",
        rich_help_panel=ASK,
    ),
]


def waiting(
    folder: DownloadOption = None,
    timeout: TimeoutOption = DAY,
    every: EveryOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> Following:
    """How to wait for a video, and how to print the result."""
    return Following(True, folder, timeout, every, force, as_json)


def following(
    wait: WaitOption = False,
    folder: DownloadOption = None,
    timeout: TimeoutOption = DAY,
    every: EveryOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> Following:
    """How long to follow a video, and how to print the result."""
    return Following(wait, folder, timeout, every, force, as_json)


def bundled(**makers: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of the named `makers` in place of the parameters of these names.

    The command receives the value that each maker builds; Typer sees the options.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        asked = {name: inspect.signature(maker, eval_str=True).parameters for name, maker in makers.items()}
        own = inspect.signature(command, eval_str=True).parameters
        shown = [param for name, param in own.items() if name not in makers]
        shown += [param for params in asked.values() for param in params.values()]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            made = {name: makers[name](**{each: given.pop(each) for each in params}) for name, params in asked.items()}
            command(**given, **made)

        run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        run.__annotations__ = {param.name: param.annotation for param in shown}
        return run

    return decorate


def profiles() -> Profiles:
    """The profiles of this user."""
    return Profiles(config_path(os.environ))


def open_api(profile: str | None, api_url: str | None) -> Api:
    """Open the API that the command's options, the environment and the profiles select; raises NotUsable."""
    from wan_video_cli.api import Api
    from wan_video_cli.screen import say

    known = profiles()
    settings = resolve(known, os.environ, api_url=api_url, profile=profile)
    if not known.is_private():
        say(f"Others can read the tokens in {known.path}; `chmod 600` it.")
    return Api(settings)


def read_metadata(pairs: list[str] | None) -> dict[str, str] | None:
    """Turn `KEY=VALUE` pairs into an object; raises BadParameter."""
    found: dict[str, str] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key or key in found:
            raise typer.BadParameter(f"{pair!r}: write KEY=VALUE, each key once.", param_hint="--metadata")
        found[key] = value
    return found or None


def check_model(name: str, listed: Document) -> None:
    """Raise NotUsable for a model that the list does not contain; the message names the models of the list."""
    known = [str(model["id"]) for model in listed["data"]]
    if name not in known:
        raise NotUsable(f"This stack has no model {name!r}.", f"There are {', '.join(known)}.")
