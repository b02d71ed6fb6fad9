"""Each check of `wan-video doctor`, on answers of AWS that botocore validates with its own model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from tools.template import source
from wan_video.domain.endpoints import ALIBABA_REGIONS, SHARED_HOSTS
from wan_video.domain.price import OLD_DAYS
from wan_video_cli.checks import (
    Deployment,
    Finding,
    Resource,
    State,
    TooLong,
    api,
    before_the_deadline,
    examined,
    flow,
    limits,
    stack,
    wan,
)
from wan_video_cli.doctor import show
from wan_video_cli.errors import Refused

UUID = "00000000-0000-0000-0000-000000000001"
RULE, MAPPING, ALARM = "AWS::Events::Rule", "AWS::Lambda::EventSourceMapping", "AWS::CloudWatch::Alarm"


@cache
def _session() -> Session:
    """One session for all tests, because it keeps the services' models, which are slow to read."""
    return Session("key", "secret", region_name="eu-central-1")


class Stubbed(Deployment):
    """A stack whose services return the answers of a test, in their order."""

    def __init__(self, *resources: Resource, **described: Any) -> None:
        super().__init__("wan-video", _session())
        self.described = {"StackStatus": "CREATE_COMPLETE", "Outputs": [], "Parameters": [], **described}
        self.resources = {resource.logical_id: resource for resource in resources}
        self.stubs: dict[str, Stubber] = {}

    def stub(self, service: str) -> Stubber:
        """Return the stubbed answers of one service."""
        if service not in self.stubs:
            self.clients[service] = self.session.client(service)  # type: ignore[call-overload]
            self.stubs[service] = Stubber(self.clients[service])
            self.stubs[service].activate()
        return self.stubs[service]

    def answers(self, service: str, operation: str, *answers: dict[str, Any], **expected: Any) -> None:
        for answer in answers:
            self.stub(service).add_response(operation, answer, expected or None)


def pairs(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def with_parameters(**changed: str | None) -> Stubbed:
    values = {**dict.fromkeys(stack.PARAMETERS, "x"), **changed}
    return Stubbed(Parameters=pairs(**{name: value for name, value in values.items() if value is not None}))


# --- results of a check ----------------------------------------------------------------------------------------------


def refusing(code: str) -> Callable[[], Finding]:
    deployment = Stubbed()
    deployment.stub("lambda").add_client_error("get_account_settings", code, "User is not authorized")
    return lambda: flow.concurrency(deployment)


def raising(error: Exception) -> Callable[[], Finding]:
    def check() -> Finding:
        raise error

    return check


@pytest.mark.parametrize(
    ("check", "state", "words"),
    [
        (refusing("AccessDeniedException"), State.SKIPPED, "GetAccountSettings is not allowed"),
        (refusing("TooManyRequestsException"), State.FAILED, "AWS refused GetAccountSettings"),
        (raising(EndpointConnectionError(endpoint_url="https://x")), State.FAILED, "AWS did not answer"),
        (raising(Refused("The API says no.", "Do this.")), State.FAILED, "The API says no."),
        (raising(TooLong()), State.FAILED, "longer than 120 s"),
        (raising(KeyError("sk-secret")), State.FAILED, "KeyError"),
    ],
)
def test_an_exception_in_a_check_becomes_a_finding(check: Callable[[], Finding], state: State, words: str) -> None:
    finding = examined("name", check)

    assert (finding.name, finding.state) == ("name", state)
    assert words in finding.what
    assert "sk-secret" not in finding.what + finding.remedy


def test_a_check_starts_no_call_after_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 100.0, 121.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    begun: list[int] = []

    with pytest.raises(TooLong):
        begun.extend(before_the_deadline(range(9)))

    assert begun == [0, 1]


# --- the stack -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("CREATE_COMPLETE", State.OK),
        ("UPDATE_COMPLETE", State.OK),
        ("IMPORT_COMPLETE", State.OK),
        ("UPDATE_ROLLBACK_COMPLETE", State.WARNING),
        ("UPDATE_IN_PROGRESS", State.WARNING),
        ("UPDATE_ROLLBACK_FAILED", State.FAILED),
        ("ROLLBACK_COMPLETE", State.FAILED),
        ("DELETE_FAILED", State.FAILED),
    ],
)
def test_the_status_of_the_stack(status: str, state: State) -> None:
    finding = stack.status(Stubbed(StackStatus=status))

    assert finding.state is state
    assert status in finding.what
    assert bool(finding.remedy) is (state is not State.OK)


def test_outputs_and_parameters_are_those_of_the_template() -> None:
    template = source()
    assert sorted(stack.OUTPUTS) == sorted(template["Outputs"])
    assert sorted(stack.PARAMETERS) == sorted(template["Parameters"])


def test_a_missing_output_is_named() -> None:
    outputs = [{"OutputKey": name, "OutputValue": "x"} for name in stack.OUTPUTS]
    assert stack.outputs(Stubbed(Outputs=outputs)).state is State.OK

    finding = stack.outputs(Stubbed(Outputs=[one for one in outputs if one["OutputKey"] != "TopicArn"]))
    assert finding.state is State.FAILED
    assert "TopicArn" in finding.what


@pytest.mark.parametrize(
    ("changed", "state", "words"),
    [
        ({}, State.OK, "of this version"),
        ({"MaxInFlight": "6"}, State.WARNING, "no parameter MaxInFlight"),
        ({"LinkSeconds": None}, State.WARNING, "does not know LinkSeconds"),
        ({"Starts": "disabled"}, State.WARNING, "Starts is disabled"),
    ],
)
def test_the_parameters_of_the_stack(changed: dict[str, str | None], state: State, words: str, tmp_path: Path) -> None:
    finding = stack.parameters(with_parameters(**changed), tmp_path)

    assert finding.state is state
    assert words in finding.what


@pytest.mark.parametrize("value", ['"MaxInFlight=6 LogLevel=\\"INFO\\""', '["MaxInFlight=6", "LogLevel=INFO"]'])
def test_a_parameter_in_samconfig_that_no_longer_exists_is_named(value: str, tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text(
        f"version = 0.1\n[default.global.parameters]\nstack_name = 'x'\n"
        f"[default.deploy.parameters]\nparameter_overrides = {value}\n"
    )

    finding = stack.parameters(with_parameters(), tmp_path)

    assert finding.state is State.WARNING
    assert "samconfig.toml sets MaxInFlight," in finding.what


# --- what keeps videos moving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at_once", "left", "state"), [(1000, 900, "ok"), (10, 10, "warning"), (1000, 5, "warning")])
def test_the_concurrency_of_the_account(at_once: int, left: int, state: str) -> None:
    deployment = Stubbed()
    limit = {"ConcurrentExecutions": at_once, "UnreservedConcurrentExecutions": left}
    deployment.answers("lambda", "get_account_settings", {"AccountLimit": limit})

    assert flow.concurrency(deployment).state == state


EVERY_MINUTE = Resource("DispatchEveryMinute", RULE, "every-minute")
UPLOADED = Resource("IngestFileUploaded", RULE, "uploaded")


def with_rules(schedule: str, rule: str) -> Stubbed:
    deployment = Stubbed(EVERY_MINUTE, UPLOADED)
    deployment.answers(
        "events", "describe_rule", {"State": schedule, "ScheduleExpression": "rate(1 minute)"}, Name="every-minute"
    )
    deployment.answers("events", "describe_rule", {"State": rule, "EventPattern": "{}"}, Name="uploaded")
    return deployment


@pytest.mark.parametrize(
    ("check", "schedule", "rule", "bad"),
    [
        (flow.schedules, "ENABLED", "DISABLED", ""),
        (flow.schedules, "DISABLED", "ENABLED", "DispatchEveryMinute"),
        (flow.rules, "DISABLED", "ENABLED", ""),
        (flow.rules, "ENABLED", "DISABLED", "IngestFileUploaded"),
        (flow.rules, "ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", ""),
    ],
)
def test_a_disabled_rule_is_named_with_the_command_that_enables_it(
    check: Callable[[Deployment], Finding], schedule: str, rule: str, bad: str
) -> None:
    finding = check(with_rules(schedule, rule))

    assert finding.state is (State.FAILED if bad else State.OK)
    assert bad in finding.what
    assert ("enable-rule --name" in finding.remedy) is bool(bad)


def test_a_deleted_rule_is_named() -> None:
    deployment = Stubbed(EVERY_MINUTE)
    deployment.stub("events").add_client_error("describe_rule", "ResourceNotFoundException")

    finding = flow.schedules(deployment)

    assert (finding.state, finding.what) == (State.FAILED, "DispatchEveryMinute no longer exists.")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"State": "Enabled", "LastProcessingResult": "OK"}, State.OK),
        ({"State": "Enabling"}, State.WARNING),
        ({"State": "Enabled", "LastProcessingResult": "PROBLEM: Function call failed"}, State.WARNING),
        ({"State": "Disabled"}, State.FAILED),
        ({"State": "Disabling"}, State.FAILED),
    ],
)
def test_an_event_source_mapping(answer: dict[str, str], state: State) -> None:
    deployment = Stubbed(Resource("DispatchVideoQueued", MAPPING, UUID))
    deployment.answers("lambda", "get_event_source_mapping", answer, UUID=UUID)

    assert flow.mappings(deployment).state is state


def test_a_mapping_that_was_deleted_is_named() -> None:
    deployment = Stubbed(Resource("DispatchVideoQueued", MAPPING, UUID))
    deployment.stub("lambda").add_client_error("get_event_source_mapping", "ResourceNotFoundException")

    assert "DispatchVideoQueued" in flow.mappings(deployment).what


@pytest.mark.parametrize(("visible", "hidden", "state"), [("0", "0", "ok"), ("2", "0", "failed"), ("0", "1", "failed")])
def test_dead_letters(visible: str, hidden: str, state: str) -> None:
    deployment = Stubbed(Resource("DeadLetters", "AWS::SQS::Queue", "https://queue"))
    counts = {"ApproximateNumberOfMessages": visible, "ApproximateNumberOfMessagesNotVisible": hidden}
    deployment.answers("sqs", "get_queue_attributes", {"Attributes": counts})

    assert flow.dead_letters(deployment).state == state


def with_alarms(**states: str) -> Stubbed:
    deployment = Stubbed(*[Resource(name, ALARM, f"wan-video-{name}") for name in states])
    answers = [
        {"AlarmName": f"wan-video-{name}", "StateValue": state.rstrip("-"), "ActionsEnabled": "-" not in state}
        for name, state in states.items()
        if state
    ]
    deployment.answers("cloudwatch", "describe_alarms", {"MetricAlarms": answers})
    return deployment


@pytest.mark.parametrize(
    ("states", "state", "named"),
    [
        ({"ApiErrorsAlarm": "OK", "BudgetUsedAlarm": "INSUFFICIENT_DATA"}, State.OK, "All 2"),
        ({"ApiErrorsAlarm": "ALARM", "BudgetUsedAlarm": "OK"}, State.FAILED, "ApiErrorsAlarm is in alarm"),
        ({"ApiErrorsAlarm": "OK", "BudgetUsedAlarm": "ALARM"}, State.WARNING, "BudgetUsedAlarm"),
        ({"ApiErrorsAlarm": "OK-", "BudgetUsedAlarm": "OK"}, State.WARNING, "ApiErrorsAlarm notifies no one"),
        ({"ApiErrorsAlarm": "", "BudgetUsedAlarm": "OK"}, State.FAILED, "ApiErrorsAlarm no longer exists"),
    ],
)
def test_alarms(states: dict[str, str], state: State, named: str) -> None:
    finding = flow.alarms(with_alarms(**states))

    assert finding.state is state
    assert named in finding.what


@pytest.mark.parametrize(
    ("bucket", "origins", "methods", "state"),
    [
        ("VideosBucket", ["*"], ["GET", "HEAD"], State.OK),
        ("VideosBucket", ["*"], ["GET"], State.FAILED),
        ("VideosBucket", ["https://elsewhere.example"], ["GET", "HEAD"], State.FAILED),
        ("PromptsBucket", ["*"], ["PUT"], State.OK),
        ("InputsBucket", ["*"], ["PUT"], State.OK),
    ],
)
def test_the_cors_of_a_bucket(bucket: str, origins: list[str], methods: list[str], state: State) -> None:
    deployment = Stubbed(Resource(bucket, "AWS::S3::Bucket", "name"))
    rules = [{"AllowedOrigins": origins, "AllowedMethods": methods}]
    deployment.answers("s3", "get_bucket_cors", {"CORSRules": rules}, Bucket="name")

    assert flow.cors(deployment, bucket).state is state


def test_a_bucket_without_cors_and_without_events_is_found() -> None:
    deployment = Stubbed(Resource("PromptsBucket", "AWS::S3::Bucket", "name"))
    deployment.stub("s3").add_client_error("get_bucket_cors", "NoSuchCORSConfiguration")
    deployment.answers("s3", "get_bucket_notification_configuration", {}, {"EventBridgeConfiguration": {}})

    assert flow.cors(deployment, "PromptsBucket").state is State.FAILED
    assert flow.prompt_files(deployment).state is State.FAILED
    assert flow.prompt_files(deployment).state is State.OK


def test_the_cors_rules_are_those_of_the_template() -> None:
    resources = source()["Resources"]
    rules = {name: resources[name]["Properties"]["CorsConfiguration"]["CorsRules"] for name in flow.CORS}
    assert {name: tuple(rule["AllowedMethods"]) for name, (rule,) in rules.items()} == dict(flow.CORS)


# --- Wan -------------------------------------------------------------------------------------------------------------


def with_secret(text: str, times: int = 1, **parameters: str) -> Stubbed:
    deployment = Stubbed(
        Outputs=[{"OutputKey": "WanSecretArn", "OutputValue": "arn:secret"}],
        Parameters=pairs(DefaultModel="wan2.6-t2v", **parameters),
    )
    deployment.answers("secretsmanager", "get_secret_value", *[{"SecretString": text}] * times, SecretId="arn:secret")
    return deployment


def test_the_base_urls_are_those_of_the_functions() -> None:
    assert dict(wan.SHARED_HOSTS) == dict(SHARED_HOSTS)
    assert dict(wan.ALIBABA_REGIONS) == dict(ALIBABA_REGIONS)


def test_a_replaced_endpoint_and_a_workspace_are_used() -> None:
    endpoints = "beijing=https://a.example/api/v1,virginia=https://b.example/api/v1"
    deployment = Stubbed(Parameters=pairs(WanEndpoints=endpoints, WanWorkspaceId="ws"))

    assert wan.base_url(deployment, "virginia") == "https://b.example/api/v1"
    assert wan.base_url(deployment, "singapore") == "https://dashscope-intl.aliyuncs.com/api/v1"
    assert wan.base_url(deployment, "frankfurt").startswith("https://ws.eu-central-1.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"beijing": "sk-CANARY"}', "no key for singapore"),
        ("sk-CANARY", "not one JSON object"),
        ('["sk-CANARY"]', "not one JSON object"),
        ('{"singapore": {"key": "sk-CANARY"}}', "not one JSON object"),
        ('{"singapore": "sk-CANARY\\u00e9"}', "characters that no key has"),
        ('{"singapore": "  "}', "no key for singapore"),
    ],
)
def test_a_missing_or_impossible_key_is_reported_and_not_shown(text: str, words: str) -> None:
    finding = examined("wan key singapore", lambda: wan.key(with_secret(text), "singapore"))

    assert finding.state is State.FAILED
    assert words in finding.what
    assert "put-secret-value --secret-id arn:secret" in finding.remedy
    assert "CANARY" not in str(finding.document)


@pytest.mark.parametrize(("region", "words"), [("frankfurt", "WanWorkspaceId names none"), ("mars", "does not know")])
def test_a_region_that_cannot_be_called_is_reported(region: str, words: str) -> None:
    deployment = with_secret(f'{{"{region}": "sk-x"}}')
    finding = examined("wan key", lambda: wan.key(deployment, region))

    assert finding.state is State.FAILED
    assert words in finding.what
    assert finding.remedy


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Set the next answers of Wan."""
    coming: list[tuple[int, dict[str, Any]]] = []

    def ask(url: str, bearer: str) -> tuple[int, dict[str, Any]]:
        assert bearer == "sk-CANARY"
        if not coming:
            raise wan.Unanswered("connection refused")
        return coming.pop(0)

    monkeypatch.setattr(wan, "ask", ask)
    yield coming
    assert coming == []


GOOD = '{"singapore": "sk-CANARY"}'


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ((200, {"total": 0}), State.OK, "accepts the key"),
        ((401, {"code": "InvalidApiKey", "message": "x"}), State.FAILED, "InvalidApiKey"),
        ((403, {"code": "Endpoint.AccessDenied"}), State.FAILED, "Endpoint.AccessDenied"),
        ((429, {"code": "Throttling.RateQuota"}), State.WARNING, "busy"),
        ((429, {"code": "PostpaidBillOverdue"}), State.FAILED, "bill"),
        ((503, {}), State.WARNING, "HTTP 503"),
        ((404, {"code": "odd code of sk-CANARY"}), State.WARNING, "HTTP 404"),
        (None, State.FAILED, "connection refused"),
    ],
)
def test_a_key_is_checked_with_a_call(
    answers: list[tuple[int, dict[str, Any]]], answer: tuple[int, dict[str, Any]] | None, state: State, words: str
) -> None:
    answers += [answer] if answer else []

    finding = wan.key(with_secret(GOOD), "singapore")

    assert finding.state is state
    assert words in finding.what
    assert "CANARY" not in str(finding.document)


# --- limits ----------------------------------------------------------------------------------------------------------

HOUR = 3600
NOW = time.time()


def deployed(**parameters: str) -> Stubbed:
    return Stubbed(Parameters=pairs(**parameters))


def offered(
    concurrency: int = 5, source: str = "account", read_hours_ago: float | None = 1, retires_at: int | None = None
) -> dict[str, Any]:
    """What `GET /v1/models` returns about one model."""
    read_at = None if read_hours_ago is None else int(NOW - read_hours_ago * HOUR)
    return {
        "id": "wan2.6-t2v",
        "regions": {"singapore": {}},
        "limits": {"singapore": {"concurrency": concurrency, "source": source, "read_at": read_at}},
        "retires_at": {} if retires_at is None else {"singapore": retires_at},
    }


@pytest.mark.parametrize(
    ("model", "state", "words"),
    [
        (offered(20), State.OK, "works on 20 videos of wan2.6-t2v at once, by the account's limit"),
        (offered(3, "workspace"), State.OK, "by the workspace's limit"),
        (offered(7, "parameter"), State.OK, "by the parameter WanQuotas"),
        (offered(5, "registry", None), State.OK, "because Wan has stated none"),
        (offered(2, "assumed", None), State.OK, "no one states a limit"),
        (offered(0), State.WARNING, "None starts"),
        (offered(0, "parameter"), State.WARNING, "None starts"),
        (offered(5, read_hours_ago=2), State.OK, "5 videos"),
        (offered(5, read_hours_ago=4), State.WARNING, "last answered 4h ago"),
        ({"id": "wan2.6-t2v", "regions": {"singapore": {}}}, State.SKIPPED, "states no limit"),
        ({**offered(), "id": "wan2.7-t2v"}, State.SKIPPED, "states no limit of wan2.6-t2v"),
    ],
)
def test_the_limit_in_force_is_shown_with_its_source(
    model: dict[str, Any], state: State, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    finding = limits.quota(deployed(DefaultModel="wan2.6-t2v"), {"data": [model]}, "singapore")

    assert finding.state is state
    assert words in finding.what
    assert bool(finding.remedy) == (state is State.WARNING)


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        ("", None),
        ("singapore/wan2.6-t2v=5", None),
        ("singapore/wan2.6-t2v=5, singapore/wan2.6-tv=5", "singapore/wan2.6-tv"),
        ("beijing/wan2.6-t2v=5", "beijing/wan2.6-t2v"),
    ],
)
def test_a_limit_of_a_model_that_is_not_offered_is_named(given: str, unknown: str | None) -> None:
    finding = limits.overrides(deployed(WanQuotas=given), {"data": [offered()]})

    assert finding.state is (State.OK if unknown is None else State.WARNING)
    assert unknown is None or f"limits of {unknown}, which" in finding.what


def test_a_retirement_is_named_with_its_day_and_the_default_model_is_pointed_out() -> None:
    models = {"data": [offered(retires_at=1_798_646_400), {**offered(), "id": "wan2.7-t2v"}]}

    finding = limits.retirements(deployed(DefaultModel="wan2.6-t2v"), models)
    other = limits.retirements(deployed(DefaultModel="wan2.7-t2v"), models)

    assert finding.what == "wan2.6-t2v goes offline in singapore on 2026-12-30."
    assert (finding.state, other.state) == (State.WARNING, State.WARNING)
    assert "DefaultModel" in finding.remedy
    assert "DefaultModel" not in other.remedy


@pytest.mark.parametrize("model", [offered(), {"id": "wan2.6-t2v", "regions": {}}])
def test_where_nothing_retires_the_doctor_says_so(model: dict[str, Any]) -> None:
    assert limits.retirements(deployed(), {"data": [model]}).state is State.OK


# --- output ----------------------------------------------------------------------------------------------------------

WORDS = "The account runs ten functions at once, which deliveries and the API share."
REMEDY = "Ask AWS under Service Quotas for a hundred."


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_shows_whole_words_and_colours_only_the_state(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("COLUMNS", str(width)), ("TTY_COMPATIBLE", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)

    show(Finding("concurrency", State.WARNING, WORDS, REMEDY))

    text = capsys.readouterr().out
    assert text.startswith("\x1b[33mwarning  \x1b[0mconcurrency")
    assert text.count("\x1b[") == 2
    plain = text.replace("\x1b[33m", "").replace("\x1b[0m", "").splitlines()
    assert max(map(len, plain)) <= width
    assert " ".join(" ".join(plain).split()) == f"warning concurrency {WORDS} {REMEDY}"


def test_without_a_terminal_a_finding_is_one_line_and_its_remedy_another(capsys: pytest.CaptureFixture[str]) -> None:
    show(Finding("concurrency", State.WARNING, WORDS, REMEDY))

    assert capsys.readouterr().out == f"{'warning':<9}{'concurrency':<24}{WORDS}\n{'':<33}{REMEDY}\n"


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [(180, State.OK, "are those of 2026-06-01"), (181, State.WARNING, "181 days ago")],
)
def test_prices_are_old_after_180_days(days: int, state: State, words: str) -> None:
    listing = [
        {"id": "wan3.0-video", "priced_on": "2026-09-16", "unconfirmed": {"singapore": ["720P"]}},
        {"id": "wan2.6-t2v", "priced_on": "2026-06-01", "unconfirmed": {}},
        {"id": "wan2.5-t2v-preview", "priced_on": None, "unconfirmed": {}},
    ]
    finding = api.prices({"data": listing}, date(2026, 6, 1) + timedelta(days))
    assert (finding.state, words in finding.what, bool(finding.remedy)) == (state, True, state is State.WARNING)
    assert "Wan has not confirmed those of wan3.0-video." in finding.what
    assert api.OLD_DAYS == OLD_DAYS


def test_prices_that_the_stack_states_itself_are_never_old() -> None:
    assert api.prices({"data": [{"id": "wan2.6-t2v", "priced_on": None}]}, date(2030, 1, 1)).state is State.OK


def test_the_host_of_the_workspace_is_asked_as_well_where_there_are_two() -> None:
    deployment = Stubbed(Parameters=pairs(WanWorkspaceId="singapore=ws-1", WanEndpoints=""))
    assert wan.workspace_url(deployment, "singapore") == "https://ws-1.ap-southeast-1.maas.aliyuncs.com/api/v1"
    assert wan.workspace_url(deployment, "beijing") == ""
    only_own = Stubbed(Parameters=pairs(WanWorkspaceId="ws-1", WanEndpoints=""))
    assert wan.workspace_url(only_own, "frankfurt") == ""
