"""What a failed first deployment and a deleted stack leave behind, and how the next stack imports it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.contract.engine import deploy, running_engine
from tools import adopt_template
from tools.readme import commands, snippet
from tools.template import ROOT, Json, logical_id, of_type, source
from tools.words import WORDS
from wan_video_local.aws import Aws

KEPT = {
    name: found["Type"]
    for name, found in source()["Resources"].items()
    if found["Type"] in ("AWS::DynamoDB::Table", "AWS::S3::Bucket")
}
"""Every table and bucket of the stack: a deleted stack leaves behind whatever stores something."""

NEVER = {
    "Type": "AWS::Lambda::Url",
    "DependsOn": list(KEPT),
    "Properties": {"TargetFunctionArn": "nobody", "AuthType": "AWS_IAM"},
}
"""A resource that cannot be created, because its function does not exist."""


@pytest.fixture
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with running_engine(tmp_path_factory.mktemp("again") / "log") as aws:
        yield aws


def with_more(*, protected: bool = False, **more: Any) -> Json:
    """Return the retained resources of the stack, together with those of a test."""
    made = copy.deepcopy(adopt_template.adopted())
    made["Resources"] |= more
    made["Parameters"]["TableProtection"]["Default"] = "enabled" if protected else "disabled"
    return made


def names(aws: Aws) -> tuple[set[str], set[str]]:
    """Return the existing tables and buckets."""
    tables = set(aws.dynamodb.meta.client.list_tables()["TableNames"])
    buckets = {str(bucket["Name"]) for bucket in aws.s3.list_buckets()["Buckets"]}
    return tables, buckets


def physical(aws: Aws, stack: str) -> dict[str, str]:
    """Return the names of a stack's resources in the account, by their logical ids."""
    found = aws.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}


def test_the_template_of_the_import_matches_that_of_the_stack() -> None:
    assert adopt_template.PATH.read_text(encoding="utf-8") == adopt_template.text()
    assert {name: found["Type"] for name, found in adopt_template.adopted()["Resources"].items()} == KEPT


def test_a_failed_first_deployment_leaves_nothing_behind(aws: Aws) -> None:
    with pytest.raises(WaiterError):
        deploy(aws, "wan-video", with_more(Never=NEVER))
    assert names(aws) == (set(), set())


def test_protection_starts_after_the_first_deployment_because_it_would_prevent_a_rollback() -> None:
    assert adopt_template.adopted()["Parameters"]["TableProtection"]["Default"] == "disabled"


def test_a_protected_table_cannot_be_deleted(aws: Aws) -> None:
    deploy(aws, "wan-video", with_more(protected=True))
    with pytest.raises(ClientError, match="protect"):
        aws.dynamodb.meta.client.delete_table(TableName=physical(aws, "wan-video")["Videos"])


def test_the_next_stack_of_the_same_name_imports_what_a_deleted_stack_left(aws: Aws) -> None:
    deploy(aws, "wan-video", with_more())
    before = physical(aws, "wan-video")
    aws.dynamodb.Table(before["Videos"]).put_item(Item={"id": "video_1"})
    aws.s3.put_object(Bucket=before["VideosBucket"], Key="videos/video_1/video.mp4", Body=b"film")
    aws.cloudformation.delete_stack(StackName="wan-video")
    aws.cloudformation.get_waiter("stack_delete_complete").wait(StackName="wan-video", WaiterConfig={"Delay": 1})

    # As docs/operations.md describes it.
    wanted = snippet("docs/operations.md", "json adopt")
    for output, found in source()["Outputs"].items():
        if found["Value"].get("Ref") in KEPT:
            wanted = wanted.replace(f"<{output}>", before[found["Value"]["Ref"]])
    aws.cloudformation.create_change_set(
        StackName="wan-video",
        ChangeSetName="adopt",
        ChangeSetType="IMPORT",
        TemplateBody=adopt_template.PATH.read_text(encoding="utf-8"),
        ResourcesToImport=json.loads(wanted),
    )
    waiter = aws.cloudformation.get_waiter("change_set_create_complete")
    waiter.wait(StackName="wan-video", ChangeSetName="adopt", WaiterConfig={"Delay": 1})
    aws.cloudformation.execute_change_set(StackName="wan-video", ChangeSetName="adopt")
    aws.cloudformation.get_waiter("stack_import_complete").wait(StackName="wan-video", WaiterConfig={"Delay": 1})
    assert physical(aws, "wan-video") == before

    # The rest of the stack is then a normal update.
    whole = with_more(Topic={"Type": "AWS::SNS::Topic", "Properties": {}})
    aws.cloudformation.update_stack(StackName="wan-video", TemplateBody=json.dumps(whole))
    aws.cloudformation.get_waiter("stack_update_complete").wait(StackName="wan-video", WaiterConfig={"Delay": 1})
    after = physical(aws, "wan-video")
    assert {name: after[name] for name in KEPT} == before
    assert aws.dynamodb.Table(after["Videos"]).get_item(Key={"id": "video_1"})["Item"] == {"id": "video_1"}
    assert aws.s3.get_object(Bucket=after["VideosBucket"], Key="videos/video_1/video.mp4")["Body"].read() == b"film"


def test_the_page_imports_that_template_under_the_name_of_the_next_deployment() -> None:
    page = ROOT / "docs/operations.md"
    (line,) = [line for line in commands("aws", aws=True, page=page) if "create-change-set" in line]

    assert "--change-set-type IMPORT" in line
    assert "--template-body file://docs/adopt.json" in line


def test_no_log_group_has_a_name_that_would_conflict_with_a_second_stack(template: Json) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")

    assert set(groups) == {"RestApiLogs", *(f"{logical_id(word)}Logs" for word in WORDS)}
    assert not any("LogGroupName" in group for group in groups.values())


def test_no_function_creates_a_log_group_after_the_stack_is_deleted(template: Json) -> None:
    policy = of_type(template, "AWS::IAM::Policy")["NoOtherLogGroups"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    roles = {f"{name}Role" for name in of_type(template, "AWS::Lambda::Function")}

    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", "logs:CreateLogGroup", "*")
    conditional = ["HasThumbnails", {"Ref": "ThumbnailRole"}, {"Ref": "AWS::NoValue"}]
    assert policy["Roles"][-1] == {"Fn::If": conditional}
    assert {role["Ref"] for role in policy["Roles"][:-1]} | {"ThumbnailRole"} == roles
