"""Security scanners: detect-secrets reads the sources, parliament reads every policy of the template.

`python -m tools.scanners` prints each finding that no waiver covers. A waiver says what it covers and why; a waiver
that covers nothing is reported too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from tools.template import ROOT, Json, as_list, role_policies, transformed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports a module that setuptools is about to remove
    import parliament  # type: ignore[import-untyped]

DETECTORS: Final = (
    "AWSKeyDetector",
    "Base64HighEntropyString",
    "BasicAuthDetector",
    "HexHighEntropyString",
    "JwtTokenDetector",
    "KeywordDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
)
"""The detectors in use; the others find keys of services that this project does not use."""

DIGESTS: Final = ("requirements/", "layers/shared/requirements.txt")
"""Lock files, which consist of thousands of digests."""

SEVERE: Final = ("MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True)
class Waiver:
    """A finding that is not a fault: `where` matches its place, and `what` its line or description."""

    where: str
    what: str
    why: str


WAIVERS: Final = (
    Waiver(r"bench/transfer/servers\.py", r'"ETag"', "the ETag of an empty object"),
    Waiver(r"docs/events\.md", r'"crc64nvme"', "the checksum of a file in an example"),
    Waiver(
        r"local/wan_simulator/README\.md",
        r"sk-simulator-",
        "the simulator's default key, which its start-up message shows",
    ),
    Waiver(r"template\.yaml", r"secretsmanager:GetSecretValue", "the name of an action"),
    Waiver(r"template\.yaml", r"GenerateSecretString", "how Secrets Manager makes a secret"),
    Waiver(r"tests/e2e/clients/js/webhooks\.mjs", r'apiKey: "unused"', "no key: the client makes no request"),
    Waiver(r"tests/events/sqs_event\.json", r'"md5OfBody"', "a digest from SQS's documented example"),
    Waiver(r"tests/fakes/webhooks\.py", r"^STACK_SECRET = ", "the secret of a stack in memory"),
    Waiver(r"tests/integration/api/test_images\.py", r"https://user:[a-z]+@", "a hostile link that must be refused"),
    Waiver(r"tools/scanners\.py", r"Waiver\(", "the lines that name what is waived"),
    Waiver(r"tests/integration/api/test_webhooks\.py", r'"secret": "mine"', "a field that must be refused"),
    Waiver(r"tests/simulation/(settings|world)\.py", r"(_ARN\"|self\.secret = )", "the secrets of a stack in memory"),
    Waiver(r"tools/harness/calls\.py", r"WebhookSecret", "the logical id of a resource"),
    Waiver(r"tests/contract/test_template_rights\.py", r"service-role/AWSLambda", "the name of an AWS managed policy"),
    Waiver(r"tests/events/api_\w+\.json", r'"(apiId|domainPrefix)"', "identifiers of API Gateway's documented example"),
    Waiver(r"tests/events/object_created\.json", r'"(etag|sequencer)"', "values from S3's documented example"),
    Waiver(r"tests/events/stream_\w+\.json", r'"eventID"', "the id of a stream record"),
    Waiver(r"tests/integration/test_forwarded_tokens\.py", r"with OpenAI\(base_url=", "too short to be a token"),
    Waiver(r"tests/unit/cli/test_doctor_checks\.py", r'"get_secret_value"', "the name of a call in a stubbed answer"),
    Waiver(r"tests/unit/domain/test_hosts\.py", r"https://user:[a-z]+@", "a hostile link that must be refused"),
    Waiver(r"tests/unit/domain/test_links\.py", r"^KEY = ", "the key of links that only this test creates and checks"),
    Waiver(r"tests/unit/local/test_settings\.py", r'\({"WAN": "mars", ', "too short to be a key"),
    Waiver(r"tools/scanners\.py", r"^\"AWS::SecretsManager::Secret", "the shape of a secret's ARN"),
    Waiver(r"SweepRole\..*", r"states:DescribeExecution", "parliament lists only express executions for this action"),
)


@dataclass(frozen=True)
class Finding:
    """One thing that a scanner found."""

    where: str
    what: str
    line: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.line}"


def sources() -> list[str]:
    """Return the paths of all files that are, or are about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for path in listed.stdout.splitlines() if (ROOT / path).is_file()]


def secrets(paths: Iterable[str], root: Path = ROOT) -> Iterator[Finding]:
    """Yield what looks like a secret in files below `root`; a finding shows its line, not the secret."""
    settings = {"plugins_used": [{"name": name} for name in DETECTORS]}
    with transient_settings(settings) as scanner:
        scanner.disable_filters("detect_secrets.filters.allowlist.is_line_allowlisted")
        for path in paths:
            if path.startswith(DIGESTS):
                continue
            found = SecretsCollection(root=str(root))
            found.scan_file(path)
            for _, secret in found:
                lines = (root / path).read_text(encoding="utf-8").splitlines()
                yield Finding(f"{path}:{secret.line_number}", secret.type, lines[secret.line_number - 1].strip())


def policies(template: Json) -> Iterator[tuple[str, Json]]:
    """Yield every policy document of a template, with its place."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for key in ("AssumeRolePolicyDocument", "PolicyDocument"):
            if key in properties:
                yield f"{name}.{key}", properties[key]
        for policy in role_policies(properties) if resource["Type"] == "AWS::IAM::Role" else []:
            yield f"{name}.{policy['PolicyName']}", policy["PolicyDocument"]


def weak_policies(template: Json) -> Iterator[Finding]:
    """Yield what parliament finds in the policies of a template."""
    arns = _arns(template)
    for where, document in policies(template):
        resolved = _resolved(document, arns)
        if where.endswith(".AssumeRolePolicyDocument"):
            # A trust policy names no resource, because it is about its own role; parliament requires one.
            for statement in as_list(resolved["Statement"]):
                statement.setdefault("Resource", arns["Role"])
        for finding in parliament.analyze_policy_string(json.dumps(resolved)).findings:
            known = parliament.enhance_finding(finding)
            if known.severity in SEVERE:
                yield Finding(where, known.issue, f"{known.title} {known.detail}")


def uncovered(findings: Iterable[Finding], waivers: Iterable[Waiver]) -> list[str]:
    """Return the findings that no waiver covers, and the waivers that cover nothing."""
    unused = list(waivers)
    known = tuple(unused)
    faults = []
    for finding in findings:
        covering = [
            waiver
            for waiver in known
            if re.match(rf"{waiver.where}(:\d+)?$", finding.where) and re.search(waiver.what, finding.line)
        ]
        unused = [waiver for waiver in unused if waiver not in covering]
        if not covering:
            faults.append(str(finding))
    return faults + [f"{waiver.where}: this waiver covers nothing: {waiver.why}" for waiver in unused]


ARNS: Final = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-central-1:123456789012:table/{}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-central-1:123456789012:{}",
    "AWS::SNS::Topic": "arn:aws:sns:eu-central-1:123456789012:{}",
    "AWS::Lambda::Function": "arn:aws:lambda:eu-central-1:123456789012:function:{}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:eu-central-1:123456789012:stateMachine:{}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:{}-AbCdEf",
    "AWS::Events::Rule": "arn:aws:events:eu-central-1:123456789012:rule/{}",
}
PSEUDO: Final = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "wan-video",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000",
    "Role": "arn:aws:iam::123456789012:role/wan-video",
}


def _arns(template: Json) -> dict[str, str]:
    """Return the values of a deployed policy, by the references that the template has in their place."""
    known = dict(PSEUDO)
    for name, resource in template["Resources"].items():
        if resource["Type"] in ARNS:
            known[name] = known[f"{name}.Arn"] = known[f"{name}.Id"] = ARNS[resource["Type"]].format(name.lower())
            known[f"{name}.Name"] = name.lower()
            known[f"{name}.StreamArn"] = f"{known[name]}/stream/2026-11-01T00:00:00.000"
    return known


def _resolved(value: Any, arns: dict[str, str]) -> Any:
    """Return a part of a policy with its intrinsic functions resolved; raises KeyError for an unknown reference."""
    match value:
        case {"Ref": str(name)}:
            return arns[name]
        case {"Fn::GetAtt": [name, attribute]}:
            return arns[f"{name}.{attribute}"]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: arns[found[1]], text)
        case dict():
            return {key: _resolved(part, arns) for key, part in value.items()}
        case list():
            return [_resolved(part, arns) for part in value]
    return value


def main() -> int:
    """Print the findings that no waiver covers; return 1 if there are any."""
    faults = uncovered([*secrets(sources()), *weak_policies(transformed())], WAIVERS)
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
