"""Rules for addresses: the hosts that a result may come from, the links that Wan may fetch, and webhooks' receivers.

Parsing is strict: what is not clearly right is refused.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_URL_LENGTH: Final = 2048

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_RULE_LABEL: Final = re.compile(r"[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?", re.ASCII)
_TOP_LABEL: Final = re.compile(r"[a-z]+|xn--[a-z0-9-]+", re.ASCII)
_IPV6_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)
"""Networks for protocol assignments and documentation, which some versions of Python treat as global.

Source: IANA, "IPv4 Special-Purpose Address Registry" and "IPv6 Special-Purpose Address Registry".
"""
_PRIVATE_ENDINGS: Final = (
    "local",
    "localhost",
    "internal",
    "lan",
    "home",
    "arpa",
    "test",
    "invalid",
    "example",
    "onion",
    "alt",
    "cluster",
    "consul",
    "corp",
    "docker",
    "intranet",
    "k8s",
    "kube",
    "localdomain",
    "private",
    "svc",
)
"""Reserved names, and names that clusters and companies use internally; they are not domains of the internet."""


_OSS_HOST: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\.oss-[a-z0-9-]{1,58}[a-z0-9]\.aliyuncs\.com", re.ASCII)
"""A bucket of Alibaba Cloud's object storage in any region, and by its accelerated endpoints.

Source: Alibaba Cloud OSS, "Bucket naming conventions" and "Regions and endpoints".
"""

_FORMER_DEFAULT: Final = frozenset(
    {
        "dashscope-result-*.oss-cn-*.aliyuncs.com",
        "dashscope-result-*.oss-accelerate.aliyuncs.com",
        "dashscope-result-*.oss-ap-southeast-1.aliyuncs.com",
        "dashscope-result-*.oss-us-east-1.aliyuncs.com",
        "dashscope-result-*.oss-eu-central-1.aliyuncs.com",
    }
)
"""The default rules up to release 0.2.0, which a stack keeps when it is upgraded; they were not meant to narrow."""


@dataclass(frozen=True, slots=True)
class ResultHosts:
    """The hosts that a link to a result may name, parsed once.

    Without rules it is any bucket of Alibaba Cloud's object storage (`{bucket}.oss-{region}.aliyuncs.com`), over HTTPS
    on its own port. A rule narrows this to the hosts that it names; `*` stands for one or more characters inside one
    label. A rule `http://host:port` allows exactly that origin and is meant for loopback.
    """

    patterns: tuple[re.Pattern[str], ...]
    origins: frozenset[str]
    narrowed: bool

    @classmethod
    def parse(cls, rules: str) -> ResultHosts:
        """Read rules that are separated by commas; raises ValueError that names the wrong one."""
        given = [rule for part in rules.split(",") if (rule := part.strip())]
        if set(given) == _FORMER_DEFAULT:
            given = []
        patterns: list[re.Pattern[str]] = []
        origins: set[str] = set()
        for rule in given:
            if rule.startswith("http://"):
                parts = _split(rule)
                if parts is None or not _is_plain_origin(parts) or rule != f"http://{parts.netloc}":
                    raise ValueError(f"not an origin: {rule!r}")
                origins.add(parts.netloc)
            elif _is_rule(rule):
                patterns.append(re.compile(re.escape(rule).replace(r"\*", "[a-z0-9-]+"), re.ASCII))
            else:
                raise ValueError(f"not a host rule like *.oss-*.aliyuncs.com: {rule!r}")
        return cls(tuple(patterns), frozenset(origins), bool(given))

    def allow(self, url: str) -> bool:
        """Return whether a video may be fetched from `url`."""
        parts = _split(url)
        if parts is None or parts.hostname is None:
            return False
        if parts.scheme == "http":
            return parts.netloc in self.origins
        host = parts.hostname
        if parts.scheme != "https" or parts.netloc not in (host, f"{host}:443") or not _OSS_HOST.fullmatch(host):
            return False
        return not self.narrowed or any(pattern.fullmatch(host) for pattern in self.patterns)


def _is_rule(rule: str) -> bool:
    labels = rule.split(".")
    return (
        len(labels) == 4
        and all(_RULE_LABEL.fullmatch(label) for label in labels[:2])
        and labels[1].startswith("oss-")
        and labels[2:] == ["aliyuncs", "com"]
    )


def public_url_problem(url: str, most: int = MAX_URL_LENGTH) -> str | None:
    """Return why `url` is not a public http or https link of at most `most` characters, or None if it is."""
    if len(url) > most:
        return f"is longer than {most} characters"
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "is not an http or https link"
    if "@" in parts.netloc:
        return "contains a user name"
    host = parts.hostname
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        # A last label without letters is another form of an IPv4 address (2130706433, 0x7f.1, 127.1).
        if (
            len(labels) < 2
            or not all(_LABEL.fullmatch(label) for label in labels)
            or not _TOP_LABEL.fullmatch(labels[-1])
        ):
            return "does not name a public host"
        return "does not name a public host" if labels[-1] in _PRIVATE_ENDINGS else None
    return None if is_public(address) else "does not name a public host"


@dataclass(frozen=True, slots=True)
class WebhookOrigins:
    """The origins, as `scheme://host:port`, to which the rules for addresses of webhooks do not apply.

    They are for tests; a stack has none by default.
    """

    origins: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> WebhookOrigins:
        """Read origins that are separated by commas; raises ValueError that names the wrong one."""
        origins = frozenset(part.strip() for part in text.split(",") if part.strip())
        for origin in origins:
            parts = _split(origin)
            exact = parts is not None and parts.scheme in ("http", "https") and _is_plain_origin(parts)
            if parts is None or not exact or origin != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(f"not an origin like http://127.0.0.1:8000: {origin!r}")
        return cls(origins)

    def exempt(self, url: str) -> bool:
        """Return whether the rules do not apply to `url`."""
        parts = _split(url)
        return parts is not None and f"{parts.scheme}://{parts.netloc}" in self.origins

    def problem(self, url: str) -> str | None:
        """Return why events are not sent to `url`, or None: it must be public, and use HTTPS on its own port."""
        if self.exempt(url):
            return None
        if problem := public_url_problem(url):
            return problem
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.port not in (None, 443):
            return "does not use HTTPS on port 443"
        return "contains a fragment" if parts.fragment else None


NO_ORIGINS: Final = WebhookOrigins()


def _is_plain_origin(parts: SplitResult) -> bool:
    return parts.port is not None and parts.netloc == f"{parts.hostname}:{parts.port}"


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether an address belongs to a machine on the internet, and not to a private network or this machine."""
    if isinstance(address, ipaddress.IPv6Address) and (address not in _IPV6_UNICAST or address.sixtofour is not None):
        # Addresses outside of it, and 6to4 addresses inside, may contain an IPv4 address that is private.
        return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _SPECIAL)


def _split(url: str) -> SplitResult | None:
    """Split a URL that is plain ASCII without spaces, controls or backslashes; None for any other."""
    if not url.isascii() or any(char <= " " or char in "\\\x7f" for char in url):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (the property raises for an invalid port)
    except ValueError:
        return None
    return parts if parts.netloc else None
