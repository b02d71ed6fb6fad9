"""A proxy to the API that cuts a connection: the request arrives, and its answer does not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit, urlunsplit

import requests

from tools.harness.patience import PATIENCE


@contextmanager
def cutting(url: str, on_repeated: Callable[[bytes], None] = lambda _: None) -> Iterator[tuple[str, list[bytes]]]:
    """Yield a proxy to `url` that forwards every POST, and closes the first one's connection before its answer.

    `on_repeated` receives the body of each later POST before it is forwarded.
    """
    posts: list[bytes] = []
    target = urlsplit(url)

    class Passage(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.append(body)
            if len(posts) > 1:
                on_repeated(body)
            path = urlunsplit((target.scheme, target.netloc, self.path, "", ""))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = requests.post(path, data=body, headers=headers, timeout=PATIENCE)
            if len(posts) > 1:
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Passage) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield urlunsplit((target.scheme, f"127.0.0.1:{server.server_port}", target.path, "", "")), posts
        finally:
            server.shutdown()
