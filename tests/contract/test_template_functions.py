"""What every function has: limits, its own log, a dead-letter queue for failed events, and no secret."""

from __future__ import annotations

import json
import re

import pytest

from tools.harness.samples import NOW, made, stored
from tools.template import ROOT, Json, as_list, logical_id, of_type, state_name, written
from tools.words import WORDS
from wan_video.adapters.pictures import HEADROOM_BYTES
from wan_video.adapters.s3.ranges import MAX_SECONDS
from wan_video.adapters.transfer import Limits
from wan_video.adapters.wan import client as wan_client
from wan_video.adapters.wan.task_list import LIST_SECONDS
from wan_video.domain.image import FILE_IMAGES
from wan_video.domain.notice import video_attributes
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.prompt_file import MAX_ROWS
from wan_video.domain.thumbnail import THUMBNAIL_SECONDS
from wan_video.services import deliver, image_addresses
from wan_video.services.lost_tasks import SEARCH_SECONDS
from wan_video.services.sweep import LAST_SECONDS, TURNS_SECONDS

ENVIRONMENT = {
    "VIDEOS_TABLE", "LEDGER_TABLE", "DAILY_SECONDS", "CLOCK", "LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME",
}  # fmt: skip
WAN = {"WAN_SECRET_ARN", "WAN_ENDPOINTS", "WAN_WORKSPACE_ID"}
DEFAULTS = {
    "WAN_REGIONS", "WAN_ENDPOINTS", "WAN_WORKSPACE_ID", "WAN_PRICES",
    "DEFAULT_MODEL", "DEFAULT_SIZE", "DEFAULT_SECONDS", "DEFAULT_REGION",
}  # fmt: skip
IMAGES = {"INPUTS_BUCKET", "IMAGE_ORIGINS"}
OWN_ENVIRONMENT = {
    "api": {
        *DEFAULTS,
        *WAN,
        "VIDEOS_BUCKET",
        "PROMPTS_BUCKET",
        *IMAGES,
        "RETENTION_DAYS",
        "LINK_SECONDS",
        "THUMBNAILS",
        "WAN_QUOTAS",
        "NOTIFY_QUEUE_URL",
        "WEBHOOK_SECRET_ARN",
        "WEBHOOK_ORIGINS",
    },
    "ingest": {*DEFAULTS, "VIDEOS_BUCKET", "FILE_UPLOADS_OWNER", "WEBHOOK_ORIGINS"},
    "authorize": set(),
    "finish_batch": {"VIDEOS_BUCKET", "TOPIC_ARN"},
    "dispatch": {"STATE_MACHINE_ARN", "STARTS", "WAN_REGIONS", "WAN_QUOTAS"},
    "submit": {*WAN, *IMAGES, "PROMPTS_BUCKET", "ON_AMBIGUOUS_SUBMIT", "RECONCILE_GRACE_SECONDS"},
    "poll": {*WAN, "WAN_PRICES"},
    "deliver": {*WAN, "VIDEOS_BUCKET", "RETENTION_DAYS", "RESULT_HOSTS", "TOPIC_ARN"},
    "report_failure": {"TOPIC_ARN"},
    "notify": {"NOTIFY_QUEUE_URL", "NOTIFY_DEAD_LETTERS_URL", "WEBHOOK_SECRET_ARN", "WEBHOOK_ORIGINS"},
    "sweep": {
        *WAN,
        "STATE_MACHINE_ARN",
        "WAN_REGIONS",
        "INGEST_FUNCTION",
        "FINISH_BATCH_FUNCTION",
        "TOPIC_ARN",
        "VIDEOS_BUCKET",
        "RETENTION_DAYS",
        "RECONCILE_GRACE_SECONDS",
        "NOTIFY_QUEUE_URL",
    },
    "thumbnail": {"VIDEOS_BUCKET", "RETENTION_DAYS"},
}
ASYNCHRONOUS = {"Ingest", "FinishBatch", "Dispatch", "Sweep", "Thumbnail"}
ONE_QUERY_SECONDS = wan_client.ANSWER_SECONDS + wan_client.READ_SECONDS
"""The deadline is checked between two reads, so the last read may outlast it."""


@pytest.fixture(name="functions")
def functions_of(template: Json) -> dict[str, Json]:
    return of_type(template, "AWS::Lambda::Function")


def variables(function: Json) -> Json:
    found: Json = function["Environment"]["Variables"]
    return found


def test_each_word_is_a_folder_a_function_and_a_handler(functions: dict[str, Json]) -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}

    assert folders == set(WORDS)
    assert set(functions) == {logical_id(word) for word in WORDS}
    for word in WORDS:
        function = functions[logical_id(word)]
        assert function["Handler"] == f"functions.{word}.handler.lambda_handler"
        assert written(function["FunctionName"]) == "${AWS::StackName}-" + word.replace("_", "-")
        assert variables(function)["POWERTOOLS_SERVICE_NAME"] == word


@pytest.mark.parametrize("word", WORDS)
def test_a_function_is_built_under_its_import_name(source: Json, word: str) -> None:
    resource = source["Resources"][logical_id(word)]

    assert resource["Properties"]["CodeUri"] == f"functions/{word}/"
    assert resource["Metadata"] == {
        "BuildMethod": "makefile",
        "ProjectRootDirectory": "functions",
        "WorkingDirectory": {"Fn::Sub": "functions/targets/${PythonRuntime}"},
    }


@pytest.mark.parametrize("word", WORDS)
def test_a_function_logs_json_to_its_own_group_with_a_retention(
    template: Json, functions: dict[str, Json], word: str
) -> None:
    group = of_type(template, "AWS::Logs::LogGroup")[f"{logical_id(word)}Logs"]

    assert functions[logical_id(word)]["LoggingConfig"] == {
        "LogFormat": "JSON",
        "LogGroup": {"Ref": f"{logical_id(word)}Logs"},
    }
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert "KmsKeyArn" in str(group["KmsKeyId"])


@pytest.mark.parametrize("word", WORDS)
def test_a_function_has_its_own_timeout_and_memory(source: Json, word: str) -> None:
    properties = source["Resources"][logical_id(word)]["Properties"]

    assert 0 < properties["Timeout"] <= 900
    assert properties["MemorySize"] >= 512


@pytest.mark.parametrize("word", WORDS)
def test_a_function_gets_exactly_the_variables_that_it_reads(functions: dict[str, Json], word: str) -> None:
    assert set(variables(functions[logical_id(word)])) == ENVIRONMENT | OWN_ENVIRONMENT[word]


def test_the_layer_reads_no_variable_that_the_template_does_not_set() -> None:
    sources = [*(ROOT / "layers/shared/wan_video").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    asked_for = {
        name
        for path in sources
        for name in re.findall(r"""\.(?:text|optional)\(["']([A-Z_]+)["']\)""", path.read_text(encoding="utf-8"))
    }

    assert asked_for - {"SSL_CERT_FILE"} == (ENVIRONMENT | set().union(*OWN_ENVIRONMENT.values())) - {
        "LOG_LEVEL",
        "POWERTOOLS_METRICS_NAMESPACE",
        "POWERTOOLS_SERVICE_NAME",
    }


def test_no_secret_is_in_an_environment(template: Json, functions: dict[str, Json]) -> None:
    assert "{{resolve:" not in json.dumps(template)
    for name, function in functions.items():
        for variable, value in variables(function).items():
            assert not re.search(r"(API|SECRET|ACCESS)_?KEY|PASSWORD|TOKEN$", variable), (name, variable)
            if "WanSecret" in str(value):
                assert (variable, value) == ("WAN_SECRET_ARN", {"Fn::GetAtt": ["WanSecret", "Id"]})


def test_only_functions_that_start_executions_get_the_arn_of_the_machine(
    functions: dict[str, Json],
) -> None:
    starting = {name for name, function in functions.items() if "GenerateVideo" in str(variables(function))}

    assert starting == {"Dispatch", "Sweep"}
    assert not any("RestApi" in str(variables(function)) for function in functions.values())


def test_asynchronously_invoked_functions_send_their_failures_to_the_dead_letters(template: Json) -> None:
    configs = of_type(template, "AWS::Lambda::EventInvokeConfig")

    assert {config["FunctionName"]["Ref"] for config in configs.values()} == ASYNCHRONOUS
    for config in configs.values():
        assert config["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
        assert config["MaximumRetryAttempts"] <= 2
        assert config["MaximumEventAgeInSeconds"] <= 6 * 3600


def test_every_rule_targets_a_known_function_and_has_a_dead_letter_queue(template: Json) -> None:
    rules = of_type(template, "AWS::Events::Rule")
    policy = of_type(template, "AWS::SQS::QueuePolicy")["DeadLettersPolicy"]
    allow = next(found for found in policy["PolicyDocument"]["Statement"] if found["Effect"] == "Allow")
    senders = {arn["Fn::GetAtt"][0] for arn in allow["Condition"]["ArnEquals"]["aws:SourceArn"]}

    assert senders == set(rules)
    for name, rule in rules.items():
        (target,) = rule["Targets"]
        assert target["Arn"]["Fn::GetAtt"][0] in ASYNCHRONOUS, name
        assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}, name


FULL_SECONDS = 900
"""Seconds for which deliveries or readers of prompt files may use all 10 concurrent executions of a new account."""


def test_no_event_becomes_a_dead_letter_because_a_fresh_account_is_full(template: Json) -> None:
    rules = [target for rule in of_type(template, "AWS::Events::Rule").values() for target in rule["Targets"]]
    configs = of_type(template, "AWS::Lambda::EventInvokeConfig").values()

    for policy in [*configs, *(rule["RetryPolicy"] for rule in rules)]:
        # Lambda's own pauses between two attempts grow up to five minutes.
        assert policy["MaximumEventAgeInSeconds"] >= FULL_SECONDS + 2 * 300
    assert all(config["MaximumRetryAttempts"] == 2 for config in configs)
    assert all(rule["RetryPolicy"]["MaximumRetryAttempts"] == 185 for rule in rules), "so that the age ends it"


def test_notices_of_completed_videos_reach_thumbnail_if_the_stack_makes_thumbnails(template: Json) -> None:
    subscription = of_type(template, "AWS::SNS::Subscription")["ThumbnailVideoCompleted"]

    assert subscription["Endpoint"] == {"Fn::GetAtt": ["Thumbnail", "Arn"]}
    assert subscription["FilterPolicy"] == {"type": [video_attributes(made().completed(NOW, stored()))["type"]]}
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    named = {name: found for name, found in template["Resources"].items() if name.startswith("Thumbnail")}
    assert len(named) == 9
    assert {found.get("Condition") for found in named.values()} == {"HasThumbnails"}


def test_a_thumbnail_is_given_up_only_after_its_last_event(template: Json, functions: dict[str, Json]) -> None:
    (config,) = [
        found
        for found in of_type(template, "AWS::Lambda::EventInvokeConfig").values()
        if found["FunctionName"] == {"Ref": "Thumbnail"}
    ]
    timeout = functions["Thumbnail"]["Timeout"]

    assert config["MaximumEventAgeInSeconds"] + timeout < THUMBNAIL_SECONDS
    one_request = 4 * (20 + 5)  # bootstrap/clients.py
    assert timeout > MAX_SECONDS
    assert one_request < timeout
    assert functions["Thumbnail"]["MemorySize"] * 1024 * 1024 / 2 >= HEADROOM_BYTES


def test_an_execution_without_a_report_reaches_sweep(template: Json) -> None:
    pattern = of_type(template, "AWS::Events::Rule")["SweepNobodyReported"]["EventPattern"]

    assert pattern["detail"] == {
        "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        "stateMachineArn": [{"Ref": "GenerateVideo"}],
    }


def test_an_uploaded_file_reaches_ingest(template: Json) -> None:
    pattern = of_type(template, "AWS::Events::Rule")["IngestFileUploaded"]["EventPattern"]
    bucket = of_type(template, "AWS::S3::Bucket")["PromptsBucket"]

    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"] == {
        "bucket": {"name": [{"Ref": "PromptsBucket"}]},
        "object": {"key": [{"anything-but": {"prefix": FILE_IMAGES}}]},
    }
    # It goes through EventBridge, because a bucket that names its function is a cycle with that function's role.
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def listeners(template: Json) -> dict[str, Json]:
    """Return the readers of a table's stream, by the function's logical id."""
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    return {mapping["FunctionName"]["Ref"]: mapping for mapping in mappings}


def test_an_uploaded_file_is_retried_for_hours_before_it_is_a_dead_letter(template: Json) -> None:
    (target,) = of_type(template, "AWS::Events::Rule")["IngestFileUploaded"]["Targets"]
    config = next(
        found
        for found in of_type(template, "AWS::Lambda::EventInvokeConfig").values()
        if found["FunctionName"] == {"Ref": "Ingest"}
    )

    assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 10
    assert config["MaximumRetryAttempts"] >= 1
    for policy in (target["RetryPolicy"], config):
        assert policy["MaximumEventAgeInSeconds"] >= 3600


@pytest.mark.parametrize("function", ["Ingest", "FinishBatch", "Dispatch", "Sweep"])
def test_a_poison_record_does_not_block_the_stream(template: Json, function: str) -> None:
    mapping = listeners(template)[function]

    assert 0 <= mapping["MaximumRetryAttempts"] <= 5
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


@pytest.mark.parametrize("function", ["Ingest", "FinishBatch", "Dispatch", "Sweep"])
def test_a_record_after_a_whole_batch_is_not_too_old_at_its_turn(template: Json, function: str) -> None:
    a_row = 1.0  # a read, a notice and a transaction take a tenth of that
    age = listeners(template)[function]["MaximumRecordAgeInSeconds"]

    assert MAX_ROWS * a_row < age <= DAY_SECONDS, "a stream keeps its records for a day"


def test_the_stream_wakes_dispatch_only_for_new_rows_and_freed_places(template: Json) -> None:
    filters = [json.loads(found["Pattern"]) for found in listeners(template)["Dispatch"]["FilterCriteria"]["Filters"]]

    assert filters == [
        {"eventName": ["INSERT"]},
        {
            "eventName": ["MODIFY"],
            "dynamodb": {
                "OldImage": {"holds_place": {"BOOL": [True]}},
                "NewImage": {"holds_place": {"BOOL": [False]}},
            },
        },
    ]


def test_the_stream_wakes_sweep_for_cancelled_waiting_rows_and_for_each_429(template: Json) -> None:
    filters = [json.loads(found["Pattern"]) for found in listeners(template)["Sweep"]["FilterCriteria"]["Filters"]]

    assert filters == [
        {
            "eventName": ["MODIFY"],
            "dynamodb": {
                "OldImage": {"status": {"S": ["queued"]}},
                "NewImage": {"status": {"S": ["cancelled", "failed"]}},
            },
        },
        {"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"throttled_at": {"N": [{"exists": True}]}}}},
    ]


def test_at_most_two_functions_read_a_stream_because_more_would_be_throttled(template: Json) -> None:
    readers = {
        name: {function for function, found in listeners(template).items() if name in str(found["EventSourceArn"])}
        for name in ("Videos", "Ledger")
    }

    assert readers == {"Videos": {"Dispatch", "Sweep"}, "Ledger": {"Ingest", "FinishBatch"}}


def test_the_stream_wakes_finish_batch_only_for_completed_and_cancelled_batches(template: Json) -> None:
    criteria = listeners(template)["FinishBatch"]["FilterCriteria"]

    assert [json.loads(found["Pattern"]) for found in criteria["Filters"]] == [
        {
            "eventName": ["MODIFY"],
            "dynamodb": {"NewImage": {"status": {"S": ["in_progress", "cancelling"]}, "left": {"N": ["0"]}}},
        },
        {
            "eventName": ["MODIFY"],
            "dynamodb": {
                "OldImage": {"status": {"S": ["waiting_for_file", "validating", "in_progress"]}},
                "NewImage": {"status": {"S": ["cancelling"]}},
            },
        },
    ]


def test_the_stream_wakes_ingest_only_for_batches_that_retry_failures(template: Json) -> None:
    criteria = listeners(template)["Ingest"]["FilterCriteria"]

    assert [json.loads(found["Pattern"]) for found in criteria["Filters"]] == [
        {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"retry_of": {"S": [{"exists": True}]}}}}
    ]


def test_the_code_times_out_before_lambda_and_lambda_before_the_state_machine(
    definition: Json, functions: dict[str, Json]
) -> None:
    # After its deadline a copy may still request a link, or wait for a connection.
    longest_end = 2 * ONE_QUERY_SECONDS + Limits().connect
    longest_work = {
        # Two images of a prompt file; the second query after the key was rotated.
        "submit": 2 * image_addresses.FETCH_SECONDS + 2 * ONE_QUERY_SECONDS,
        "poll": 2 * ONE_QUERY_SECONDS,
        "deliver": deliver.LONGEST_SECONDS - deliver.CLOSING_SECONDS + longest_end,
        "report_failure": 0,
    }
    for word, seconds in longest_work.items():
        timeout = functions[logical_id(word)]["Timeout"]
        assert seconds < timeout < definition["States"][state_name(word)]["TimeoutSeconds"], word


def test_a_scheduled_function_ends_before_its_next_run(functions: dict[str, Json]) -> None:
    assert functions["Dispatch"]["Timeout"] <= 60
    assert functions["Sweep"]["Timeout"] < 300


def test_sweep_ends_before_its_lambda_timeout(functions: dict[str, Json]) -> None:
    asking = 2 * ONE_QUERY_SECONDS  # the second one after the key was rotated
    longest_search = max(SEARCH_SECONDS, LIST_SECONDS) + asking
    writing = 15

    assert max(TURNS_SECONDS, LAST_SECONDS) + longest_search + writing < functions["Sweep"]["Timeout"]


def test_the_api_answers_before_api_gateways_timeout(functions: dict[str, Json]) -> None:
    assert functions["Api"]["Timeout"] < 29
    assert functions["Authorize"]["Timeout"] < 29


def test_no_function_reserves_concurrency_that_a_fresh_account_does_not_have(functions: dict[str, Json]) -> None:
    assert not any("ReservedConcurrentExecutions" in function for function in functions.values())


def test_every_alarm_watches_this_stack_and_notifies_the_alarm_topic(template: Json) -> None:
    alarms = of_type(template, "AWS::CloudWatch::Alarm")

    assert {alarm["MetricName"] for alarm in alarms.values() if "MetricName" in alarm} == {
        "5XXError",
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionsAborted",
        "ApproximateNumberOfMessagesVisible",
        "SubmissionUncertain",
        "TaskRescued",
        "WanUnauthorized",
        "PollTrouble",
        "DeliveryDelayed",
        "QuotaFell",
        "ModelRetires",
        "ThumbnailImpossible",
        "BudgetUsed",
        "WebhooksFailed",
    }
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"]["Fn::If"][:2] == ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}]], name
        assert alarm["TreatMissingData"] == "notBreaching", name
        if not written(alarm.get("Namespace", "AWS/Lambda")).startswith("AWS/"):
            assert written(alarm["Namespace"]) == "WanVideo/${AWS::StackName}"
            (dimension,) = as_list(alarm["Dimensions"])
            assert dimension["Name"] == "service"
            assert dimension["Value"] in WORDS


# The emitters of each metric; bootstrap passes the last two to the functions that call Wan, and to poll.
MEASURED = {
    "SubmissionUncertain": {"submit"},
    "DeliveryDelayed": {"sweep"},
    "BudgetUsed": {"dispatch"},
    "WanUnauthorized": {"submit", "poll", "deliver", "sweep"},
    "PollTrouble": {"poll"},
    "WebhooksFailed": {"notify"},
    "TaskRescued": {"sweep"},
    "QuotaFell": {"sweep"},
    "ModelRetires": {"sweep"},
    "ThumbnailImpossible": {"thumbnail"},
}
WITHOUT_ALARM = {"QuotaUnread"}
"""These are only counted: if an account has no quota API, no reading ever succeeds."""


@pytest.mark.parametrize(("metric", "words"), MEASURED.items())
def test_an_alarm_watches_exactly_the_functions_that_emit_its_metric(
    template: Json, metric: str, words: set[str]
) -> None:
    listening = {
        alarm["Dimensions"][0]["Value"]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == metric
    }
    assert listening == words


def test_every_problem_that_the_code_measures_has_an_alarm() -> None:
    layer = ROOT / "layers/shared/wan_video"
    sources = [*(ROOT / "functions").rglob("*.py"), *(layer / "bootstrap").glob("*.py"), layer / "observe.py"]
    emitted = {name for path in sources for name in re.findall(r'measure\("(\w+)"', path.read_text(encoding="utf-8"))}
    assert emitted == set(MEASURED) | WITHOUT_ALARM


def test_the_errors_of_every_function_raise_one_alarm(template: Json, functions: dict[str, Json]) -> None:
    watched = [
        metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        for metric in alarm.get("Metrics", [])
        if "MetricStat" in metric
    ]
    assert sorted(watched) == sorted(functions)


def test_no_alarm_is_near_cloudwatchs_limit_of_ten_metrics(template: Json) -> None:
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        assert len([metric for metric in alarm.get("Metrics", []) if "MetricStat" in metric]) < 10, name
