"""`python -m bench.load.clients URL CLIENTS SECONDS`, with the token on standard input: clients that make requests.

Each client has one connection and makes requests in turn: it creates a video, gets it a few times, and lists the
newest. The first turn of each, which starts the functions, does not count. The answer is one line of JSON with the
seconds of each kind of request, the errors by status, those of the first turns, and how long it all took.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import requests

from bench.load.mix import GETS, PAGE

LONGEST_ANSWER: Final = 60.0
"""Seconds after which a client gives up; this counts as an error."""

BODY: Final = {"prompt": "a fox counts requests", "model": "wan2.5-t2v-preview", "size": "832x480", "seconds": 5}


class Client:
    """One client; `seconds` are those of its requests by kind, and `errors` counts unexpected answers."""

    def __init__(self, url: str, token: str) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.first_errors: Counter[str] = Counter()
        self._url = f"{url}/v1/videos"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def until(self, start: threading.Barrier, seconds: float) -> float:
        """Repeat the turn for a number of seconds after all clients have made one; return how long it took."""
        with self._session:
            self.turn()
            start.wait()
            self.seconds.clear()
            self.first_errors, self.errors = self.errors, Counter()
            began = time.monotonic()
            while time.monotonic() < began + seconds:
                self.turn()
            return time.monotonic() - began

    def turn(self) -> None:
        """Create a video, get it and list the newest."""
        made = self._ask("create", HTTPStatus.ACCEPTED, partial(self._session.post, self._url, json=BODY))
        for _ in range(GETS if made else 0):
            self._ask("get", HTTPStatus.OK, partial(self._session.get, f"{self._url}/{made['id']}"))
        page = {"limit": str(PAGE)}
        self._ask("list", HTTPStatus.OK, partial(self._session.get, self._url, params=page))

    def _ask(self, kind: str, status: int, call: Callable[..., requests.Response]) -> dict[str, Any]:
        began = time.monotonic()
        document: dict[str, Any] = {}
        try:
            answer = call(timeout=LONGEST_ANSWER)
            if answer.status_code == status:
                document = answer.json()
            else:
                self.errors[f"{kind} {answer.status_code}"] += 1
        except requests.RequestException as error:
            self.errors[f"{kind} {type(error).__name__}"] += 1
        self.seconds[kind].append(time.monotonic() - began)
        return document


def main() -> None:
    """Run the clients and print what they have seen."""
    url, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    token = sys.stdin.read().strip()
    clients = [Client(url, token) for _ in range(count)]
    start = threading.Barrier(count)
    with ThreadPoolExecutor(count) as pool:
        took = list(pool.map(lambda client: client.until(start, seconds), clients))
    found: dict[str, list[float]] = defaultdict(list)
    for client in clients:
        for kind, times in client.seconds.items():
            found[kind] += times
    errors = sum((client.errors for client in clients), Counter[str]())
    first = sum((client.first_errors for client in clients), Counter[str]())
    print(json.dumps({"seconds": found, "errors": errors, "first_errors": first, "took": max(took)}))


if __name__ == "__main__":
    main()
