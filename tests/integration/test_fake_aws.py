"""The stack that tests share: each test gets a copy that no earlier test has changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from boto3.session import Session
from botocore.config import Config

from tools.harness.fake_aws import fake_aws
from tools.harness.samples import queued
from tools.harness.stack import BUCKET, BUCKETS, LEDGER, PROMPTS, REGION, VIDEOS, Stack, deployed


def contents(stack: Stack) -> dict[str, Any]:
    """Return everything that a test can find in a stack."""
    client, s3 = stack.dynamodb.meta.client, stack.s3
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    return {
        "tables": {name: client.describe_table(TableName=name)["Table"] for name in client.list_tables()["TableNames"]},
        "items": {name: client.scan(TableName=name)["Items"] for name in (VIDEOS, LEDGER)},
        "buckets": buckets,
        "objects": [s3.list_objects_v2(Bucket=bucket).get("Contents", []) for bucket in buckets],
        "uploads": s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []),
        "secret": stack.clients.secretsmanager.get_secret_value(SecretId=stack.secret_arn)["SecretString"],
        "executions": stack.executions(),
        "notices": stack.notices(),
        "topics": [topic["TopicArn"] for topic in stack.clients.sns.list_topics()["Topics"]],
        "queues": stack.clients.sqs.list_queues()["QueueUrls"],
    }


def change_everything(stack: Stack) -> None:
    stack.videos.accept(queued("video_1"))
    stack.s3.put_object(Bucket=BUCKET, Key="a", Body=b"a")
    stack.s3.create_multipart_upload(Bucket=BUCKET, Key="b")
    stack.s3.create_bucket(Bucket="another", CreateBucketConfiguration={"LocationConstraint": REGION})
    stack.s3.delete_bucket(Bucket=PROMPTS)
    stack.write_keys(singapore="sk-x")
    stack.stepfunctions.start_execution(stateMachineArn=stack.machine_arn, name="one", input="{}")
    stack.clients.sns.create_topic(Name="another")
    stack.clients.sqs.send_message(QueueUrl=stack.queue_url, MessageBody="{}")
    stack.clients.sqs.create_queue(QueueName="another")
    stack.dynamodb.meta.client.delete_table(TableName=LEDGER)


@pytest.mark.usefixtures("credentials")
def test_a_stack_is_as_new_whatever_the_one_before_it_has_been_through() -> None:
    with deployed() as first:
        new = contents(first)
        change_everything(first)
    with deployed() as second:
        assert contents(second) == new
    assert new["items"] == {VIDEOS: [], LEDGER: []}
    assert sorted(new["buckets"]) == sorted(BUCKETS)
    assert new["secret"] == "{}"


@pytest.mark.usefixtures("credentials")
def test_a_stack_still_does_what_its_copies_were_built_to_do() -> None:
    for _ in range(2):
        with deployed() as stack:
            stack.s3.put_object(Bucket=PROMPTS, Key="a", Body=b"a")
            stack.clients.sns.publish(TopicArn=stack.topic_arn, Message="{}")
            received = stack.clients.sqs.receive_message(QueueUrl=stack.queue_url)
            assert len(received["Messages"]) == 1
            stack.stepfunctions.start_execution(stateMachineArn=stack.machine_arn, name="one", input='{"n": 1}')
            assert stack.executions() == {"one": {"n": 1}}
            with pytest.raises(stack.s3.exceptions.BucketAlreadyOwnedByYou):
                stack.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


@pytest.mark.usefixtures("credentials")
def test_an_account_without_a_state_is_empty() -> None:
    with deployed():
        pass
    with fake_aws():
        assert Session().client("dynamodb").list_tables()["TableNames"] == []
        assert Session().client("s3").list_buckets()["Buckets"] == []


@pytest.mark.usefixtures("credentials")
def test_no_call_is_answered_outside_of_a_stack() -> None:
    with deployed():
        pass
    client = Session().client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(Exception, match=r"socket|connect"):
        client.list_tables()


@pytest.mark.usefixtures("credentials")
def test_a_stack_within_a_stack_is_refused() -> None:
    with deployed(), pytest.raises(AssertionError, match="another block is running"), deployed():
        pass


def test_a_transaction_of_one_thread_does_not_meet_a_write_of_another() -> None:
    items = 200
    with fake_aws():
        session = Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        dynamodb: Any = session.client("dynamodb")
        dynamodb.create_table(
            TableName="rows",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

        def write(number: int) -> None:
            put: Any = {"TableName": "rows", "Item": {"pk": {"S": str(number)}}}
            if number % 2:
                dynamodb.put_item(**put)
            else:
                dynamodb.transact_write_items(TransactItems=[{"Put": put}])

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(items)))
        assert dynamodb.scan(TableName="rows", Select="COUNT")["Count"] == items
