"""Faults that scanners of templates miss: each is planted here, and one of our own tests must fail."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.contract import test_state_machine as machine
from tests.contract import test_template_api as api
from tests.contract import test_template_functions as functions
from tests.contract import test_template_rights as rights
from tests.contract import test_template_storage as storage
from tools.template import Json, of_type

TEMPLATE, SOURCE, DEFINITION = "template", "source", "definition"

Plant = Callable[[Json], Any]
Check = Callable[[Json], Any]


def properties(template: Json, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]
    return found


def first_statement(template: Json, role: str) -> Json:
    found: Json = properties(template, role)["Policies"][0]["PolicyDocument"]["Statement"][0]
    return found


def with_functions(check: Callable[[Json, dict[str, Json]], None]) -> Check:
    return lambda template: check(template, of_type(template, "AWS::Lambda::Function"))


def drop(template: Json, kind: str, key: str) -> None:
    """Remove one property from the first resource of a type."""
    del next(iter(of_type(template, kind).values()))[key]


FAULTS: Mapping[str, tuple[str, Plant, Check]] = {
    "a role with every right": (
        TEMPLATE,
        lambda t: properties(t, "PollRole")["ManagedPolicyArns"].append("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        rights.test_no_role_has_a_whole_service_or_every_resource,
    ),
    "every action of a service": (
        TEMPLATE,
        lambda t: first_statement(t, "PollRole").update(Action="dynamodb:*"),
        rights.test_no_role_has_a_whole_service_or_every_resource,
    ),
    "every resource where AWS has another": (
        TEMPLATE,
        lambda t: first_statement(t, "DeliverRole").update(Resource="*"),
        rights.test_no_role_has_a_whole_service_or_every_resource,
    ),
    "a function that anyone may invoke": (
        TEMPLATE,
        lambda t: drop(t, "AWS::Lambda::Permission", "SourceArn"),
        rights.test_the_permission_to_invoke_a_function_names_the_rule_or_the_api,
    ),
    "a key in an environment": (
        TEMPLATE,
        lambda t: properties(t, "Submit")["Environment"]["Variables"].update(DASHSCOPE_API_KEY="here"),
        with_functions(functions.test_no_secret_is_in_an_environment),
    ),
    "a secret resolved into the template": (
        TEMPLATE,
        lambda t: properties(t, "Submit")["Environment"]["Variables"].update(
            CLOCK="{{resolve:secretsmanager:wan:SecretString}}"
        ),
        with_functions(functions.test_no_secret_is_in_an_environment),
    ),
    "a function without a time-out": (
        SOURCE,
        lambda s: properties(s, "Submit").pop("Timeout"),
        lambda s: functions.test_a_function_has_its_own_timeout_and_memory(s, "submit"),
    ),
    "a log without a retention": (
        TEMPLATE,
        lambda t: properties(t, "SubmitLogs").pop("RetentionInDays"),
        lambda t: functions.test_a_function_logs_json_to_its_own_group_with_a_retention(
            t, of_type(t, "AWS::Lambda::Function"), "submit"
        ),
    ),
    "an asynchronous function whose failures are lost": (
        TEMPLATE,
        lambda t: drop(t, "AWS::Lambda::EventInvokeConfig", "DestinationConfig"),
        functions.test_asynchronously_invoked_functions_send_their_failures_to_the_dead_letters,
    ),
    "a rule whose events are lost": (
        TEMPLATE,
        lambda t: next(iter(of_type(t, "AWS::Events::Rule").values()))["Targets"][0].pop("DeadLetterConfig"),
        functions.test_every_rule_targets_a_known_function_and_has_a_dead_letter_queue,
    ),
    "a stream that a poison record blocks for a day": (
        TEMPLATE,
        lambda t: functions.listeners(t)["Dispatch"].pop("MaximumRetryAttempts"),
        lambda t: functions.test_a_poison_record_does_not_block_the_stream(t, "Dispatch"),
    ),
    "a public bucket": (
        TEMPLATE,
        lambda t: properties(t, "VideosBucket")["PublicAccessBlockConfiguration"].update(BlockPublicPolicy=False),
        storage.test_every_bucket_is_private_encrypted_and_aborts_incomplete_uploads,
    ),
    "a bucket without encryption": (
        TEMPLATE,
        lambda t: properties(t, "PromptsBucket").pop("BucketEncryption"),
        storage.test_every_bucket_is_private_encrypted_and_aborts_incomplete_uploads,
    ),
    "a bucket that keeps incomplete uploads": (
        TEMPLATE,
        lambda t: properties(t, "VideosBucket").pop("LifecycleConfiguration"),
        storage.test_every_bucket_is_private_encrypted_and_aborts_incomplete_uploads,
    ),
    "a bucket that accepts plain HTTP": (
        TEMPLATE,
        lambda t: t["Resources"].pop("PromptsBucketPolicy"),
        storage.test_every_bucket_requires_tls,
    ),
    "a topic that accepts plain HTTP": (
        TEMPLATE,
        lambda t: properties(t, "TopicPolicy")["PolicyDocument"]["Statement"][0].pop("Condition"),
        storage.test_topic_and_queue_require_tls_and_are_encrypted,
    ),
    "a table that is deleted with the stack": (
        TEMPLATE,
        lambda t: t["Resources"]["Videos"].pop("DeletionPolicy"),
        lambda t: storage.test_videos_and_tables_outlive_the_stack(t, "Videos"),
    ),
    "a route that needs no token": (
        TEMPLATE,
        lambda t: properties(t, "RestApi")["Body"]["paths"]["/{proxy+}"]["post"].update(security=[{"NONE": []}]),
        lambda t: api.test_every_route_except_the_public_ones_needs_a_token(properties(t, "RestApi")["Body"]),
    ),
    "a parameter of the state machine that is not supplied": (
        SOURCE,
        lambda s: properties(s, "GenerateVideo")["DefinitionSubstitutions"].pop("PollIntervalSeconds"),
        machine.test_every_parameter_of_the_definition_is_supplied_and_every_supplied_one_is_used,
    ),
    "an error of the state machine that no code raises": (
        DEFINITION,
        lambda d: d["States"]["Submit"]["Retry"][0].update(ErrorEquals=["WanIsTired"]),
        lambda d: _nothing(machine.unknown_errors(d)),
    ),
    "a path of the state machine that leads nowhere": (
        DEFINITION,
        lambda d: d["States"]["Poll"].update(Next="Paint"),
        machine.test_every_path_reaches_an_end,
    ),
    "a retry of the state machine without an end": (
        DEFINITION,
        lambda d: d["States"]["Poll"]["Retry"][0].pop("MaxDelaySeconds"),
        lambda d: _nothing(machine.unbounded(d)),
    ),
}


def _nothing(found: list[str]) -> None:
    assert found == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_fails_a_test_that_passes_without_it(
    template: Json, source: Json, definition: Json, fault: str
) -> None:
    where, plant, check = FAULTS[fault]
    sound = {TEMPLATE: template, SOURCE: source, DEFINITION: definition}[where]
    check(sound)
    planted = copy.deepcopy(sound)
    plant(planted)
    assert planted != sound
    with pytest.raises((AssertionError, KeyError)):
        check(planted)


def test_every_log_group_has_the_configured_retention(template: Json) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    assert all(group.get("RetentionInDays") == {"Ref": "LogRetentionDays"} for group in groups.values())
    assert len(groups) > len(of_type(template, "AWS::Lambda::Function"))
