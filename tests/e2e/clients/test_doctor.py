"""`wan-video doctor` on a running stack: it is quiet if all is well, and its checks find each planted fault."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.conftest import SPEED, Local, deployed
from tests.e2e.steps import await_that
from tools.harness.patience import PATIENCE
from wan_video_cli.checks.probe import OWNER
from wan_video_cli.errors import ExitCode
from wan_video_local.sam import STACK_NAME
from wan_video_local.stack import WORK, Plan, simulator_keys

pytestmark = pytest.mark.slow

SOON: Final = 5.0
"""Seconds after which a probe gives up that waits for something that cannot happen."""

COMMAND = Path(sys.executable).parent / "wan-video"
Findings = dict[str, dict[str, str]]

PATIENT: Final = """
import sys
within, patience, *sys.argv[1:] = (float(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])

from wan_video_cli import checks
checks.CHECK_SECONDS = checks.CONNECT_SECONDS = checks.READ_SECONDS = patience
checks.before_the_deadline.__defaults__ = (patience,)

from wan_video_cli.checks.probe import Probe
Probe.__init__.__kwdefaults__["within"] = within

from wan_video_cli.__main__ import run
run()
"""
"""The command with other limits than those for AWS, which a stack on a busy machine may exceed."""


@dataclass(frozen=True)
class Doctor:
    """The command in an empty folder, with the credentials of the engine and the token of `make up`."""

    local: Local
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the command."""
        return {
            **self.local.stack.aws.environment(),
            "HOME": str(self.folder),
            "WAN_VIDEO_API_URL": self.local.stack.api_url,
            "WAN_VIDEO_TOKEN": self.local.stack.token,
        }

    def command(self, *options: str, within: float = PATIENCE) -> Sequence[str]:
        """Return the command; its probe waits up to `within` seconds for each step."""
        return [sys.executable, "-c", PATIENT, str(within), str(PATIENCE), "doctor", *options]

    def __call__(
        self, *options: str, code: int = ExitCode.OK, within: float = PATIENCE, **environment: str
    ) -> Findings:
        """Run the command, which must end with `code`, and return its findings by the name of the check."""
        done = subprocess.run(
            self.command("--json", *options, within=within),
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=4 * PATIENCE,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert self.local.stack.token not in done.stdout + done.stderr
        assert "sk-simulator" not in done.stdout + done.stderr
        found = json.loads(done.stdout)
        assert found["healthy"] is (code == ExitCode.OK)
        # How old the prices are depends on today's date; unit tests hold that check.
        return {one["name"]: one for one in found["checks"] if one["name"] != "prices"}

    def unwell(
        self, *options: str, code: int = ExitCode.CHECK_FAILED, within: float = PATIENCE, **environment: str
    ) -> Findings:
        """Return the findings that are neither ok nor skipped."""
        found = self(*options, code=code, within=within, **environment)
        return {name: one for name, one in found.items() if one["state"] not in ("ok", "skipped")}

    def client(self, service: str) -> Any:
        """Return a client of the engine."""
        aws = self.local.stack.aws
        return aws.session.client(service, endpoint_url=aws.endpoint)  # type: ignore[call-overload]

    def name(self, logical_id: str) -> str:
        """Return the physical id of a resource."""
        described = self.local.stack.aws.cloudformation.describe_stack_resources(StackName=STACK_NAME)
        return next(
            one["PhysicalResourceId"] for one in described["StackResources"] if one["LogicalResourceId"] == logical_id
        )


@pytest.fixture(scope="module")
def local() -> Iterator[Local]:
    """Yield a stack on which no other test has left an alarm or a dead letter."""
    with deployed(Plan(speed=SPEED, films="still"), WORK / "doctor.log") as running:
        yield running


@pytest.fixture
def doctor(local: Local, tmp_path: Path) -> Doctor:
    return Doctor(local, tmp_path)


def tokens(local: Local) -> list[dict[str, Any]]:
    """Return the temporary tokens that were made so far."""
    ledger = local.stack.aws.dynamodb.Table(local.stack.outputs["LedgerTableName"])
    found = ledger.query(KeyConditionExpression="pk = :tokens", ExpressionAttributeValues={":tokens": "tokens"})
    return [item for item in found["Items"] if item["owner"] == OWNER]


def rows(local: Local) -> list[dict[str, Any]]:
    """Return the videos of the probe's owner."""
    table = local.stack.aws.dynamodb.Table(local.stack.outputs["VideosTableName"])
    found = table.query(
        IndexName="by_owner",
        KeyConditionExpression="#owner = :owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":owner": OWNER},
    )
    return list(found["Items"])


def nothing_left(local: Local) -> None:
    """Check that every temporary token is revoked, and that no video of the probe waits or runs."""
    made = tokens(local)
    assert made
    assert [token for token in made if "revoked_at" not in token] == []
    assert [row for row in rows(local) if row["status"] != "cancelled"] == []


def test_a_healthy_stack_is_quiet_and_nothing_was_made_at_wan(local: Local, doctor: Doctor) -> None:
    before = local.simulator.entries("accepted")

    found = doctor()

    assert {name for name, one in found.items() if one["state"] == "skipped"} <= {
        f"wan quota {region}" for region in simulator_keys()
    }
    assert {one["state"] for one in found.values()} <= {"ok", "skipped"}
    assert {"live probe", "dry run", "rights", "token", "wan key singapore", "probe clean-up"} <= set(found)
    assert local.simulator.entries("accepted") == before
    nothing_left(local)


def test_its_lines_are_words_for_people(doctor: Doctor) -> None:
    done = subprocess.run(
        doctor.command(),
        cwd=doctor.folder,
        env=doctor.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=4 * PATIENCE,
    )
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["ok", "stack", f"'{STACK_NAME}'", "is", "in", "the", "state", "CREATE_COMPLETE."]
    assert "0 failed" not in done.stderr


# --- faults ----------------------------------------------------------------------------------------------------------


@contextmanager
def disabled_schedule(doctor: Doctor) -> Iterator[None]:
    rule = doctor.name("SweepEveryFiveMinutes")
    doctor.local.stack.aws.events.disable_rule(Name=rule)
    try:
        yield
    finally:
        doctor.local.stack.aws.events.enable_rule(Name=rule)


@contextmanager
def disabled_rule(doctor: Doctor) -> Iterator[None]:
    rule = doctor.name("IngestFileUploaded")
    doctor.local.stack.aws.events.disable_rule(Name=rule)
    try:
        yield
    finally:
        doctor.local.stack.aws.events.enable_rule(Name=rule)


@contextmanager
def disabled_stream(doctor: Doctor) -> Iterator[None]:
    uuid = doctor.name("IngestBatchOfFailures")
    doctor.local.stack.aws.functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    try:
        yield
    finally:
        doctor.local.stack.aws.functions.update_event_source_mapping(UUID=uuid, Enabled=True)


@contextmanager
def dead_letter(doctor: Doctor) -> Iterator[None]:
    queue = doctor.name("DeadLetters")
    doctor.local.stack.aws.sqs.send_message(QueueUrl=queue, MessageBody="{}")
    try:
        yield
    finally:
        doctor.local.stack.aws.sqs.purge_queue(QueueUrl=queue)


@contextmanager
def keys(doctor: Doctor, **changed: str | None) -> Iterator[None]:
    aws, secret = doctor.local.stack.aws, doctor.local.stack.outputs["WanSecretArn"]
    good = simulator_keys()
    bad = {region: key for region, key in {**good, **changed}.items() if key is not None}
    aws.secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(bad))
    try:
        yield
    finally:
        aws.secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(good))


@contextmanager
def ringing_alarm(doctor: Doctor) -> Iterator[None]:
    cloudwatch, alarm = doctor.client("cloudwatch"), doctor.name("ApiErrorsAlarm")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="planted")
    try:
        yield
    finally:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="mended")


@contextmanager
def removed_cors(doctor: Doctor) -> Iterator[None]:
    s3, bucket = doctor.local.stack.aws.s3, doctor.local.stack.outputs["VideosBucketName"]
    rules = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    s3.delete_bucket_cors(Bucket=bucket)
    try:
        yield
    finally:
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


@contextmanager
def removed_notifications(doctor: Doctor) -> Iterator[None]:
    s3, bucket = doctor.local.stack.aws.s3, doctor.local.stack.outputs["PromptsBucketName"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )


@contextmanager
def narrowed_right(doctor: Doctor) -> Iterator[None]:
    """Remove one of the partitions that `report_failure` writes from the condition of its role."""
    iam, role = doctor.client("iam"), doctor.name("ReportFailureRole")
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        text = json.dumps(policy)
        if '"budget#*"' not in text:
            continue
        narrowed = text.replace('"budget#*"', '"nothing#*"')
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=narrowed)
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)
        return
    raise AssertionError("no policy names budgets")


@contextmanager
def foreign_parameter(doctor: Doctor) -> Iterator[None]:
    path = doctor.folder / "samconfig.toml"
    path.write_text('[default.deploy.parameters]\nparameter_overrides = "MaxInFlight=6"\n')
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def wan_that_fails(doctor: Doctor) -> Iterator[None]:
    doctor.local.simulator.add_fault("list", "reset", times=1000)
    try:
        yield
    finally:
        doctor.local.simulator.clear_faults()


FAULTS: dict[str, tuple[Callable[[Doctor], AbstractContextManager[None]], str, str, str]] = {
    "schedule": (disabled_schedule, "schedules", "failed", "SweepEveryFiveMinutes"),
    "rule": (disabled_rule, "rules", "failed", "IngestFileUploaded"),
    "stream": (disabled_stream, "streams", "failed", "IngestBatchOfFailures"),
    "dead letter": (dead_letter, "dead letters", "failed", "1 in the queue"),
    "no key": (lambda doctor: keys(doctor, virginia=None), "wan key virginia", "failed", "no key for virginia"),
    "wrong key": (lambda doctor: keys(doctor, virginia="sk-x"), "wan key virginia", "failed", "InvalidApiKey"),
    "alarm": (ringing_alarm, "alarms", "failed", "ApiErrorsAlarm"),
    "cors": (removed_cors, "cors of VideosBucket", "failed", "GET, HEAD"),
    "notifications": (removed_notifications, "prompt files", "failed", "EventBridge"),
    "right": (narrowed_right, "rights", "failed", "report_failure: dynamodb:UpdateItem on ${Ledger.Arn} for budget#*"),
    "parameter": (foreign_parameter, "parameters", "warning", "MaxInFlight"),
}


@pytest.mark.parametrize("planted", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(local: Local, doctor: Doctor, planted: str) -> None:
    plant, name, state, words = FAULTS[planted]
    with plant(doctor):
        found = doctor.unwell(code=ExitCode.CHECK_FAILED if state == "failed" else ExitCode.OK)

    assert set(found) == {name}, found
    assert found[name]["state"] == state
    assert words in found[name]["what"]
    assert found[name]["remedy"]
    nothing_left(local)


def test_wan_that_breaks_every_connection_is_found_in_every_region(local: Local, doctor: Doctor) -> None:
    with wan_that_fails(doctor):
        found = doctor.unwell()
    assert set(found) == {f"wan key {region}" for region in simulator_keys()}


def test_a_wrong_token_and_a_wrong_address_are_found(local: Local, doctor: Doctor) -> None:
    assert set(doctor.unwell(WAN_VIDEO_TOKEN="wv_wrong")) == {"token"}
    assert set(doctor.unwell(WAN_VIDEO_API_URL=f"{local.stack.api_url}/elsewhere")) == {"api"}
    assert set(doctor.unwell("--stack", "elsewhere")) == {"stack"}


def test_a_dispatch_that_does_nothing_is_found_and_the_probe_cleans_up(local: Local, doctor: Doctor) -> None:
    with local.nothing_starts():
        found = doctor.unwell(within=SOON)

    assert set(found) == {"live probe"}
    assert "Dispatch did not look" in found["live probe"]["what"]
    nothing_left(local)


def test_an_interrupted_probe_cancels_its_video_and_revokes_its_token(local: Local, doctor: Doctor) -> None:
    before = {token["sk"] for token in tokens(local)}
    with local.nothing_starts():
        process = subprocess.Popen(
            doctor.command(), cwd=doctor.folder, env=doctor.environment, stdout=subprocess.PIPE, text=True
        )
        await_that(lambda: [row for row in rows(local) if row["status"] == "queued"] or None, "the queued probe")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.INTERRUPTED
    assert {token["sk"] for token in tokens(local)} > before
    nothing_left(local)


def test_the_cheapest_video_is_made_once_its_price_is_agreed_to(local: Local, doctor: Doctor) -> None:
    before = len(local.simulator.entries("accepted"))
    refused = subprocess.run(
        [COMMAND, "doctor", "--video"],
        cwd=doctor.folder,
        env=doctor.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert refused.returncode == ExitCode.NOT_USABLE
    assert len(local.simulator.entries("accepted")) == before

    found = doctor("--video", "--yes")

    assert found["video"]["state"] == "ok"
    assert "was made and stored, for" in found["video"]["what"]
    assert len(local.simulator.entries("accepted")) == before + 1
