"""Images on the web: only public addresses, only one host, and an end for every server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration import raw_server
from tests.integration.raw_server import RawServer, Talk
from wan_video.adapters.connections import Address, public_addresses
from wan_video.adapters.transfer.web_images import HttpImages
from wan_video.errors import ImageUnavailable

PATIENT, BRIEF = 60.0, 0.3
LINK = "/fox.png?token=CANARY-LINK"


@contextmanager
def serving(talk: Talk) -> Iterator[RawServer]:
    with raw_server.raw_server(talk) as server:
        yield server


def refusal(images: HttpImages, url: str, seconds: float = PATIENT) -> ImageUnavailable:
    with pytest.raises(ImageUnavailable) as refused:
        images.fetch(url, seconds)
    assert "CANARY" not in str(refused.value)
    return refused.value


def test_an_image_is_read_whole() -> None:
    with serving(raw_server.say(raw_server.answer("200 OK", b"PNG" * 100_000))) as server:
        assert HttpImages([server.url]).fetch(server.url + LINK, PATIENT) == b"PNG" * 100_000
        (asked,) = server.requests
    assert asked.startswith(b"GET /fox.png?token=CANARY-LINK HTTP/1.1\r\n")
    assert b"Authorization" not in asked


@pytest.mark.parametrize(
    "talk",
    [
        raw_server.never_answer,
        raw_server.drip("HTTP/1.1 200 OK\r\nX-Slow: "),
        raw_server.drip("HTTP/1.1 404 Not Found\r\nX-Slow: "),
        raw_server.drip("HTTP/1.1 302 Found\r\nX-Slow: "),
        raw_server.drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    ],
    ids=["silent", "slow header", "slow header of an error", "slow header of a redirect", "slow content"],
)
def test_a_slow_server_is_cut_off_at_the_deadline(talk: Talk) -> None:
    before = threading.active_count()
    with serving(talk) as server:
        error = refusal(HttpImages([server.url]), server.url + LINK, BRIEF)
    assert ("did not send it within" in error.message, error.temporary) == (True, True)
    assert threading.active_count() <= before + 1


def test_plain_http_is_only_for_the_origins_of_tests() -> None:
    with serving(raw_server.say(raw_server.answer("200 OK", b"PNG"))) as server:
        refused = refusal(HttpImages(), server.url + LINK)
        other = refusal(HttpImages(["http://127.0.0.1:1"]), server.url + LINK)
        assert server.requests == []
    assert "does not name a public host" in refused.message
    assert "does not name a public host" in other.message


def test_a_name_that_leads_only_into_private_networks_gets_no_connection() -> None:
    asked: list[str] = []

    def dns(host: str, port: int) -> list[Address]:
        asked.append(host)
        return [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET, ("10.0.0.1", port))]

    images = HttpImages(addresses=lambda host, port: public_addresses(host, port, dns))
    assert "no public address" in refusal(images, "https://example.com" + LINK).message
    assert asked == ["example.com"]


def test_a_name_that_does_not_exist_is_a_temporary_refusal() -> None:
    def dns(host: str, port: int) -> list[Address]:
        raise socket.gaierror

    error = refusal(HttpImages(addresses=dns), "https://example.com" + LINK)
    assert ("could not be reached (gaierror)" in error.message, error.temporary) == (True, True)


def test_a_redirect_never_leads_to_another_origin() -> None:
    with serving(raw_server.say(raw_server.answer("200 OK", b"PNG"))) as other:
        away = raw_server.say(raw_server.answer("302 Found", b"", f"Location: {other.url}/fox.png"))
        with serving(away) as server:
            refused = refusal(HttpImages([server.url, other.url]), server.url + LINK)
        assert other.requests == []
    assert "redirects to another host" in refused.message
