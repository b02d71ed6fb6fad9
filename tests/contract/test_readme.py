"""Every command and every promise of the README that can be held without running the whole stack."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from botocore import xform_name
from botocore.session import Session
from typer.testing import CliRunner

from tests.readme import README, blocks, commands
from tests.template import Json
from wan_video.domain.models import MODELS
from wan_video_cli.main import app
from wan_video_local.stack import PROJECT

RENAMED = {("sns", "Endpoint"): "notification-endpoint"}
"""What the AWS CLI calls otherwise than the API."""

TEXT = README.read_text(encoding="utf-8")


def outputs(command: str) -> set[str]:
    """The stack's outputs that a command's placeholders name."""
    return set(re.findall(r"<([A-Z]\w+)>", command))


def test_there_are_blocks_that_run_here_and_blocks_that_need_aws() -> None:
    assert {block.aws for block in blocks()} == {True, False}
    known = {"make", "sam", "aws", "curl", "pipx", "wan-video"}
    assert {command.split()[0] for block in blocks() for command in block.commands} == known


@pytest.mark.parametrize("command", commands("make", aws=False))
def test_every_make_command_names_a_verb_and_settings_that_there_are(command: str) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    _, verb, *settings = shlex.split(command)
    assert re.search(rf"^{verb}:.*## ", makefile, re.MULTILINE)
    known = re.search(r"^SETTINGS := (.*)$", makefile, re.MULTILINE)
    assert known is not None
    assert {setting.partition("=")[0] for setting in settings} <= set(known[1].split())


def test_the_settings_that_make_run_is_said_to_take_are_those_of_the_makefile() -> None:
    told = set(re.findall(r"`([A-Z_]{3,})`", TEXT[TEXT.index("`make run` also takes") :].split("\n\n")[0]))
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert told
    assert all(re.search(rf"^SETTINGS := .*\b{name}\b", makefile, re.MULTILINE) for name in told)


def test_a_misspelt_setting_is_refused_with_those_there_are() -> None:
    done = subprocess.run(["make", "help", "FLIE=x"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "There is no FLIE here; there are PROMPT FILE" in done.stderr


@pytest.mark.parametrize("command", commands("aws", aws=True))
def test_every_aws_command_is_one_with_parameters_that_there_are(command: str, template: Json) -> None:
    _, service, operation, *arguments = shlex.split(command)
    assert outputs(command) <= set(template["Outputs"])
    if (service, operation) == ("s3", "cp"):
        return
    model = Session().get_service_model(service)
    (api_name,) = [name for name in model.operation_names if xform_name(name, "-") == operation]
    shape = model.operation_model(api_name).input_shape
    assert shape is not None
    options = {"--" + RENAMED.get((service, name), xform_name(name, "-")) for name in shape.members}
    assert {argument for argument in arguments if argument.startswith("--")} <= options


@pytest.mark.parametrize("command", commands("curl", aws=True))
def test_every_curl_line_names_routes_that_there_are(command: str, template: Json) -> None:
    assert outputs(command) == {"ApiUrl"} <= set(template["Outputs"])
    routes = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "functions/api").glob("*.py"))
    path = re.search(r"<ApiUrl>(\S*)", command)
    assert path is not None
    assert f'"{path[1].replace("<id>", "<video_id>")}"' in routes


@pytest.mark.parametrize("command", commands("wan-video", aws=True))
def test_every_wan_video_command_is_understood(command: str) -> None:
    arguments = shlex.split(command)[1:]
    result = CliRunner().invoke(app, [*arguments, "--help"])
    assert result.exit_code == 0
    options = [argument for argument in arguments if argument.startswith("--")]
    assert all(option in result.output for option in options)


def test_the_configuration_table_has_every_parameter_with_its_default(template: Json) -> None:
    table = TEXT[TEXT.index("## Configuration") : TEXT.index("## Further reading")]
    told: dict[str, str] = {}
    for line in table.splitlines():
        cells = line.split("|")[1:-1]
        if len(cells) == 3 and (names := re.findall(r"`(\w+)`", cells[0])):
            defaults = re.findall(r"`([^`]*)`", cells[1]) or [""] * len(names)
            told |= dict(zip(names, defaults, strict=True))
    assert told.pop("ResultHosts") == ""  # told in words, being long
    parameters = template["Parameters"]
    inner = {"WanEndpoints", "ReconcileIntervalSeconds", "PollsPerExecution", "Clock"}
    assert set(told) == set(parameters) - inner - {"ResultHosts"}
    assert {name: str(parameters[name].get("Default", "")) for name in told} == told


def test_every_model_the_readme_names_is_in_the_registry_and_the_other_way_round() -> None:
    paragraph = TEXT[TEXT.index("Models: ") :].split("\n\n")[0]
    assert set(re.findall(r"`(wanx?\d[\w.-]*)`", paragraph)) == set(MODELS)


def test_every_link_to_a_file_leads_to_one() -> None:
    for path in (README, PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))):
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_every_alarm_is_explained_and_no_other(template: Json) -> None:
    page = (PROJECT / "docs/operations.md").read_text(encoding="utf-8")
    alarms = {name for name, found in template["Resources"].items() if found["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(re.findall(r"`(\w+Alarm)`", page)) == alarms
