"""The simulator over HTTP, as a client of Wan uses it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
import requests
from fastcrc import crc64

from tools.harness.patience import PATIENCE
from wan_simulator.ledger import prompt_digest
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.domain.models import MODELS, Region

DAY = 86_400.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


class Client:
    """A caller with the key of one region."""

    def __init__(self, simulator: Simulator, region: Region = Region.SINGAPORE, key: str | None = None) -> None:
        self.base_url = simulator.base_url(region)
        self.headers = {"Authorization": f"Bearer {key or simulator.key(region)}"}

    def create(
        self,
        prompt: object = "a fox",
        model: str = "wan2.6-t2v",
        headers: dict[str, str] | None = None,
        **parameters: Any,
    ) -> requests.Response:
        asked = {"size": "1280*720", "duration": 2} | parameters
        body = {"model": model, "input": {"prompt": prompt}, "parameters": asked}
        return requests.post(
            f"{self.base_url}/services/aigc/video-generation/video-synthesis",
            json=body,
            headers=self.headers | {"X-DashScope-Async": "enable"} | (headers or {}),
            timeout=PATIENCE,
        )

    def task(self, prompt: str = "a fox", model: str = "wan2.6-t2v", **parameters: Any) -> str:
        answer = self.create(prompt, model, **parameters)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["output"]["task_id"])

    def query(self, task_id: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.base_url}/tasks/{task_id}", headers=self.headers | headers, timeout=PATIENCE)

    def output(self, task_id: str) -> dict[str, Any]:
        output: dict[str, Any] = self.query(task_id).json()["output"]
        return output


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=PATIENCE, allow_redirects=False)


def refused(answer: requests.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"code", "message", "request_id"}
    return answer.status_code, answer.json()["code"]


def test_an_accepted_request_is_a_pending_task(shared: Simulator) -> None:
    answer = Client(shared).create()

    assert answer.status_code == 200
    assert answer.json().keys() == {"output", "request_id"}
    assert answer.json()["output"]["task_status"] == "PENDING"


def test_a_task_goes_from_pending_over_running_to_a_video_that_plays(shared: Simulator) -> None:
    client = Client(shared)
    task_id = client.task()

    assert client.output(task_id)["task_status"] == "PENDING"
    shared.advance(30)
    assert client.output(task_id)["task_status"] == "RUNNING"
    shared.finish(task_id)
    assert client.output(task_id)["task_status"] == "SUCCEEDED"

    video = get(client.output(task_id)["video_url"])
    assert crc64.xz(video.content) == int(video.headers["x-oss-hash-crc64ecma"])
    with av.open(io.BytesIO(video.content), "r") as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (1280, 720)
        assert film.duration == 2 * av.time_base
        assert film.streams.audio


def test_a_trailing_slash_changes_nothing(shared: Simulator) -> None:
    client = Client(shared)
    task_id = client.task()

    assert client.output(f"{task_id}/")["task_id"] == task_id


def test_a_size_that_the_model_lacks_fails_the_task_and_not_the_call(shared: Simulator) -> None:
    client = Client(shared)
    task_id = client.task(size="123*456")
    shared.finish(task_id)
    output = client.output(task_id)

    assert (output["task_status"], output["code"]) == ("FAILED", "InvalidParameter")
    assert output["message"] == "The size is not match 123*456"


@pytest.mark.parametrize("model", MODELS)
def test_every_model_of_the_registry_accepts_a_request_without_parameters(shared: Simulator, model: str) -> None:
    region = next(iter(MODELS[model].regions))
    client = Client(shared, region)
    body = {"model": model, "input": {"prompt": "a fox [simulate:task:InternalError]"}}
    answer = requests.post(
        f"{client.base_url}/services/aigc/video-generation/video-synthesis",
        json=body,
        headers=client.headers | {"X-DashScope-Async": "enable"},
        timeout=PATIENCE,
    )
    task_id = answer.json()["output"]["task_id"]
    shared.finish(task_id)

    assert client.output(task_id)["code"] == "InternalError"


def test_the_base_url_without_a_region_is_singapores(shared: Simulator) -> None:
    task_id = Client(shared).task()
    answer = get(f"{shared.origin}/api/v1/tasks/{task_id}", **Client(shared).headers)

    assert answer.json()["output"]["task_id"] == task_id


@pytest.mark.parametrize("key", ["sk-simulator-beijing", "sk-nobody"])
def test_a_key_of_another_region_is_refused(shared: Simulator, key: str) -> None:
    client = Client(shared, key=key)

    assert refused(client.create()) == (401, "InvalidApiKey")
    assert refused(client.query("any")) == (401, "InvalidApiKey")


def test_a_call_without_a_key_is_refused_with_its_own_message(shared: Simulator) -> None:
    answer = get(f"{shared.base_url()}/tasks/any")

    assert refused(answer) == (401, "InvalidApiKey")
    assert answer.json()["message"] == "No API-key provided."


def test_a_task_of_another_region_and_a_missing_one_are_unknown(shared: Simulator) -> None:
    task_id = Client(shared).task()

    for unknown in (Client(shared, Region.BEIJING).query(task_id), Client(shared).query("3f2b")):
        assert unknown.status_code == 200
        assert unknown.json()["output"]["task_status"] == "UNKNOWN"


def test_a_create_call_must_ask_to_be_asynchronous(shared: Simulator) -> None:
    answer = Client(shared).create(headers={"X-DashScope-Async": "disable"})

    assert refused(answer) == (403, "AccessDenied")
    assert answer.json()["message"] == "current user api does not support synchronous calls."


def test_a_query_must_not_ask_to_be_asynchronous(shared: Simulator) -> None:
    client = Client(shared)

    assert refused(client.query(client.task(), **{"X-DashScope-Async": "enable"})) == (403, "AccessDenied")


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"a": NaN', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_an_invalid_parameter(shared: Simulator, body: bytes) -> None:
    client = Client(shared)
    url = f"{client.base_url}/services/aigc/video-generation/video-synthesis"
    headers = client.headers | {"X-DashScope-Async": "enable"}

    assert refused(requests.post(url, body, headers=headers, timeout=PATIENCE)) == (400, "InvalidParameter")


def test_a_wrong_method_and_a_wrong_path_are_refused_with_wans_errors(shared: Simulator) -> None:
    wrong = get(f"{shared.base_url()}/services/aigc/video-generation/video-synthesis")

    assert wrong.json()["message"] == "Request method 'GET' is not supported."
    assert refused(get(f"{shared.base_url()}/nowhere")) == (404, "NotFound")


@pytest.mark.parametrize(
    ("code", "status"),
    [("DataInspectionFailed", 400), ("Arrearage", 400), ("Throttling.RateQuota", 429), ("ModelServingError", 503)],
)
def test_a_prompt_can_ask_to_be_refused_with_any_documented_code(shared: Simulator, code: str, status: int) -> None:
    assert refused(Client(shared).create(f"a fox [simulate:{code}]")) == (status, code)


def test_a_moderated_task_fails_and_is_not_billed() -> None:
    with running_simulator() as simulator:
        client = Client(simulator)
        task_id = client.task("a fox [simulate:task:DataInspectionFailed]")
        simulator.finish(task_id)

        assert client.output(task_id)["code"] == "DataInspectionFailed"
        assert [entry["event"] for entry in simulator.ledger()] == ["received", "accepted", "failed"]


def test_a_succeeded_task_is_billed_once_however_often_it_is_queried() -> None:
    with running_simulator() as simulator:
        client = Client(simulator)
        task_id = client.task("a fox")
        simulator.finish(task_id)
        for _ in range(3):
            client.query(task_id)
        content = get(client.output(task_id)["video_url"]).content
        bills = simulator.ledger("billed")

        assert [(bill["task_id"], bill["seconds"], bill["bytes"]) for bill in bills] == [(task_id, 2, len(content))]
        assert bills[0]["prompt_sha256"] == prompt_digest("a fox")


def test_a_task_is_billed_by_the_clock_even_without_a_query() -> None:
    with running_simulator() as simulator:
        simulator.finish(Client(simulator).task())
        entries = get(f"{simulator.origin}/_simulator/ledger?event=billed").json()["entries"]

        assert len(entries) == 1


def test_the_ledger_on_disk_equals_the_ledger_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with running_simulator(ledger=path) as simulator:
        simulator.finish(Client(simulator).task("a canary sings"))
        entries = simulator.ledger()

    assert [json.loads(line) for line in path.read_text().splitlines()] == entries
    assert "canary" not in path.read_text()


def test_two_tasks_of_one_format_have_different_videos_that_both_play() -> None:
    with running_simulator() as simulator:
        client = Client(simulator)
        tasks = [client.task() for _ in range(2)]
        for task_id in tasks:
            simulator.finish(task_id)
        videos = [get(client.output(task_id)["video_url"]).content for task_id in tasks]

        assert videos[0] != videos[1]
        for video in videos:
            with av.open(io.BytesIO(video), "r") as film:
                assert sum(1 for _ in film.decode(video=0)) == 60


def test_a_link_and_its_task_expire_after_a_day() -> None:
    with running_simulator() as simulator:
        client = Client(simulator)
        task_id = client.task()
        simulator.finish(task_id)
        link = client.output(task_id)["video_url"]
        assert get(link, Range="bytes=0-99").status_code == 206
        simulator.advance(DAY + 120)
        expired = get(link)

        assert (expired.status_code, "<Code>AccessDenied</Code>" in expired.text) == (403, True)
        assert client.output(task_id)["task_status"] == "UNKNOWN"


def test_a_video_that_is_not_finished_has_no_object() -> None:
    with running_simulator() as simulator:
        client = Client(simulator)
        done, running = client.task(), client.task()
        simulator.finish(done)
        link = client.output(done)["video_url"].replace(done, running)

        assert get(link).status_code == 403


def test_submissions_beyond_the_rate_of_the_model_are_throttled_until_a_second_has_passed() -> None:
    with running_simulator(rate_limits=True) as simulator:
        client = Client(simulator)
        codes = [client.create().status_code for _ in range(6)]
        simulator.advance(1)

        assert codes == [200] * 5 + [429]
        assert client.create().status_code == 200


def test_the_rate_is_counted_for_each_model() -> None:
    with running_simulator(rate_limits=True) as simulator:
        client = Client(simulator)
        codes = [client.create(model="wan2.2-t2v-plus", size="832*480", duration=5).status_code for _ in range(3)]

        assert codes == [200, 200, 429]
        assert client.create().status_code == 200


def test_queries_beyond_twenty_a_second_are_throttled() -> None:
    with running_simulator(rate_limits=True) as simulator:
        client = Client(simulator)
        answers = [client.query("any") for _ in range(21)]

        assert [answer.status_code for answer in answers] == [200] * 20 + [429]
        assert refused(answers[-1]) == (429, "Throttling.RateQuota")
        assert [answer.headers.get("Retry-After") for answer in answers] == [None] * 20 + ["1"]


def test_tasks_beyond_the_concurrency_stay_pending() -> None:
    with running_simulator() as simulator:
        client = Client(simulator)
        tasks = [client.task("[simulate:task:InternalError]") for _ in range(6)]
        simulator.advance(20)

        assert [client.output(task_id)["task_status"] for task_id in tasks] == ["RUNNING"] * 5 + ["PENDING"]


def test_tasks_beyond_the_concurrency_can_be_refused_instead() -> None:
    with running_simulator(queue=False) as simulator:
        client = Client(simulator)
        answers = [client.create("[simulate:task:InternalError]") for _ in range(6)]

        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
