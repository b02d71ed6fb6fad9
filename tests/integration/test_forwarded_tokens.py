"""A storage that accepts only one signature, as S3 does, at an origin of its own: clients do not forward their token.

The local engine serves the API and the storage at one origin, where clients may send the token too, and accepts that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from openai import OpenAI

FILM = b"film"
REFUSAL = (
    b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query "
    b"parameter, Signature query string parameter or the Authorization header should be specified</Message></Error>"
)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a separate port, and yield the origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class Quiet(BaseHTTPRequestHandler):
    """A handler that logs nothing."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Storage(Quiet):
    """Returns a film for a signed link, and refuses a second signature."""

    def do_GET(self) -> None:
        twice = "X-Amz-Signature=" in self.path and "Authorization" in self.headers
        body = REFUSAL if twice else FILM
        self.send_response(400 if twice else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def api() -> Iterator[str]:
    """An API that redirects to such a storage for content."""
    with serving(Storage) as storage:

        class Api(Quiet):
            def do_GET(self) -> None:
                assert self.headers["Authorization"] == "Bearer wv_token"
                self.send_response(302)
                self.send_header("Location", f"{storage}/videos/film?X-Amz-Algorithm=a&X-Amz-Signature=b")
                self.send_header("Content-Length", "0")
                self.end_headers()

        with serving(Api) as url:
            yield url


def test_requests_does_not_forward_the_token(api: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{api}/v1/videos/a/content", headers={"Authorization": "Bearer wv_token"}, timeout=30)
    assert (answer.status_code, answer.content) == (200, FILM)


@pytest.mark.filterwarnings("ignore:The Sora API")
def test_the_openai_sdk_does_not_forward_the_token(api: str) -> None:
    with OpenAI(base_url=f"{api}/v1", api_key="wv_token", max_retries=0) as client:
        assert client.videos.download_content("video_1").content == FILM


def test_a_client_that_forwards_its_token_is_refused(api: str) -> None:
    token = {"Authorization": "Bearer wv_token"}
    with requests.Session() as session:
        session.trust_env = False
        redirect = session.get(f"{api}/v1/videos/a/content", headers=token, timeout=30, allow_redirects=False)
        answer = session.get(redirect.headers["Location"], headers=token, timeout=30)
        again = session.get(redirect.headers["Location"], timeout=30)
    assert (answer.status_code, answer.content) == (400, REFUSAL)
    assert again.content == FILM
