"""The workflows do what `.ci/run`, the docs and the Makefile describe."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tools.readme import snippet
from wan_video_local.stack import PROJECT

FOLDER = PROJECT / ".github" / "workflows"
NAMES = sorted(path.name for path in FOLDER.iterdir())


def workflow(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def test_the_page_lists_every_workflow() -> None:
    page = (PROJECT / "docs" / "continuous-deployment.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_job_has_a_timeout_and_only_the_listed_permissions(name: str) -> None:
    found = workflow(name)
    assert found["permissions"]["contents"] in {"read", "write"}
    assert all(job["timeout-minutes"] <= 60 for job in found["jobs"].values())
    checkouts = [step for step in steps(name) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_changes_are_tested_in_the_same_way_as_by_a_contributor() -> None:
    assert steps("test.yaml")[-1]["run"] == "bash .ci/run"


def test_no_aws_key_is_stored_and_only_the_environment_may_assume_the_role() -> None:
    found = workflow("deploy.yaml")
    assert found["permissions"] == {"contents": "read", "id-token": "write"}
    (job,) = found["jobs"].values()
    text = (FOLDER / "deploy.yaml").read_text(encoding="utf-8")
    assert "secrets." not in text
    trust = json.loads(snippet("docs/continuous-deployment.md", "json trust"))["Statement"][0]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    subject = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject.endswith(f":environment:{job['environment']}")


def test_the_deployment_builds_with_the_python_of_the_functions(template: Any) -> None:
    runtime = template["Parameters"]["PythonRuntime"]["Default"]
    versions = [step["with"]["python-version"] for step in steps("deploy.yaml") if "setup-python" in str(step)]
    assert [f"python{version}" for version in versions] == [runtime]
    assert template["Parameters"]["Architecture"]["Default"] == "arm64"
    assert workflow("deploy.yaml")["jobs"]["deploy"]["runs-on"].endswith("-arm")


def test_the_version_of_the_package_has_its_section_in_the_changelog() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\n## [{version}] - " in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
