"""template.yaml as CloudFormation sees it, after the SAM transform; `python -m tools.template` prints it as JSON."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).parents[1]
REGION = "eu-central-1"

Json = dict[str, Any]


def logical_id(word: str) -> str:
    """Return the function's name in the template: `report_failure` is `ReportFailure`."""
    return "".join(part.capitalize() for part in word.split("_"))


def state_name(word: str) -> str:
    """Return the state's name in the state machine: `report_failure` is `Report failure`."""
    return word.replace("_", " ").capitalize()


def of_type(template: Json, kind: str) -> dict[str, Json]:
    """Return the properties of all resources of one type, by logical id."""
    return {name: found["Properties"] for name, found in template["Resources"].items() if found["Type"] == kind}


def by_default(template: Json) -> Json:
    """Return a template without the resources that a stack has only if `Thumbnails` is enabled."""
    resources = template["Resources"].items()
    return {**template, "Resources": {name: one for name, one in resources if one.get("Condition") != "HasThumbnails"}}


def as_list(value: Any) -> list[Any]:
    """Return a list of what CloudFormation accepts as one value or as a list."""
    return value if isinstance(value, list) else [value]


def written(value: Any) -> str:
    """Return an intrinsic function as a template writes it: `Videos.Arn`, `Topic`, or the text of a !Sub."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Ref": name} | {"Fn::Sub": name}:
            return str(name)
    return str(value)


def role_policies(role: Json) -> list[Json]:
    """Return the inline policies of a role, including those that depend on a condition."""
    return [policy["Fn::If"][1] if "Fn::If" in policy else policy for policy in role.get("Policies", [])]


def source() -> Json:
    """Return template.yaml as it is written, with intrinsic functions in their long form."""
    parsed: Json = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return parsed


def state_machine() -> Json:
    """Return the state machine's definition, without values for its `${...}`."""
    parsed: Json = json.loads((ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8"))
    return parsed


def transformed(**parameters: str) -> Json:
    """Return the template after the transform, done offline by the SAM CLI's own translator.

    Paths to code become paths in S3. The template contains the state machine's definition, so that cfn-lint checks it
    too. `parameters` replace the defaults; the transform depends on few of them.
    """
    # Its import takes longer than reading the template, which most users of this module do only.
    from samcli.lib.translate.sam_template_validator import SamTemplateValidator

    no_managed_policies = SimpleNamespace(load=dict)
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    validator = SamTemplateValidator(source(), no_managed_policies, region=REGION, parameter_overrides=parameters)
    result: Json = yaml_parse(validator.get_translated_template_if_valid())
    machine = result["Resources"]["GenerateVideo"]["Properties"]
    del machine["DefinitionS3Location"]
    # cfn-lint accepts the Resource of a Task only in the partition `aws`.
    machine["Definition"] = json.loads(json.dumps(state_machine()).replace("${Partition}", "aws"))
    return result


if __name__ == "__main__":
    print(json.dumps(transformed(), indent=2))
