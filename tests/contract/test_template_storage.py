"""Tables, buckets, secret, topic and queue are encrypted, private, and protected from mistakes."""

from __future__ import annotations

import pytest

from tools.template import Json, of_type, written

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
    (queue_policy,) = of_type(template, "AWS::SQS::QueuePolicy").values()

    for policy, action in ((topic_policy, "sns:Publish"), (queue_policy, "sqs:SendMessage")):
        deny = statement(policy, "TlsOnly")
        assert (deny["Effect"], deny["Principal"], deny["Action"], deny["Condition"]) == ("Deny", "*", action, TLS_ONLY)
    (topic,) = of_type(template, "AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"]["Fn::If"][0] == "HasKmsKey"
    (queue,) = of_type(template, "AWS::SQS::Queue").values()
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_secret_is_empty_at_first_and_always_referenced_by_its_arn(template: Json) -> None:
    (secret,) = of_type(template, "AWS::SecretsManager::Secret").values()

    assert secret["SecretString"] == "{}"
    assert "KmsKeyArn" in str(secret["KmsKeyId"])
    # `!Ref` of a secret is its ARN on AWS and its name on the local engine; `Id` is the ARN on both.
    assert "'Ref', 'WanSecret'" not in str(template)
    assert template["Outputs"]["WanSecretArn"]["Value"] == {"Fn::GetAtt": ["WanSecret", "Id"]}


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
    (forget,) = rules.pop("InputsBucket")
    assert (forget["Prefix"], forget["ExpirationInDays"]) == ("inputs/", {"Ref": "InputDays"})
    assert set(map(tuple, rules.values())) == {()}
