"""Which API to speak to, and with which token: from options, from the environment, from a profile, in this order.

A profile that is named on the command line comes before the environment. A profile's token is sent to that profile's
address and to no other, whatever else is set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from wan_video_cli.errors import NotUsable
from wan_video_cli.profiles import DEFAULT, Profiles

API_URL: Final = "WAN_VIDEO_API_URL"
BEARER: Final = "WAN_VIDEO_TOKEN"
PROFILE: Final = "WAN_VIDEO_PROFILE"

THIS_LOGIN: Final = "this login"
"""Where the token comes from that `login` checks."""

LOG_IN: Final = f"Run `wan-video login`, or set {API_URL} and {BEARER}."
HOW_TO_GET_ONE: Final = "A token is made with `wan-video token create`, by whoever may deploy the stack."

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True)
class Settings:
    """One API, the token for it, and where the token was found."""

    api_url: str
    token: str = field(repr=False)
    token_from: str


def resolve(
    profiles: Profiles, environ: Mapping[str, str], *, api_url: str | None = None, profile: str | None = None
) -> Settings:
    """Put the settings of a command together from its options `--api-url` and `--profile`, and everything else.

    Raises NotUsable where something is missing, or cannot be right.
    """
    known = profiles.read()
    asked = profile or environ.get(PROFILE)
    name = asked or DEFAULT
    if asked and asked not in known:
        there = f"There are {', '.join(sorted(known))}." if known else "There are no profiles yet."
        raise NotUsable(f"There is no profile {asked!r}.", f"{there} `wan-video login --profile {asked}` makes it.")
    chosen = known.get(name)
    around = {} if profile else environ
    url = api_url or around.get(API_URL) or (chosen.api_url if chosen else None)
    if not url:
        raise NotUsable("It is not known which API to speak to.", LOG_IN)
    url = check_url(url)
    if token := around.get(BEARER):
        return Settings(url, check_token(token, BEARER), BEARER)
    if chosen and check_url(chosen.api_url) == url:
        return Settings(url, check_token(chosen.token, f"profile {name!r}"), f"profile {name!r}")
    raise NotUsable(f"There is no token for {url}.", f"{LOG_IN} {HOW_TO_GET_ONE}")


def check_url(text: str) -> str:
    """The address of an API without a slash at its end; raises NotUsable for one that a token must not be sent to."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise NotUsable(f"{text!r} is not an address.", "Give the stack's output ApiUrl.") from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
        raise NotUsable(f"{text!r} is not the address of an API.", "Give the stack's output ApiUrl.")
    if parts.scheme == "http" and not is_loopback(url):
        raise NotUsable(f"{url} would send your token in the clear.", "Use https.")
    return url


def check_token(text: str, where: str) -> str:
    """A token without the space around it; raises NotUsable for what can be none, without showing it."""
    token = text.strip()
    if _TOKEN.fullmatch(token) is None:
        raise NotUsable(f"What {where} holds is no token: it has characters that no token has.", HOW_TO_GET_ONE)
    return token


def is_loopback(url: str) -> bool:
    """Whether an address is one of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
