"""Tables, buckets, secret, topic and queue are encrypted, private, and protected from mistakes."""

from __future__ import annotations

import pytest

from tools.template import Json, of_type, written
from wan_video.adapters.notify_queue import MOST_RECEIVES
from wan_video.adapters.receivers import TOTAL_SECONDS
from wan_video.domain.delivery import JITTER, LIFE_SECONDS, MAX_ATTEMPTS, RETRY_SECONDS, SLOT_SECONDS, SLOTS

TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}


def statement(policy: Json, sid: str) -> Json:
    found: Json = next(found for found in policy["PolicyDocument"]["Statement"] if found["Sid"] == sid)
    return found


@pytest.mark.parametrize("name", ["Videos", "Ledger", "VideosBucket", "PromptsBucket", "InputsBucket"])
def test_videos_and_tables_outlive_the_stack(template: Json, name: str) -> None:
    resource = template["Resources"][name]

    # `Retain` would also keep what a failed first deployment created; see test_starting_again.py.
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_every_table_can_be_restored_and_is_protected_from_deletion(template: Json) -> None:
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        assert table["DeletionProtectionEnabled"] == {"Fn::If": ["HasTableProtection", True, False]}, name
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}, name
        condition, encrypted, otherwise = table["SSESpecification"]["Fn::If"]
        assert (condition, otherwise) == ("HasKmsKey", {"Ref": "AWS::NoValue"}), name
        assert encrypted == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}, name
        assert "TableName" not in table, name


def test_the_tables_have_the_keys_and_the_stream_that_the_code_uses(template: Json) -> None:
    tables = of_type(template, "AWS::DynamoDB::Table")

    def keys(holder: Json) -> list[str]:
        return [key["AttributeName"] for key in holder["KeySchema"]]

    assert keys(tables["Videos"]) == ["id"]
    assert keys(tables["Ledger"]) == ["pk", "sk"]
    assert tables["Videos"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    indexes = {
        index["IndexName"]: (keys(index), index["Projection"]["ProjectionType"])
        for index in tables["Videos"]["GlobalSecondaryIndexes"]
    }
    assert indexes == {
        "attention": (["attention", "updated_at"], "KEYS_ONLY"),
        "by_owner": (["owner", "created_at"], "ALL"),
        "by_status": (["owner_status", "listed"], "KEYS_ONLY"),
        "by_status_and_model": (["owner_status_model", "listed"], "KEYS_ONLY"),
        "by_batch": (["batch_status_model", "batch_row"], "KEYS_ONLY"),
    }


def test_every_bucket_is_private_encrypted_and_aborts_incomplete_uploads(template: Json) -> None:
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4, name
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], name
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        condition, own_key, otherwise = rule["ServerSideEncryptionByDefault"]["Fn::If"]
        assert condition == "HasKmsKey"
        assert own_key == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}}
        assert otherwise == {"SSEAlgorithm": "AES256"}
        aborts = [
            rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
            for rule in bucket["LifecycleConfiguration"]["Rules"]
            if rule["Status"] == "Enabled" and "Prefix" not in rule and "Filter" not in rule
        ]
        assert aborts == [1], name
        assert "BucketName" not in bucket, name


def test_every_bucket_requires_tls(template: Json) -> None:
    policies = {policy["Bucket"]["Ref"]: policy for policy in of_type(template, "AWS::S3::BucketPolicy").values()}

    assert set(policies) == set(of_type(template, "AWS::S3::Bucket"))
    for bucket, policy in policies.items():
        deny = statement(policy, "TlsOnly")
        assert (deny["Effect"], deny["Principal"], deny["Action"], deny["Condition"]) == ("Deny", "*", "s3:*", TLS_ONLY)
        assert [written(resource) for resource in deny["Resource"]] == [f"{bucket}.Arn", f"${{{bucket}.Arn}}/*"]


def test_topic_and_queue_require_tls_and_are_encrypted(template: Json) -> None:
    (topic_policy,) = of_type(template, "AWS::SNS::TopicPolicy").values()
    queue_policies = of_type(template, "AWS::SQS::QueuePolicy").values()

    for policy, action in ((topic_policy, "sns:Publish"), *((each, "sqs:SendMessage") for each in queue_policies)):
        deny = statement(policy, "TlsOnly")
        assert (deny["Effect"], deny["Principal"], deny["Action"], deny["Condition"]) == ("Deny", "*", action, TLS_ONLY)
    (topic,) = of_type(template, "AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"]["Fn::If"][0] == "HasKmsKey"
    queues = of_type(template, "AWS::SQS::Queue")
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    assert {queue["Ref"] for policy in queue_policies for queue in policy["Queues"]} == set(queues)
    for name in ("DeadLetters", "NotifyDeadLetters"):
        assert queues[name]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_queue_of_notify_gets_every_event_exactly_as_it_was_published(template: Json) -> None:
    subscription = of_type(template, "AWS::SNS::Subscription")["NotifySubscription"]
    allow = statement(of_type(template, "AWS::SQS::QueuePolicy")["NotifyQueuePolicy"], "Events")

    assert subscription["RawMessageDelivery"] is True
    assert "FilterPolicy" not in subscription
    assert subscription["TopicArn"] == allow["Condition"]["ArnEquals"]["aws:SourceArn"] == {"Ref": "Topic"}
    assert subscription["Endpoint"] == {"Fn::GetAtt": ["NotifyQueue", "Arn"]}
    dead_letters = subscription["RedrivePolicy"]["deadLetterTargetArn"]
    assert dead_letters == {"Fn::GetAtt": ["NotifyDeadLetters", "Arn"]}
    assert allow["Resource"] == [subscription["Endpoint"], dead_letters]
    assert (allow["Effect"], allow["Principal"]) == ("Allow", {"Service": "sns.amazonaws.com"})


def test_a_message_stays_longer_than_all_attempts_and_is_visible_again_after_the_function_has_ended(
    template: Json,
) -> None:
    queue = of_type(template, "AWS::SQS::Queue")["NotifyQueue"]
    function = of_type(template, "AWS::Lambda::Function")["Notify"]

    assert queue["MessageRetentionPeriod"] > (sum(RETRY_SECONDS) * (1 + JITTER) + LIFE_SECONDS)
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 2 * MOST_RECEIVES > 2 * MAX_ATTEMPTS
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["NotifyDeadLetters", "Arn"]}
    assert max(RETRY_SECONDS) * (1 + JITTER) < 12 * 3600
    assert TOTAL_SECONDS < function["Timeout"] <= SLOT_SECONDS


def test_one_receiver_never_occupies_all_invocations_of_notify(template: Json) -> None:
    mapping = next(
        found
        for found in of_type(template, "AWS::Lambda::EventSourceMapping").values()
        if "NotifyQueue" in str(found["EventSourceArn"])
    )

    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # A new account can run ten functions at the same time.
    assert 2 * SLOTS <= mapping["ScalingConfig"]["MaximumConcurrency"] <= 5


def test_the_secret_is_empty_at_first_and_always_referenced_by_its_arn(template: Json) -> None:
    secret = of_type(template, "AWS::SecretsManager::Secret")["WanSecret"]

    assert secret["SecretString"] == "{}"
    assert "KmsKeyArn" in str(secret["KmsKeyId"])
    # `!Ref` of a secret is its ARN on AWS and its name on the local engine; `Id` is the ARN on both.
    assert "'Ref', 'WanSecret'" not in str(template)
    assert template["Outputs"]["WanSecretArn"]["Value"] == {"Fn::GetAtt": ["WanSecret", "Id"]}


def test_the_secret_of_webhooks_is_generated_and_under_your_key(template: Json) -> None:
    secret = of_type(template, "AWS::SecretsManager::Secret")["WebhookSecret"]

    assert secret["GenerateSecretString"] == {"PasswordLength": 64, "ExcludePunctuation": True}
    assert "SecretString" not in secret
    assert "KmsKeyArn" in str(secret["KmsKeyId"])
    assert "'Ref', 'WebhookSecret'" not in str(template)


def test_browsers_may_only_get_videos_and_put_prompt_files_by_signed_links(template: Json) -> None:
    rules = {
        name: bucket["CorsConfiguration"]["CorsRules"] for name, bucket in of_type(template, "AWS::S3::Bucket").items()
    }

    assert {name: [rule["AllowedMethods"] for rule in found] for name, found in rules.items()} == {
        "VideosBucket": [["GET", "HEAD"]],
        "PromptsBucket": [["PUT"]],
        "InputsBucket": [["PUT"]],
    }
    for name in ("PromptsBucket", "InputsBucket"):
        (upload,) = rules[name]
        assert upload["AllowedHeaders"] == ["Content-Type", "If-None-Match"]


def test_images_are_forgotten_and_nothing_else_is(template: Json) -> None:
    rules = {
        name: [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
        for name, bucket in of_type(template, "AWS::S3::Bucket").items()
    }
    forget = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules.pop("InputsBucket")}
    assert forget == {"inputs/": {"Ref": "InputDays"}, "fetched/": 2}
    assert set(map(tuple, rules.values())) == {()}
