"""The API from outside: its address, your token, and a real video if you want to pay for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from wan_video_cli.checks import CONNECT_SECONDS, READ_SECONDS, Finding, State, listed
from wan_video_cli.errors import Refused
from wan_video_cli.words import is_final, price, trouble

if TYPE_CHECKING:
    from wan_video_cli.api import Api

PROMPT: Final = "a paper fox looks into an empty letter box"
VIDEO_SECONDS: Final = 3600.0
LOOK_SECONDS: Final = 15.0

OLD_DAYS: Final = 180
"""Days after which prices are old; a test holds it to that of the functions."""


def address(url: str) -> Finding:
    """Check whether the API answers at its address; no token is sent."""
    from requests import RequestException

    from wan_video_cli.storage import anonymous, cause

    look = "Give the stack's output ApiUrl, with the stage at its end, by --api-url or WAN_VIDEO_API_URL."
    try:
        with anonymous(url) as session:
            answer = session.get(f"{url}/healthz", timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False)
    except RequestException as error:
        return Finding("api", State.FAILED, f"{url} cannot be reached: {cause(error)}.", look)
    if answer.status_code != HTTPStatus.OK:
        remedy = look if answer.status_code < 500 else "Read the log of `api`: it may lack a permission or its layer."
        return Finding("api", State.FAILED, f"{url}/healthz answers {answer.status_code}.", remedy)
    return Finding("api", State.OK, f"{url} answers.")


def token(api: Api) -> Finding:
    """Check whether the API accepts the token of the environment or of a profile."""
    try:
        owner = str(api.get("/v1/usage")["owner"])
    except Refused as error:
        # A token with only the scope `write` is valid too.
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return Finding("token", State.OK, "The API accepts your token, which lacks the scope `read`.")
    return Finding("token", State.OK, f"The API accepts your token, of the owner {owner!r}.")


def prices(models: Mapping[str, Any], today: date) -> Finding:
    """Check how old the prices are, from the answer of `GET /v1/models`."""
    days = [str(model["priced_on"]) for model in models["data"] if model["priced_on"]]
    if not days:
        return Finding("prices", State.OK, "The stack's own parameter states all prices.")
    oldest = min(days)
    age = (today - date.fromisoformat(oldest)).days
    unconfirmed = [model["id"] for model in models["data"] if model.get("unconfirmed")]
    note = f" Wan has not confirmed those of {listed(unconfirmed)}." if unconfirmed else ""
    if age > OLD_DAYS:
        return Finding(
            "prices",
            State.WARNING,
            f"The oldest prices are those of {oldest}, {age} days ago.{note}",
            "Compare them with Wan's price list, and state what has changed in the parameter WanPrices.",
        )
    return Finding("prices", State.OK, f"The oldest prices are those of {oldest}.{note}")


def cheapest(models: Mapping[str, Any]) -> Mapping[str, Any]:
    """Build the request for the cheapest video of the stack from the answer of `GET /v1/models`.

    Models that need an image are left out, because the doctor has none.
    """
    offers = [
        (Decimal(amount) * min(model["seconds"]), model["id"], region, tier, model)
        for model in models["data"]
        if not (model.get("images") or {}).get("required")
        for region, by_tier in model["regions"].items()
        for tier, amount in by_tier.items()
        if tier not in model.get("unconfirmed", {}).get(region, ())
    ]
    _, name, region, tier, model = min(offers, key=lambda offer: offer[:4])
    size = min(model["sizes"][tier].values())
    return {"prompt": PROMPT, "model": name, "region": region, "size": size, "seconds": min(model["seconds"])}


def video(
    api: Api,
    agrees: Callable[[str], bool],
    *,
    pause: Callable[[float], None] = time.sleep,
    within: float = VIDEO_SECONDS,
) -> Finding:
    """Make the cheapest video, if the user agrees to its price, and wait for it."""
    from wan_video_cli.api import new_key

    request = cheapest(api.get("/v1/models"))
    estimate = api.post("/v1/videos", request, dry_run="true")["estimate"]
    amount = price(estimate)
    if not agrees(f"{amount} for {request['seconds']} s of {request['model']} at {request['size']}"):
        return Finding("video", State.SKIPPED, f"You did not agree to {amount}.")
    # The price that was agreed to is the most that it may cost.
    made = api.post("/v1/videos", {**request, "max_price": estimate["price"]}, key=new_key())
    wait = f"`wan-video wait {made['id']}` continues to wait."
    deadline = time.monotonic() + within
    try:
        while not is_final(made) and time.monotonic() < deadline:
            reading = api.video(made["id"])
            made = reading.document
            if not is_final(made):
                pause(min(reading.ask_again or LOOK_SECONDS, LOOK_SECONDS))
    except KeyboardInterrupt:
        return Finding(
            "video", State.FAILED, f"You stopped waiting for {made['id']}; it continues and is billed.", wait
        )
    if made["status"] == "completed":
        return Finding("video", State.OK, f"{made['id']} was made and stored, for {amount}.")
    if is_final(made):
        return Finding(
            "video",
            State.FAILED,
            f"{made['id']} is {made['status']}: {trouble(made)}.",
            "Read the log of its function.",
        )
    return Finding("video", State.FAILED, f"{made['id']} is {made['status']} after {within:.0f} s.", wait)
