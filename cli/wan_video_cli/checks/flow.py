"""What keeps videos moving: concurrency, schedules, rules, streams, dead letters, alarms, buckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from wan_video_cli.checks import Deployment, Finding, Resource, State, before_the_deadline, listed

FRESH_ACCOUNT: Final = 10
"""Functions that a fresh account runs at once."""

SOON: Final = ("Creating", "Enabling", "Updating")
GOES_BY_ITSELF: Final = ("BudgetUsedAlarm", "TaskRescuedAlarm")
"""Alarms that report an event although nothing is broken."""

CORS: Final[Mapping[str, Sequence[str]]] = {
    "VideosBucket": ("GET", "HEAD"),
    "PromptsBucket": ("PUT",),
    "InputsBucket": ("PUT",),
}
"""The methods that pages of other origins use; the signed links grant the access."""

ALARMS_AT_ONCE: Final = 100
DEPLOY_AGAIN: Final = (
    "It was deleted by hand, which CloudFormation does not notice: remove it from template.yaml, deploy, add it again,"
    " and deploy again."
)


def concurrency(deployment: Deployment) -> Finding:
    """How many functions the account may run at once."""
    limit = deployment.client("lambda").get_account_settings()["AccountLimit"]
    at_once, left = int(limit["ConcurrentExecutions"]), int(limit["UnreservedConcurrentExecutions"])
    if min(at_once, left) > FRESH_ACCOUNT:
        return Finding("concurrency", State.OK, f"The account runs {at_once} functions at once, {left} unreserved.")
    return Finding(
        "concurrency",
        State.WARNING,
        f"The account runs {at_once} functions at once, {left} unreserved: deliveries and the API share them.",
        "Ask AWS under Service Quotas, Lambda, 'Concurrent executions', for 100.",
    )


def schedules(deployment: Deployment) -> Finding:
    """Whether the schedules that repair and restart run."""
    return _rules(deployment, "schedules", lambda rule: bool(rule.get("ScheduleExpression")))


def rules(deployment: Deployment) -> Finding:
    """Whether the rules that bring events run."""
    return _rules(deployment, "rules", lambda rule: not rule.get("ScheduleExpression"))


def _rules(deployment: Deployment, name: str, wanted: Callable[[Mapping[str, Any]], bool]) -> Finding:
    events = deployment.client("events")
    good: list[Resource] = []
    bad: list[Resource] = []
    gone: list[str] = []
    for resource in before_the_deadline(deployment.of_type("AWS::Events::Rule")):
        # A rule of another bus than the default one would have `bus|rule` for its id; the template has none.
        try:
            rule = events.describe_rule(Name=resource.name)
        except events.exceptions.ResourceNotFoundException:
            gone.append(resource.logical_id)
            continue
        if wanted(rule):
            (good if rule["State"] != "DISABLED" else bad).append(resource)
    if gone:
        return Finding(name, State.FAILED, f"{listed(gone)} no longer exists.", DEPLOY_AGAIN)
    if bad:
        what = f"{listed(one.logical_id for one in bad)} is disabled."
        commands = " ".join(f"`aws events enable-rule --name {one.name}`" for one in bad)
        return Finding(name, State.FAILED, what, f"Enable it: {commands}.")
    if not good:
        return Finding(name, State.FAILED, f"The stack has no {name}.", DEPLOY_AGAIN)
    return Finding(name, State.OK, f"All {len(good)} are enabled.")


def mappings(deployment: Deployment) -> Finding:
    """Whether the functions read the tables' streams."""
    functions = deployment.client("lambda")
    found: list[tuple[Resource, Mapping[str, Any]]] = []
    for resource in before_the_deadline(deployment.of_type("AWS::Lambda::EventSourceMapping")):
        try:
            found.append((resource, functions.get_event_source_mapping(UUID=resource.name)))
        except functions.exceptions.ResourceNotFoundException:
            what = f"{resource.logical_id} no longer exists."
            return Finding("streams", State.FAILED, what, DEPLOY_AGAIN)
    if not found:
        return Finding("streams", State.FAILED, "The stack has no event source mappings.", DEPLOY_AGAIN)
    off = [one for one, mapping in found if mapping["State"] not in ("Enabled", *SOON)]
    if off:
        commands = " ".join(f"`aws lambda update-event-source-mapping --uuid {one.name} --enabled`" for one in off)
        what = f"{listed(one.logical_id for one in off)} is not enabled."
        return Finding("streams", State.FAILED, what, f"Enable it: {commands}.")
    troubled = [
        one.logical_id for one, mapping in found if str(mapping.get("LastProcessingResult", "")).startswith("PROBLEM")
    ]
    if troubled:
        what = f"{listed(troubled)} reports a problem with its function or its stream."
        return Finding("streams", State.WARNING, what, "Read the log of that function.")
    if any(mapping["State"] in SOON for _, mapping in found):
        return Finding("streams", State.WARNING, "Some are being enabled.", "Run doctor again in a minute.")
    return Finding("streams", State.OK, f"All {len(found)} event source mappings are enabled.")


def dead_letters(deployment: Deployment) -> Finding:
    """Check whether an event was given up."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    queue = deployment.resources["DeadLetters"].name
    attributes = deployment.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    count = sum(int(attributes.get(name, 0)) for name in names)
    if not count:
        return Finding("dead letters", State.OK, "The queue is empty.")
    return Finding(
        "dead letters",
        State.FAILED,
        f"{count} in the queue {queue}: events that reached no function.",
        "Fix the cause, then start them again as described in docs/operations.md, 'Starting again'.",
    )


def alarms(deployment: Deployment) -> Finding:
    """Whether an alarm rings, and whether each alarm can."""
    by_name = {one.name: one.logical_id for one in deployment.of_type("AWS::CloudWatch::Alarm")}
    names = sorted(by_name)
    found: dict[str, Mapping[str, Any]] = {}
    for at in before_the_deadline(range(0, len(names), ALARMS_AT_ONCE)):
        some = names[at : at + ALARMS_AT_ONCE]
        answer = deployment.client("cloudwatch").describe_alarms(AlarmNames=some, MaxRecords=ALARMS_AT_ONCE)
        found |= {by_name[one["AlarmName"]]: one for one in answer["MetricAlarms"]}
    missing = set(by_name.values()) - set(found)
    if missing or not found:
        what = f"{listed(missing)} no longer exists." if missing else "The stack has no alarms."
        return Finding("alarms", State.FAILED, what, DEPLOY_AGAIN)
    ringing = [name for name, one in found.items() if one["StateValue"] == "ALARM"]
    if ringing:
        state = State.WARNING if set(ringing) <= set(GOES_BY_ITSELF) else State.FAILED
        look = "See docs/operations.md, 'Alarms', for what each means and what to do."
        return Finding("alarms", state, f"{listed(ringing)} is in alarm.", look)
    silent = [name for name, one in found.items() if not one.get("ActionsEnabled", True)]
    if silent:
        these = " ".join(found[one]["AlarmName"] for one in silent)
        command = f"`aws cloudwatch enable-alarm-actions --alarm-names {these}` fixes it."
        return Finding("alarms", State.WARNING, f"{listed(silent)} notifies no one.", command)
    return Finding("alarms", State.OK, f"All {len(found)} are quiet.")


def cors(deployment: Deployment, bucket: str) -> Finding:
    """Whether a page in a browser may use the links to a bucket."""
    from botocore.exceptions import ClientError

    name = f"cors of {bucket}"
    try:
        answer = deployment.client("s3").get_bucket_cors(Bucket=deployment.resources[bucket].name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchCORSConfiguration":
            raise
        answer = {}
    allowed = {
        method
        for rule in answer.get("CORSRules", [])
        if "*" in rule["AllowedOrigins"]
        for method in rule["AllowedMethods"]
    }
    missing = set(CORS[bucket]) - allowed
    if missing:
        what = f"Pages of other origins may not {listed(missing)}: the console cannot use the bucket."
        remedy = f"Put the CorsConfiguration that template.yaml has for {bucket} back: `aws s3api put-bucket-cors`."
        return Finding(name, State.FAILED, what, remedy)
    return Finding(name, State.OK, f"Pages of other origins may {listed(CORS[bucket])}.")


def prompt_files(deployment: Deployment) -> Finding:
    """Whether the arrival of a prompt file becomes an event."""
    bucket = deployment.resources["PromptsBucket"].name
    answer = deployment.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    if "EventBridgeConfiguration" in answer:
        return Finding("prompt files", State.OK, "S3 reports uploads to EventBridge.")
    return Finding(
        "prompt files",
        State.FAILED,
        "S3 does not report uploads to EventBridge: no prompt file is read.",
        "Turn Amazon EventBridge on in the properties of that bucket.",
    )
