"""The rights of the functions' roles: what they are known to use, simulated by IAM with the keys that they name."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from wan_video_cli.checks import Deployment, Finding, State, before_the_deadline

LEADING_KEYS: Final = "dynamodb:LeadingKeys"
SAMPLE: Final = "doctor-probe"
"""A placeholder for the name of a video, an owner or a file."""

OPTIONAL: Final = frozenset({"thumbnail"})
"""The functions that a stack has only if a parameter enables them."""

SHOWN: Final = 5
ARNS: Final[Mapping[str, str]] = {
    "AWS::DynamoDB::Table": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{name}",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
}
"""The ARNs of resources whose physical id is a name, by type."""


@dataclass(frozen=True)
class Call:
    """One simulation: actions of a role on a resource, with or without a partition key."""

    word: str
    """The function, as in `report_failure`."""
    resource: str
    """As template.yaml writes it."""
    leading_key: str | None
    actions: tuple[str, ...]


def simulated(deployment: Deployment) -> Finding:
    """Whether every role may do what its function is known to do."""
    iam, roles = deployment.client("iam"), _roles(deployment)
    missing: list[str] = []
    count = 0
    for call in before_the_deadline(_calls_of(deployment)):
        context = [{"ContextKeyName": "aws:SecureTransport", "ContextKeyType": "boolean", "ContextKeyValues": ["true"]}]
        if call.leading_key is not None:
            key = call.leading_key.replace("*", SAMPLE)
            context.append({"ContextKeyName": LEADING_KEYS, "ContextKeyType": "stringList", "ContextKeyValues": [key]})
        answer = iam.simulate_principal_policy(
            PolicySourceArn=roles[call.word],
            ActionNames=list(call.actions),
            ResourceArns=[arn_of(call.resource, deployment).replace("*", SAMPLE)],
            ContextEntries=context,
        )
        allowed = {one["EvalActionName"] for one in answer["EvaluationResults"] if one["EvalDecision"] == "allowed"}
        count += len(call.actions)
        suffix = f" for {call.leading_key}" if call.leading_key else ""
        missing += [f"{call.word}: {one} on {call.resource}{suffix}" for one in call.actions if one not in allowed]
    if not missing:
        return Finding("rights", State.OK, f"{len(roles)} roles have the {count} rights that they use.")
    more = f", and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return Finding(
        "rights",
        State.FAILED,
        f"Roles lack {len(missing)} rights: {'; '.join(missing[:SHOWN])}{more}.",
        "Undo what was changed by hand in the role, or in a permissions boundary or service control policy;"
        " template.yaml grants them.",
    )


def calls() -> Iterator[Call]:
    """What is simulated: the recorded rights, those on the same resource and key together."""
    recorded = json.loads(files("wan_video_cli").joinpath("rights.json").read_text(encoding="utf-8"))
    for word, rights in recorded.items():
        together: defaultdict[tuple[str, str | None], list[str]] = defaultdict(list)
        for right in rights:
            together[right["resource"], right.get("leading_key")].append(right["action"])
        for (resource, leading_key), actions in together.items():
            yield Call(word, resource, leading_key, tuple(actions))


def arn_of(resource: str, deployment: Deployment) -> str:
    """The ARN of a resource as template.yaml writes it: `${Videos.Arn}/index/attention`, `${Topic}`."""
    _, partition, _, region, account, _ = str(deployment.described["StackId"]).split(":", 5)
    pseudo = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": account}

    def filled(match: re.Match[str]) -> str:
        logical_id, _, attribute = match[1].partition(".")
        if logical_id in pseudo or match[1] in pseudo:
            return pseudo[match[1]]
        found = deployment.resources[logical_id]
        if attribute == "Name":
            return found.name.rpartition(":")[2]
        if found.type == "AWS::SecretsManager::Secret":
            return deployment.outputs[f"{logical_id}Arn"]
        if found.type == "AWS::SQS::Queue":  # its physical id is a URL
            return f"arn:{partition}:sqs:{region}:{account}:{found.name.rpartition('/')[2]}"
        pattern = ARNS.get(found.type, "{name}")
        return pattern.format(partition=partition, region=region, account=account, name=found.name)

    return re.sub(r"\$\{([^}]+)\}", filled, resource)


def _logical_id(word: str) -> str:
    return "".join(part.capitalize() for part in word.split("_"))


def _calls_of(deployment: Deployment) -> list[Call]:
    """Return what is simulated, without the optional functions that the stack does not have."""
    return [call for call in calls() if call.word not in OPTIONAL or _logical_id(call.word) in deployment.resources]


def _roles(deployment: Deployment) -> Mapping[str, str]:
    """The ARN of the role that each function has, by its word."""
    client: Any = deployment.client("lambda")
    found: dict[str, str] = {}
    for word in before_the_deadline(sorted({call.word for call in _calls_of(deployment)})):
        name = deployment.resources[_logical_id(word)].name
        found[word] = client.get_function_configuration(FunctionName=name)["Role"]
    return found
