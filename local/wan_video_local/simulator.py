"""The controls of a running Wan simulator: its ledger, clock, switches, quotas, faults and films."""

from typing import Any

import requests

TIMEOUT_SECONDS = 120

Entry = dict[str, Any]


class SimulatorControls:
    """Calls the `/_simulator` routes of the simulator at `url`, without any proxy."""

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

    def now(self) -> float:
        """The moment of its clock, in epoch seconds."""
        return float(self._call("GET", "/clock").json()["now"])

    def advance(self, seconds: float) -> None:
        """Move its clock forward."""
        self._call("POST", "/clock", json={"advance": seconds})

    def switch(self, **switches: Any) -> None:
        """Change how it behaves; see wan_simulator.service.Switches."""
        self._call("POST", "/switches", json=switches)

    def set_quota(self, region: str, model: str, workspace: str | None = None, **members: Any) -> None:
        """Change members of a model's quota, or of a workspace's, at once; see wan_simulator.quotas.Quota."""
        self._call("POST", "/quotas", json={"region": region, "model": model, "workspace": workspace, **members})

    def reset_quotas(self) -> None:
        """Return to the models' default limits."""
        self._call("DELETE", "/quotas")

    def retire(self, region: str, model: str, offline_time: float | None) -> None:
        """Announce when a model goes offline (epoch seconds of its clock), or with None that it stays."""
        self._call("POST", "/retirements", json={"region": region, "model": model, "offline_time": offline_time})

    def rotate_key(self, region: str, key: str) -> None:
        """Replace a region's key; the old one is refused."""
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
        """Plant a fault in the next call of a route (create, query, result); see wan_simulator.faults.Fault."""
        self._call("POST", "/faults", json={"route": route, "kind": kind, **more})

    def faults_waiting(self) -> int:
        """How many faults have not met a call yet."""
        return len(self._call("GET", "/faults").json()["waiting"])

    def clear_faults(self) -> None:
        """Remove every fault that has not met a call yet, and answer the calls that hang."""
        self._call("DELETE", "/faults")

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, self._url + path, timeout=TIMEOUT_SECONDS, **options)
        answer.raise_for_status()
        return answer
