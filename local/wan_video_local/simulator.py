"""The controls of a running Wan simulator: its ledger, which believes nobody, its faults and its films."""

from typing import Any

import requests

TIMEOUT_SECONDS = 30

Entry = dict[str, Any]


class SimulatorControls:
    """Speaks to the `/_simulator` routes of the simulator at `url`, past any proxy."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_simulator"

    def entries(self, event: str | None = None) -> list[Entry]:
        """The ledger's entries of one event (received, accepted, refused, billed or failed), or all."""
        found: list[Entry] = self._call("GET", "/ledger", params={"event": event}).json()["entries"]
        return found

    def health(self) -> dict[str, Any]:
        """Base URL and key of every region."""
        about: dict[str, Any] = self._call("GET", "/health").json()
        return about

    def advance(self, seconds: float) -> None:
        """Move its clock forward."""
        self._call("POST", "/clock", json={"advance": seconds})

    def rotate_key(self, region: str, key: str) -> None:
        """Replace a region's key; the old one opens nothing any more."""
        self._call("POST", "/keys", json={"region": region, "key": key})

    def entries_about(self, task_id: str, event: str) -> list[Entry]:
        """The ledger's entries of one event about one task."""
        return [entry for entry in self.entries(event) if entry.get("task_id") == task_id]

    def calls(self) -> dict[str, int]:
        """How many calls the limits admitted and refused, by what was called."""
        counted: dict[str, int] = self._call("GET", "/calls").json()
        return counted

    def film(self, task_id: str) -> bytes:
        """The MP4 of a task that succeeded, exactly as its link serves it."""
        return self._call("GET", f"/tasks/{task_id}/video").content

    def add_fault(self, route: str, kind: str, **more: Any) -> None:
        """Spoil the next call of a route (create, query, result); see wan_simulator.faults.Fault."""
        self._call("POST", "/faults", json={"route": route, "kind": kind, **more})

    def faults_waiting(self) -> int:
        """How many faults have not met a call yet."""
        return len(self._call("GET", "/faults").json()["waiting"])

    def clear_faults(self) -> None:
        """Forget every fault that has not met a call yet, and let the calls that hang go on."""
        self._call("DELETE", "/faults")

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, self._url + path, timeout=TIMEOUT_SECONDS, **options)
        answer.raise_for_status()
        return answer
