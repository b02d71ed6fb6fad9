"""Every command in the README and the docs is run by a test that is named here, or checked against what exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session
from typer.testing import CliRunner

from tools.readme import PAGES, blocks, everywhere
from tools.template import Json
from wan_video_cli.main import app
from wan_video_local.stack import PROJECT

RUN_BY = {
    "CONTRIBUTING.md": {"change": "tests/contract/test_first_change.py"},
    "README.md": {"": "tests/contract/test_first_run.py", "wan": "tests/contract/test_readme.py"},
    "docs/cli.md": dict.fromkeys(("", "setup", "login"), "tests/integration/cli/test_docs.py"),
    "docs/reliability.md": {"": "tests/chaos/test_chaos.py"},
    "docs/rest-api.md": {"batch": "tests/e2e/clients/test_rest_api_docs.py"},
    "docs/tutorial.md": {"": "tests/contract/test_first_run.py"},
}
"""The tests that run the blocks of each kind; blocks marked `aws` are checked against template, SDK and routes."""

RENAMED = {("sns", "Endpoint"): "notification-endpoint"}
"""Parameters with another name in the AWS CLI than in the API."""

GLOBAL = {"--query", "--output"}
"""Options that every command of the AWS CLI takes."""


def placeholders(command: str) -> set[str]:
    """Return the stack's outputs that a command names: one word in angle brackets, unlike `<queue ARN>`."""
    return set(re.findall(r"<([A-Z]\w+)>", command))


def test_every_block_has_a_test_that_runs_it_or_needs_aws() -> None:
    found = {
        path.relative_to(PROJECT).as_posix(): kinds
        for path in PAGES
        if (kinds := {block.kind for block in blocks(path)} - {"aws"})
    }
    assert found == {page: set(kinds) for page, kinds in RUN_BY.items()}
    assert all((PROJECT / test).exists() for kinds in RUN_BY.values() for test in kinds.values())


def test_no_command_hides_in_a_block_of_another_name() -> None:
    for path in PAGES:
        languages = re.findall(r"^```(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not set(languages) & {"bash", "shell", "console", "zsh"}, path


def test_commands_that_need_aws_start_with_a_known_tool() -> None:
    tools = {command.split()[0] for path in PAGES for block in blocks(path) if block.aws for command in block.commands}
    assert tools == {"sam", "aws", "curl", "git", "pipx", "wan-video"}


@pytest.mark.parametrize("command", everywhere("make", aws=False))
def test_every_make_command_names_an_existing_verb_and_existing_settings(command: str) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    _, verb, *settings = shlex.split(command, comments=True)
    assert re.search(rf"^{verb}:.*## ", makefile, re.MULTILINE)
    known = re.findall(r"^(?:SETTINGS :=|export) ([A-Z _]+)$", makefile, re.MULTILINE)
    assert {setting.partition("=")[0] for setting in settings} <= set(" ".join(known).split())


@pytest.mark.parametrize("command", everywhere("sam", aws=True))
def test_every_sam_command_names_existing_parameters(command: str, template: Json) -> None:
    _, verb, *arguments = shlex.split(command)
    assert verb in {"build", "deploy", "delete"}
    known = {"--guided", "--parameter-overrides", "--stack-name"}
    assert {argument for argument in arguments if argument.startswith("--")} <= known
    assert {argument.partition("=")[0] for argument in arguments if "=" in argument} <= set(template["Parameters"])


@pytest.mark.parametrize("command", everywhere("aws", aws=True))
def test_every_aws_command_exists_with_its_parameters(command: str, template: Json) -> None:
    _, service, operation, *arguments = shlex.split(command)
    assert placeholders(command) <= set(template["Outputs"])
    if service == "s3":
        assert operation in {"cp", "rb"}
        return
    if operation == "wait":
        waiter, *arguments = arguments
        waiters = Session().get_waiter_model(service)
        (name,) = [name for name in waiters.waiter_names if xform_name(name, "-") == waiter]
        operation = xform_name(waiters.get_waiter(name).operation, "-")
    model = Session().get_service_model(service)
    (api_name,) = [name for name in model.operation_names if xform_name(name, "-") == operation]
    shape = model.operation_model(api_name).input_shape
    assert shape is not None
    options = {"--" + RENAMED.get((service, name), xform_name(name, "-")) for name in shape.members} | GLOBAL
    assert {word.replace("--no-", "--") for word in arguments if word.startswith("--")} <= options


@pytest.mark.parametrize("command", everywhere("curl", aws=True))
def test_every_curl_line_names_existing_routes(command: str, template: Json) -> None:
    assert placeholders(command) == {"ApiUrl"} <= set(template["Outputs"])
    routes = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "functions/api").glob("*.py"))
    path = re.search(r"<ApiUrl>([^\s?\"]*)", command)
    assert path is not None
    assert f'"{path[1].replace("<id>", "<video_id>")}"' in routes


@pytest.mark.parametrize("command", everywhere("wan-video", aws=True))
def test_every_wan_video_command_is_valid(command: str) -> None:
    arguments = shlex.split(command)[1:]
    result = CliRunner().invoke(app, [*arguments, "--help"])
    assert result.exit_code == 0
    options = [argument for argument in arguments if argument.startswith("--")]
    assert all(option in result.output for option in options)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    bare = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in bare}


def test_every_link_leads_to_an_existing_file_and_heading() -> None:
    for page in PAGES:
        for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
            target = page.parent / link if link else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(target), f"{page.name}: {link}#{anchor}"
