"""The commands `usage`, `models`, `login`, `logout` and `profiles`: what you may do, and as which owner."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wan_video_cli import options
from wan_video_cli.commands import App
from wan_video_cli.errors import NotUsable, Refused
from wan_video_cli.profiles import DEFAULT, Profile
from wan_video_cli.settings import API_URL, BEARER, PROFILE, THIS_LOGIN, Settings, check_token, check_url
from wan_video_cli.words import UNKNOWN_PRICE, day, price

if TYPE_CHECKING:
    from wan_video_cli.api import Document

PANEL: Final = "Your account"

app = App()


@app.command(rich_help_panel=PANEL)
def usage(
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show what you have used today and this month, by UTC days."""
    from wan_video_cli.screen import emit, print_fields

    with options.open_api(profile, api_url) as api:
        account = api.get("/v1/usage")
    if as_json:
        emit(account)
        return
    limit = account["daily_seconds"]
    print_fields(
        (
            ("owner", account["owner"]),
            ("day", f"{account['day']} (UTC)"),
            ("today", _spent(account["today"])),
            ("this month", _spent(account["this_month"])),
            ("limit", "the token has no limit of its own" if limit is None else f"{limit} s a day"),
        )
    )


@app.command(rich_help_panel=PANEL)
def models(
    name: Annotated[str | None, typer.Argument(metavar="MODEL", help="One model, with all its sizes.")] = None,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List the models, what they make and what a second costs."""
    from wan_video_cli.screen import emit, print_fields, print_rows, say

    with options.open_api(profile, api_url) as api:
        listed = api.get("/v1/models")
    known: dict[str, Any] = {model["id"]: model for model in listed["data"]}
    if name is not None:
        options.check_model(name, listed)
    if as_json:
        emit(known[name] if name else listed)
    elif name:
        print_fields(_details(known[name]))
    else:
        columns = ("model", "resolutions", "seconds", "sound", "price of a second")
        print_rows(columns, [_row(model) for model in known.values()])
        for model in known.values():
            for region, at in model.get("retires_at", {}).items():
                say(f"{model['id']} goes offline in {region} on {day(at)}.")
        for warning in dict.fromkeys(model.get("price_warning") for model in known.values()):
            if warning:
                say(warning)
        for missing in listed.get("unreachable", []):
            say(f"{missing['id']} is not listed. {missing['reason']}")
        say("`wan-video models MODEL` lists the sizes and limits.")


@app.command(rich_help_panel=PANEL)
def login(
    profile: Annotated[str, typer.Option(envvar=PROFILE, help="The name of the profile.")] = DEFAULT,
    api_url: Annotated[
        str | None,
        typer.Option("--api-url", help="The stack's output ApiUrl; the command asks for it if it is missing."),
    ] = None,
    as_json: options.JsonOption = False,
) -> None:
    """Check an address and a token, and keep them as a profile.

    The command asks for the token without showing it, or reads it from standard input if that is not a terminal.
    """
    from wan_video_cli.api import Api
    from wan_video_cli.screen import emit, say

    url = check_url(api_url or _ask("Address of the API (the stack's output ApiUrl)"))
    token = check_token(_ask("Token (it is not shown)", hidden=True), "standard input")
    with Api(Settings(url, token, THIS_LOGIN)) as api:
        api.get("/healthz")
        try:
            owner = str(api.get("/v1/usage")["owner"])
        except Refused as error:
            # A token with only the scope `write` is valid too.
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            owner = None
    kept = options.profiles()
    kept.save(profile, Profile(url, token))
    if as_json:
        emit({"profile": profile, "api_url": url, "owner": owner})
        return
    print(f"Logged in{f' as {owner!r}' if owner else ''}; kept as profile {profile!r} in {kept.path}.")
    if hidden := [name for name in (API_URL, BEARER) if os.environ.get(name)]:
        say(f"{' and '.join(hidden)} take precedence as long as they are set.")


@app.command(rich_help_panel=PANEL)
def logout(
    profile: Annotated[str, typer.Option(envvar=PROFILE, help="The profile to remove.")] = DEFAULT,
    as_json: options.JsonOption = False,
) -> None:
    """Remove a profile; its token stays valid until `token revoke`."""
    from wan_video_cli.screen import emit

    if not options.profiles().remove(profile):
        raise NotUsable(f"There is no profile {profile!r}.", "`wan-video profiles` lists them.")
    if as_json:
        emit({"profile": profile, "forgotten": True})
    else:
        print(f"Profile {profile!r} is removed; `wan-video token revoke` revokes its token.")


@app.command(rich_help_panel=PANEL)
def profiles(as_json: options.JsonOption = False) -> None:
    """List the profiles; tokens are not shown."""
    from wan_video_cli.screen import emit, print_rows, say

    kept = options.profiles()
    known = kept.read()
    if as_json:
        emit([{"profile": name, "api_url": one.api_url} for name, one in known.items()])
    elif known:
        print_rows(("profile", "address"), [(name, one.api_url) for name, one in known.items()])
    else:
        say("There are no profiles yet; `wan-video login` creates one.")


def _ask(question: str, *, hidden: bool = False) -> str:
    """Read one line from the user or from standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(question, hide_input=hidden, err=True))
    line = sys.stdin.readline()
    if not line.strip():
        raise NotUsable(f"Standard input ended where this belongs: {question}.")
    return line


def _spent(amount: Document) -> str:
    reserved = f", {amount['reserved_seconds']} s more reserved" if amount["reserved_seconds"] else ""
    spent = price({"price": amount["spent_price"], "currency": amount["currency"]})
    unpriced = amount.get("unpriced_seconds")
    without = f" without {unpriced} s whose price is unknown" if unpriced else ""
    estimated = amount.get("estimated_seconds", amount["spent_seconds"])
    expected = f" (estimated {estimated} s)" if estimated != amount["spent_seconds"] else ""
    return f"{amount['spent_seconds']} s of video{expected}, {spent}{without}{reserved}"


def _row(model: Document) -> Sequence[str]:
    return (
        model["id"],
        " ".join(model["sizes"]),
        _lengths(model),
        "yes" if model["audio"] else "no",
        _prices(model),
    )


def _details(model: Document) -> Iterator[tuple[str, str]]:
    yield "model", model["id"]
    if images := model.get("images"):
        yield "image", _images(images)
    for tier, sizes in model["sizes"].items():
        if not sizes:
            continue
        yield tier, ", ".join(f"{size} ({ratio})" for ratio, size in sizes.items())
    for tier, ratios in model.get("aspect_ratios", {}).items():
        if unnamed := [ratio for ratio in ratios if ratio not in model["sizes"][tier]]:
            yield f"{tier} shapes", ", ".join(unnamed)
    yield "seconds", _lengths(model)
    yield "sound", ("can be left out" if model.get("audio_switch") else "yes") if model["audio"] else "no"
    yield "shot types", ", ".join(model["shot_types"])
    yield "prompt", f"up to {model['prompt_limit']} characters"
    for region, prices in model["regions"].items():
        listed = ", ".join(f"{tier} {Decimal(amount):.2f}" for tier, amount in prices.items())
        yield region, f"{listed} {model['currency']} a second" if listed else UNKNOWN_PRICE
        if silent := model.get("silent_regions", {}).get(region):
            quiet = ", ".join(f"{tier} {Decimal(amount):.2f}" for tier, amount in silent.items())
            yield f"{region} silent", f"{quiet} {model['currency']} a second"
        limit, offline = model.get("limits", {}).get(region), model.get("retires_at", {}).get(region)
        if limit is not None:
            yield f"limit in {region}", f"{limit['concurrency']} at once ({limit['source']})"
        if offline is not None:
            yield f"retires in {region}", day(offline)
    if model["priced_on"]:
        yield "prices of", model["priced_on"]
    if model.get("price_warning"):
        yield "note", model["price_warning"]


def _images(images: Document) -> str:
    frames = "first frame, or first and last frame" if images["last_frame"] else "first frame"
    sides, megabytes = f"{images['least_side']} to {images['most_side']} pixels", images["most_bytes"] // 2**20
    return f"{frames}{' (required)' if images['required'] else ''}; sides of {sides}, up to {megabytes} MB"


def _lengths(model: Document) -> str:
    seconds = model["seconds"]
    lengths = f"{seconds[0]}-{seconds[-1]}" if len(seconds) > 2 else " or ".join(map(str, seconds))
    return f"{lengths} or -1 (any)" if model.get("auto_seconds") else lengths


def _prices(model: Document) -> str:
    """Format the lowest and the highest price over all regions of this stack."""
    prices = sorted(Decimal(amount) for by_tier in model["regions"].values() for amount in by_tier.values())
    if not prices:
        return UNKNOWN_PRICE
    low, high = f"{prices[0]:.2f}", f"{prices[-1]:.2f}"
    unconfirmed = ", unconfirmed" if model.get("unconfirmed") else ""
    return f"{low if low == high else f'{low}-{high}'} {model['currency']}{unconfirmed}"
