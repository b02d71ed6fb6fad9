"""The live probe and the paid video of `wan-video doctor`, with tables in moto and an API with prepared answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from boto3.session import Session
from typer.testing import CliRunner

from tools.harness.fake_aws import fake_aws, saved_state
from wan_video.adapters.dynamodb.ledger import budget_key, line_key, pool_key
from wan_video.adapters.dynamodb.places import SEAL
from wan_video.domain.models import MODELS
from wan_video_cli.checks import Deployment, Finding, State, api, examined
from wan_video_cli.checks.probe import DAILY_SECONDS, DAYS, OWNER, Probe
from wan_video_cli.errors import ExitCode, NotUsable, Refused, Unreachable
from wan_video_cli.main import app

TODAY = "2031-02-27"
POOL = "singapore#wan2.6-t2v"
REGION = "eu-central-1"
ESTIMATE = {"price": "3.669620", "currency": "CNY"}


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "WAN_VIDEO_STACK"):
        monkeypatch.delenv(name, raising=False)
    with fake_aws(tables()):
        found = Deployment("wan-video", Session())
        outputs = {"LedgerTableName": "ledger", "VideosTableName": "videos"}
        found.described = {
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
            "Parameters": [],
        }
        yield found


@cache
def tables() -> bytes:
    """Return the state of an account with the tables of a stack."""
    with fake_aws():
        dynamodb = Session().client("dynamodb")
        for name, keys in (("ledger", ("pk", "sk")), ("videos", ("id",))):
            dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": "HASH" if key in ("pk", "id") else "RANGE"} for key in keys
                ],
            )
        return saved_state()


@dataclass
class FakeApi:
    """The API of a stack: a requested video is queued, waits for budget and can be cancelled, by default."""

    deployment: Deployment
    waiting_for: str = "budget"
    looks: bool = True
    """Whether dispatch skips the owner."""
    announces: bool = True
    videos: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    """The errors that the next calls of a kind raise after they were carried out."""
    times: int = 1
    """The number of calls that raise it."""
    token: str = ""
    deleted: list[str] = field(default_factory=list)
    spent_before: list[str] = field(default_factory=list)
    """The days whose budgets were used up when the first video was requested."""

    def connect(self, token: str) -> FakeApi:
        self.token = token
        return self

    def __exit__(self, *_: object) -> None:
        self.token = ""

    def _raise(self, call: str) -> None:
        if call in self.errors and self.times:
            self.times -= 1
            raise self.errors[call]

    def get(self, path: str) -> dict[str, Any]:
        self._raise(path)
        assert path == "/v1/usage"
        return {"day": TODAY}

    def pages(self, path: str, limit: int, *, status: str) -> tuple[list[dict[str, Any]], bool]:
        self._raise("list")
        return [video for video in self.videos.values() if video["status"] == status], False

    def post(self, path: str, body: Any = None, *, key: str | None = None, **query: str) -> dict[str, Any]:
        if query.get("dry_run"):
            return {"estimate": ESTIMATE}
        if path == "/v1/videos":
            ledger = self.deployment.table("LedgerTableName")
            spent = ledger.query(
                KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": budget_key(OWNER, "")["pk"]}
            )
            self.spent_before += [item["sk"] for item in spent["Items"] if item["used"] == DAILY_SECONDS]
            video = {
                "id": f"video_{len(self.videos)}",
                "status": "queued",
                "waiting_for": self.waiting_for,
                "region": "singapore",
                "model": "wan2.6-t2v",
            }
            self.videos[video["id"]] = video
            if self.looks:
                ledger.put_item(Item={**line_key(POOL, OWNER), "used_at_most": 55})
            self._raise("create")
            return video
        self._raise("cancel")
        video = self.videos[path.split("/")[3]]
        video["status"] = "cancelled"
        if self.announces:
            self.deployment.table("VideosTableName").put_item(Item={"id": video["id"], "announced_at": 1})
        return video

    def delete(self, path: str) -> dict[str, Any]:
        if not self.announces:
            raise Refused("The end of the video is not published yet.", status=409, code="video_not_deletable")
        self.deleted.append(path)
        return {}


@pytest.fixture
def fake(deployment: Deployment) -> FakeApi:
    return FakeApi(deployment)


@pytest.fixture
def probe(deployment: Deployment, fake: FakeApi) -> Probe:
    return Probe(deployment, cast(Any, fake.connect), pause=lambda _: None, within=0.2)


def run(probe: Probe) -> dict[str, Finding]:
    """Return the findings of a whole probe, as the command runs it."""
    findings = [examined("probe token", probe.open)]
    if findings[0].state is State.OK:
        findings += [examined("dry run", probe.dry_run), examined("live probe", probe.live)]
    findings.append(examined("probe clean-up", probe.close))
    return {finding.name: finding for finding in findings}


def tokens(deployment: Deployment) -> list[dict[str, Any]]:
    found = deployment.table("LedgerTableName").query(
        KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": "tokens"}
    )
    return list(found["Items"])


def left_over(deployment: Deployment, fake: FakeApi) -> list[str]:
    """Return what a probe must not leave behind: valid tokens, waiting videos, connections."""
    working = [item["sk"] for item in tokens(deployment) if "revoked_at" not in item]
    return (
        working
        + [one["id"] for one in fake.videos.values() if one["status"] == "queued"]
        + [fake.token] * bool(fake.token)
    )


def test_a_healthy_stack_passes_and_nothing_remains(deployment: Deployment, fake: FakeApi, probe: Probe) -> None:
    assert {finding.state for finding in run(probe).values()} == {State.OK}
    assert left_over(deployment, fake) == []
    assert fake.deleted == ["/v1/videos/video_0"]


def test_the_daily_budget_is_used_up_before_a_video_is_requested(fake: FakeApi, probe: Probe) -> None:
    run(probe)

    first = date.fromisoformat(TODAY)
    assert fake.spent_before == [(first + timedelta(days)).isoformat() for days in range(DAYS)]
    longest = max(max(model.durations) for model in MODELS.values())
    assert longest <= DAILY_SECONDS  # otherwise the API refuses it, or dispatch ends it


def test_everything_that_the_probe_writes_expires(deployment: Deployment, probe: Probe) -> None:
    run(probe)
    items = deployment.table("LedgerTableName").scan()["Items"]
    assert {item["pk"] for item in items if "ttl" not in item} == {line_key(POOL, OWNER)["pk"]}


@pytest.mark.parametrize(
    "error", [Refused("The API does not know the token.", status=401), Unreachable("no connection")]
)
def test_without_an_api_no_video_is_requested(
    deployment: Deployment, fake: FakeApi, probe: Probe, error: Exception
) -> None:
    fake.errors["/v1/usage"], fake.times = error, 9

    found = run(probe)

    assert found["probe token"].state is State.FAILED
    assert found["probe token"].remedy or isinstance(error, Unreachable)
    assert "live probe" not in found
    assert (fake.videos, left_over(deployment, fake)) == ({}, [])


def test_a_token_that_is_known_only_after_some_time_is_valid(
    deployment: Deployment, fake: FakeApi, probe: Probe
) -> None:
    fake.errors["/v1/usage"], fake.times = Refused("The API does not know the token.", status=401), 2

    assert {finding.state for finding in run(probe).values()} == {State.OK}


def test_a_video_with_a_lost_answer_is_cancelled(deployment: Deployment, fake: FakeApi, probe: Probe) -> None:
    fake.errors["create"] = Unreachable("the connection broke")

    found = run(probe)

    assert found["live probe"].state is State.FAILED
    assert found["probe clean-up"].state is State.OK
    assert fake.videos["video_0"]["status"] == "cancelled"
    assert left_over(deployment, fake) == []


def test_the_video_of_an_earlier_probe_is_cancelled(deployment: Deployment, fake: FakeApi, probe: Probe) -> None:
    fake.videos["video_old"] = {"id": "video_old", "status": "queued", "waiting_for": "budget"}

    run(probe)

    assert left_over(deployment, fake) == []


def test_a_video_that_cannot_be_cancelled_is_named(deployment: Deployment, fake: FakeApi, probe: Probe) -> None:
    fake.errors["list"] = Unreachable("no answer")
    examined("probe token", probe.open)
    examined("live probe", probe.live)
    fake.errors, fake.times = {"cancel": Unreachable("no answer")}, 1

    finding = examined("probe clean-up", probe.close)

    assert finding.state is State.FAILED
    assert "video_0" in finding.what
    assert "Run doctor again" in finding.remedy
    assert [item for item in tokens(deployment) if "revoked_at" not in item] == []


def places_taken(fake: FakeApi, **pool: object) -> None:
    fake.looks = False
    fake.deployment.table("LedgerTableName").put_item(Item={**pool_key(POOL), **pool})


def nothing_happens(fake: FakeApi) -> None:
    fake.looks = fake.announces = False


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        (lambda fake: setattr(fake, "waiting_for", "place"), State.FAILED, "waits for place"),
        (lambda fake: setattr(fake, "looks", False), State.FAILED, "Dispatch did not look"),
        (lambda fake: places_taken(fake, taken=1, running=set(SEAL)), State.WARNING, "the places are taken"),
        (lambda fake: places_taken(fake, running={"video_other"}), State.WARNING, "the places are taken"),
        (lambda fake: places_taken(fake, taken=0, running=set(SEAL)), State.FAILED, "Dispatch did not look"),
        (lambda fake: setattr(fake, "announces", False), State.FAILED, "was not published"),
        (nothing_happens, State.FAILED, "Dispatch did not look"),
    ],
)
def test_each_missing_step_is_found(
    deployment: Deployment,
    fake: FakeApi,
    probe: Probe,
    change: Callable[[FakeApi], None],
    state: State,
    words: str,
) -> None:
    change(fake)

    found = run(probe)

    assert found["live probe"].state is state
    assert words in found["live probe"].what
    assert found["live probe"].remedy
    assert left_over(deployment, fake) == []


def test_with_starts_disabled_dispatch_is_not_waited_for(deployment: Deployment, fake: FakeApi, probe: Probe) -> None:
    deployment.described = {
        **deployment.described,
        "Parameters": [{"ParameterKey": "Starts", "ParameterValue": "disabled"}],
    }
    fake.looks = False

    assert run(probe)["live probe"].state is State.OK


def test_revoking_a_token_that_was_never_stored_does_not_create_it(
    deployment: Deployment, fake: FakeApi, probe: Probe
) -> None:
    ledger = deployment.table("LedgerTableName")
    examined("probe token", probe.open)
    ledger.delete_item(Key={"pk": "tokens", "sk": tokens(deployment)[0]["sk"]})

    assert examined("probe clean-up", probe.close).state is State.OK
    assert tokens(deployment) == []


# --- the paid video --------------------------------------------------------------------------------------------------

MODELS_ANSWER = {
    "data": [
        {
            "id": "dear",
            "seconds": [2, 5],
            "sizes": {"720P": {"16:9": "1280x720"}},
            "regions": {"singapore": {"720P": "0.70"}, "beijing": {"720P": "0.60"}},
        },
        {
            "id": "cheap",
            "seconds": [5],
            "sizes": {"480P": {"16:9": "832x480", "1:1": "624x624"}, "720P": {"16:9": "1280x720"}},
            "regions": {"singapore": {"480P": "0.10", "720P": "0.20"}},
        },
    ]
}


class Maker:
    """An API that makes a video, and records the request for it."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.asked: list[dict[str, Any]] = []

    def get(self, path: str) -> dict[str, Any]:
        return MODELS_ANSWER

    def post(self, path: str, body: Any, *, key: str | None = None, **query: str) -> dict[str, Any]:
        if query.get("dry_run"):
            return {"estimate": {"price": "0.5", "currency": "CNY"}}
        self.asked.append(body)
        return {"id": "video_1", "status": "queued"}

    def video(self, video_id: str) -> Any:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return type("Reading", (), {"document": {"id": video_id, "status": status}, "ask_again": 15.0})


def test_the_cheapest_video_has_the_lowest_price() -> None:
    request = api.cheapest(MODELS_ANSWER)
    assert {name: request[name] for name in ("model", "region", "size", "seconds")} == {
        "model": "cheap",
        "region": "singapore",
        "size": "624x624",
        "seconds": 5,
    }


def test_the_cheapest_video_is_never_one_that_needs_an_image() -> None:
    needs = {"id": "i2v", "seconds": [2], "sizes": {"480P": {}}, "images": {"required": True}}
    offers = [*MODELS_ANSWER["data"], {**needs, "regions": {"singapore": {"480P": "0.01"}}}]

    assert api.cheapest({"data": offers})["model"] == "cheap"


def test_a_shorter_video_may_be_cheaper_at_a_higher_unit_price() -> None:
    short = {"id": "short", "seconds": [4, 2], "sizes": {"720P": {"16:9": "1280x720"}}}
    offers = [*MODELS_ANSWER["data"], {**short, "regions": {"singapore": {"720P": "0.20"}}}]

    request = api.cheapest({"data": offers})

    assert (request["model"], request["seconds"]) == ("short", 2)


@pytest.mark.parametrize(
    ("statuses", "state", "words"),
    [
        (["in_progress", "completed"], State.OK, "made and stored, for 0.50 CNY"),
        (["failed"], State.FAILED, "video_1 is failed"),
        (["in_progress"], State.FAILED, "is in_progress after"),
    ],
)
def test_a_paid_video_is_waited_for(statuses: list[str], state: State, words: str) -> None:
    maker, asked = Maker(*statuses), []

    def agrees(what: str) -> bool:
        asked.append(what)
        return True

    finding = api.video(cast(Any, maker), agrees, pause=lambda _: None, within=0.2)

    assert finding.state is state
    assert words in finding.what
    assert asked == ["0.50 CNY for 5 s of cheap at 624x624"]
    assert [request["max_price"] for request in maker.asked] == ["0.5"]


def test_a_wait_that_is_interrupted_says_which_video_is_billed() -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    finding = api.video(cast(Any, Maker("in_progress")), lambda _: True, pause=interrupt)

    assert finding.state is State.FAILED
    assert "video_1; it continues and is billed" in finding.what
    assert "wan-video wait video_1" in finding.remedy


def test_without_agreement_to_the_price_no_video_is_made() -> None:
    maker = Maker("completed")

    assert api.video(cast(Any, maker), lambda _: False).state is State.SKIPPED
    assert maker.asked == []


# --- the command -----------------------------------------------------------------------------------------------------


def test_a_missing_stack_is_a_failed_check(deployment: Deployment, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--stack", "elsewhere", "--json"])

    assert result.exit_code == ExitCode.CHECK_FAILED
    found = json.loads(result.stdout)
    assert (found["healthy"], [one["name"] for one in found["checks"]]) == (False, ["stack"])
    assert "--stack" in found["checks"][0]["remedy"]


def test_a_paid_video_without_a_terminal_is_refused_before_any_check(deployment: Deployment) -> None:
    result = CliRunner().invoke(app, ["doctor", "--video"])

    assert result.exit_code == ExitCode.NOT_USABLE
    assert "--yes" in result.stderr
    assert "ok" not in result.stdout


def test_missing_credentials_or_a_missing_region_are_reported(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == ExitCode.NOT_USABLE
    assert "AWS_PROFILE and AWS_REGION" in result.stderr


def test_an_error_of_a_command_is_a_finding() -> None:
    def check() -> Finding:
        raise NotUsable("It is so.", "Do that.")

    assert examined("x", check) == Finding("x", State.FAILED, "It is so.", "Do that.")
