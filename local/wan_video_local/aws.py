"""Clients of the local AWS engine, which ignore the caller's own AWS configuration."""

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config

from wan_video_local.engine import CREDENTIALS, REGION

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBServiceResource
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

FOREIGN = ("AWS_", "PYTHON", "SAM_", "DASHSCOPE_")
"""Prefixes of variables that belong to the caller and are not passed on."""

_CONFIG = Config(proxies={}, connect_timeout=5, read_timeout=65, retries={"total_max_attempts": 2})


def command_environment() -> dict[str, str]:
    """Return the caller's variables for a command of this virtual environment, without the caller's AWS settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    return {
        **inherited,
        **CREDENTIALS,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), inherited.get("PATH", os.defpath))),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@dataclass(frozen=True)
class Aws:
    """One client per service of the engine at `endpoint`, each created when it is first used."""

    endpoint: str

    def environment(self) -> dict[str, str]:
        """Return the variables for a command of this virtual environment that may call only this engine."""
        return {**command_environment(), "AWS_ENDPOINT_URL": self.endpoint}

    @cached_property
    def session(self) -> boto3.Session:
        """Create a session with the engine's credentials that reads none of the caller's profiles and files."""
        nothing = dict.fromkeys(("profile", "region"), (None, None, None, None))
        files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
        return boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
            botocore_session=botocore.session.Session(session_vars={**nothing, **files}),
        )

    @cached_property
    def apigateway(self) -> "APIGatewayClient":
        """API Gateway."""
        return self.session.client("apigateway", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation."""
        return self.session.client("cloudformation", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def dynamodb(self) -> "DynamoDBServiceResource":
        """DynamoDB, as a resource with its tables."""
        return self.session.resource("dynamodb", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def events(self) -> "EventBridgeClient":
        """EventBridge."""
        return self.session.client("events", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self.session.client("lambda", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """CloudWatch Logs."""
        return self.session.client("logs", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self.session.client("s3", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets Manager."""
        return self.session.client("secretsmanager", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def sns(self) -> "SNSClient":
        """SNS."""
        return self.session.client("sns", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS."""
        return self.session.client("sqs", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def states(self) -> "SFNClient":
        """Step Functions."""
        return self.session.client("stepfunctions", endpoint_url=self.endpoint, config=_CONFIG)
