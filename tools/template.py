"""template.yaml as CloudFormation sees it, after the SAM transform; `python -m tools.template` prints it as JSON."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).parents[1]
REGION = "eu-central-1"

WORDS = (
    "api",
    "authorize",
    "ingest",
    "finish_batch",
    "dispatch",
    "submit",
    "poll",
    "deliver",
    "report_failure",
    "sweep",
)
"""The parts of the stack: each is a folder, a logical id and, in the state machine, a state."""

Json = dict[str, Any]


def logical_id(word: str) -> str:
    """The function's name in the template: `report_failure` is `ReportFailure`."""
    return "".join(part.capitalize() for part in word.split("_"))


def state_name(word: str) -> str:
    """The name in the state machine: `report_failure` is `Report failure`."""
    return word.replace("_", " ").capitalize()


def of_type(template: Json, kind: str) -> dict[str, Json]:
    """The properties of all resources of one type, by logical id."""
    return {name: found["Properties"] for name, found in template["Resources"].items() if found["Type"] == kind}


def as_list(value: Any) -> list[Any]:
    """What CloudFormation takes either alone or as a list."""
    return value if isinstance(value, list) else [value]


def written(value: Any) -> str:
    """An intrinsic function the way it is written in a template: `Videos.Arn`, `Topic`, or the text of a !Sub."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Ref": name} | {"Fn::Sub": name}:
            return str(name)
    return str(value)


def role_policies(role: Json) -> list[Json]:
    """The inline policies of a role, those included that a condition decides on."""
    return [policy["Fn::If"][1] if "Fn::If" in policy else policy for policy in role.get("Policies", [])]


def source() -> Json:
    """template.yaml as it is written, intrinsic functions in their long form."""
    parsed: Json = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return parsed


def state_machine() -> Json:
    """The state machine's definition, its `${...}` not yet filled in."""
    parsed: Json = json.loads((ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8"))
    return parsed


def transformed(**parameters: str) -> Json:
    """The template after the transform, done offline by the SAM CLI's own translator, with the state machine in it.

    Paths to code become s3 ones. With its definition inside, cfn-lint checks the state machine too. `parameters` are
    other values than the defaults; the transform goes by few of them.
    """
    no_managed_policies = SimpleNamespace(load=dict)
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    validator = SamTemplateValidator(source(), no_managed_policies, region=REGION, parameter_overrides=parameters)
    result: Json = yaml_parse(validator.get_translated_template_if_valid())
    machine = result["Resources"]["GenerateVideo"]["Properties"]
    del machine["DefinitionS3Location"]
    # cfn-lint knows the Resource of a Task in the partition `aws` only.
    machine["Definition"] = json.loads(json.dumps(state_machine()).replace("${Partition}", "aws"))
    return result


if __name__ == "__main__":
    print(json.dumps(transformed(), indent=2))
