"""The command `wan-video webhook`: endpoints that receive your events, and their deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wan_video_cli import options
from wan_video_cli.commands import App
from wan_video_cli.listing import print_list

if TYPE_CHECKING:
    from wan_video_cli.api import Document

ROOT: Final = "/v1/webhook_endpoints"
SEE: Final = "`wan-video webhook list` shows what has arrived."

app = App(help="Receive events as signed requests to your own URL.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id.", show_default=False)]


@app.command()
def add(
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="Where events are sent; without it, the endpoint only signs callbacks."),
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option("--event", metavar="TYPE", help="Only this type of event; may be repeated.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="A note for yourself.")] = None,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Create an endpoint and show its secret once."""
    given = {"url": url, "event_types": event, "description": description}
    body = {name: value for name, value in given.items() if value is not None}
    with options.open_api(profile, api_url) as api:
        endpoint = api.post_once(ROOT, body, SEE)
    _show_secret(endpoint, f"Endpoint {endpoint['id']}", as_json=as_json)


@app.command("list")
def list_(
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List the endpoints, the oldest first."""
    from wan_video_cli.words import minute

    with options.open_api(profile, api_url) as api:
        endpoints: Sequence[Document] = api.get(ROOT)["data"]
    print_list(
        endpoints,
        False,
        {
            "id": lambda endpoint: endpoint["id"],
            "status": lambda endpoint: endpoint["status"],
            "made at": lambda endpoint: minute(endpoint["created_at"]),
            "events": lambda endpoint: " ".join(endpoint["event_types"] or ["all"]),
            "url": lambda endpoint: endpoint["url"] or "(signs callbacks)",
            "description": lambda endpoint: endpoint["description"],
        },
        as_json=as_json,
        nothing="There are no endpoints yet; `wan-video webhook add URL` creates one.",
        elastic="url",
        spare=("made at", "description"),
    )


@app.command()
def rotate(
    endpoint_id: IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Replace the secret of an endpoint; for 24 hours, events are signed with both."""
    with options.open_api(profile, api_url) as api:
        endpoint = api.post_once(_path(endpoint_id, "rotate"), None, SEE)
    _show_secret(endpoint, f"The new secret of {endpoint['id']}", as_json=as_json)


@app.command()
def enable(
    endpoint_id: IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Send events again to an endpoint that was disabled because its server answered 410."""
    from wan_video_cli.screen import emit

    with options.open_api(profile, api_url) as api:
        endpoint = api.post_once(_path(endpoint_id, "enable"), None, SEE)
    if as_json:
        emit(endpoint)
        return
    print(f"{endpoint_id} is {endpoint['status']}; `wan-video webhook replay` delivers the failed events again.")


@app.command("test")
def send_test(
    endpoint_id: IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Send a test event to an endpoint."""
    from wan_video_cli.screen import emit

    with options.open_api(profile, api_url) as api:
        delivery = api.post_once(_path(endpoint_id, "test"), None, f"See `wan-video webhook deliveries {endpoint_id}`.")
    if as_json:
        emit(delivery)
        return
    print(f"{delivery['event_id']} is on its way; `wan-video webhook deliveries {endpoint_id}` shows the answer.")


@app.command()
def remove(
    endpoint_id: IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Delete an endpoint; events that have not been delivered to it are no longer delivered."""
    from wan_video_cli.screen import emit

    with options.open_api(profile, api_url) as api:
        answer = api.delete(_path(endpoint_id), SEE)
    if as_json:
        emit(answer)
    else:
        print(f"{endpoint_id} is deleted.")


@app.command()
def deliveries(
    endpoint_id: IdArgument,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List the deliveries of the last 100 events, the latest first."""
    with options.open_api(profile, api_url) as api:
        listed: Sequence[Document] = api.get(_path(endpoint_id, "deliveries"))["data"]
    _print_deliveries(listed, as_json=as_json, nothing="No event has been sent to this endpoint yet.")


@app.command()
def replay(
    endpoint_id: IdArgument,
    delivery: Annotated[
        str | None, typer.Option("--delivery", metavar="ID", help="One delivery that has ended, by its id.")
    ] = None,
    failed_since: Annotated[
        int | None,
        typer.Option("--failed-since", metavar="TIME", help="All that failed since then, in Unix seconds; up to 100."),
    ] = None,
    profile: options.ProfileOption = None,
    api_url: options.ApiUrlOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Deliver events again: one of them, or those whose deliveries failed."""
    if (delivery is None) == (failed_since is None):
        raise typer.BadParameter("Give either --delivery or --failed-since.", param_hint="--delivery")
    body = {"delivery_id": delivery} if delivery is not None else {"failed_since": failed_since}
    with options.open_api(profile, api_url) as api:
        replayed = api.post_once(
            _path(endpoint_id, "replay"), body, f"See `wan-video webhook deliveries {endpoint_id}`."
        )
    _print_deliveries(replayed["data"], as_json=as_json, nothing="No delivery has failed since then.")


def _path(endpoint_id: str, *parts: str) -> str:
    """Build the path of an endpoint; raises NotUsable for an id that would lead elsewhere."""
    from wan_video_cli.words import checked_id

    return "/".join((ROOT, checked_id(endpoint_id, "webhook"), *parts))


def _show_secret(endpoint: Document, what: str, *, as_json: bool) -> None:
    from wan_video_cli.screen import emit, say

    if as_json:
        emit(endpoint)
        return
    say(f"{what}; keep the secret, it is not shown again:")
    print(endpoint["secret"])


def _print_deliveries(deliveries: Sequence[Document], *, as_json: bool, nothing: str) -> None:
    from wan_video_cli.words import minute

    print_list(
        deliveries,
        False,
        {
            "id": lambda delivery: delivery["id"],
            "status": lambda delivery: delivery["status"],
            "made at": lambda delivery: minute(delivery["created_at"]),
            "event": lambda delivery: delivery["event_type"],
            "attempts": lambda delivery: str(delivery["attempts"]),
            "last answer": lambda delivery: ", ".join(_last_answer(delivery)),
        },
        as_json=as_json,
        nothing=nothing,
        spare=("made at",),
    )


def _last_answer(delivery: Document) -> Iterator[str]:
    last = delivery["last_attempt"]
    if last is not None:
        yield str(last["status_code"]) if last["status_code"] is not None else str(last["error"])
    if delivery["error"]:
        yield str(delivery["error"])
