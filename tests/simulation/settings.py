"""The settings of the simulated stack: environment variables, substitutions of the state machine, moments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tools.harness.stack import LEDGER as LEDGER
from tools.harness.stack import VIDEOS as VIDEOS

GRACE_SECONDS: Final = 1200
BEGINNING: Final = 1_780_000_000
DAY: Final = 86_400
SETTINGS: Final[Mapping[str, str]] = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "VIDEOS_TABLE": VIDEOS,
    "LEDGER_TABLE": LEDGER,
    "VIDEOS_BUCKET": "wan-video-videos",
    "PROMPTS_BUCKET": "wan-video-prompts",
    "INPUTS_BUCKET": "wan-video-inputs",
    "IMAGE_ORIGINS": "",
    "WEBHOOK_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:webhooks",
    "WEBHOOK_ORIGINS": "",
    "NOTIFY_QUEUE_URL": "https://sqs.invalid/notify",
    "NOTIFY_DEAD_LETTERS_URL": "https://sqs.invalid/notify-dead-letters",
    "THUMBNAILS": "disabled",
    "TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:videos",
    "STATE_MACHINE_ARN": "arn:aws:states:eu-central-1:123456789012:stateMachine:generate_video",
    "WAN_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:wan",
    "WAN_ENDPOINTS": "",
    "WAN_WORKSPACE_ID": "frankfurt=ws-simulation",
    "WAN_PRICES": "",
    "WAN_QUOTAS": "",
    "WAN_REGIONS": "frankfurt",
    "RESULT_HOSTS": "",
    "DEFAULT_MODEL": "wan2.6-t2v",
    "DEFAULT_SIZE": "1280x720",
    "DEFAULT_SECONDS": "5",
    "DEFAULT_REGION": "frankfurt",
    "LINK_SECONDS": "900",
    "RECONCILE_GRACE_SECONDS": str(GRACE_SECONDS),
    "DAILY_SECONDS": "0",
    "RETENTION_DAYS": "0",
    "STARTS": "enabled",
    "FILE_UPLOADS_OWNER": "local",
    "INGEST_FUNCTION": "ingest",
    "FINISH_BATCH_FUNCTION": "finish_batch",
    "CLOCK": "",
    "LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_METRICS_NAMESPACE": "WanVideo",
    "POWERTOOLS_SERVICE_NAME": "simulation",
}
SUBSTITUTIONS: Final[Mapping[str, str]] = {
    "Partition": "aws",
    "SubmitArn": "submit",
    "PollArn": "poll",
    "DeliverArn": "deliver",
    "ReportFailureArn": "report_failure",
    "FirstPollSeconds": "45",
    "PollIntervalSeconds": "30",
    "PollsPerExecution": "40",
}
