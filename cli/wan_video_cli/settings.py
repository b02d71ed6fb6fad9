"""The address of the API and its token: from options, the environment or a profile, in this order.

A profile named on the command line takes precedence over the environment. A profile's token is sent only to that
profile's address, whatever else is set.
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
"""The source of the token that `login` checks."""

LOG_IN: Final = f"Run `wan-video login`, or set {API_URL} and {BEARER}."
HOW_TO_GET_ONE: Final = "Anyone who may deploy the stack can create a token with `wan-video token create`."

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
    """Determine the settings of a command from its options, the environment and the profiles.

    Raises NotUsable if a setting is missing or invalid.
    """
    known = profiles.read()
    asked = profile or environ.get(PROFILE)
    name = asked or DEFAULT
    if asked and asked not in known:
        known_profiles = f"There are {', '.join(sorted(known))}." if known else "There are no profiles yet."
        raise NotUsable(
            f"There is no profile {asked!r}.", f"{known_profiles} `wan-video login --profile {asked}` creates it."
        )
    chosen = known.get(name)
    around = {} if profile else environ
    url = api_url or around.get(API_URL) or (chosen.api_url if chosen else None)
    if not url:
        raise NotUsable("The address of the API is not set.", LOG_IN)
    url = check_url(url)
    if token := around.get(BEARER):
        return Settings(url, check_token(token, BEARER), BEARER)
    if chosen and check_url(chosen.api_url) == url:
        return Settings(url, check_token(chosen.token, f"profile {name!r}"), f"profile {name!r}")
    raise NotUsable(f"There is no token for {url}.", f"{LOG_IN} {HOW_TO_GET_ONE}")


def check_url(text: str) -> str:
    """Return an API's address without a final slash; raises NotUsable if a token must not be sent to it."""
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
    """Strip a token; raises NotUsable, without showing the text, if it cannot be a token."""
    token = text.strip()
    if _TOKEN.fullmatch(token) is None:
        raise NotUsable(
            f"The value of {where} is not a token: it contains characters that no token has.", HOW_TO_GET_ONE
        )
    return token


def is_loopback(url: str) -> bool:
    """Return whether an address is one of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
