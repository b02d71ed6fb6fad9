"""The scanners of `make check`, each with a fault that it must find."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.scanners import WAIVERS, Finding, Waiver, policies, secrets, uncovered, weak_policies
from tools.template import ROOT, Json

HALVES = {
    "an AWS key": ("config.py", 'access = "AKIA', 'Q3EGUVZ7PDA5X4NB"'),
    "a Wan key": ("settings.py", 'DASHSCOPE_API_KEY = "sk-', 4 * "0d1f6f2f" + '"'),
    "a private key": ("key.pem", "-----BEGIN RSA ", "PRIVATE KEY-----"),
    "a key in the template": ("template.yaml", "API_KEY: sk-", 4 * "0d1f6f2f"),
    "a secret that is marked as allowed": ("a.py", 'password = "Tr0ub4dor', '&3x!"  # pragma: allowlist secret'),
}
"""Files with a secret, in two halves, so that this file has none."""


@pytest.mark.parametrize("halves", HALVES.values(), ids=HALVES)
def test_a_secret_in_a_file_is_found(tmp_path: Path, halves: tuple[str, str, str]) -> None:
    name, first, second = halves
    (tmp_path / name).write_text(f"{first}{second}\n", encoding="utf-8")

    assert list(secrets([name], tmp_path))


@pytest.mark.parametrize(
    ("change", "issue"),
    [
        ({"Resource": "arn:aws:sqs:eu-central-1:123456789012:other"}, "RESOURCE_MISMATCH"),
        ({"Resource": "videos/*"}, "INVALID_ARN"),
        ({"Condition": {"StringEquals": {"s3:prefix": "a"}}}, "UNKNOWN_CONDITION_FOR_ACTION"),
        ({"Effect": "Maybe"}, "MALFORMED"),
    ],
)
def test_a_faulty_policy_is_found(template: Json, change: Json, issue: str) -> None:
    planted = copy.deepcopy(template)
    role = planted["Resources"]["PollRole"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"][0].update(change)

    assert not [finding for finding in weak_policies(template) if finding.where.startswith("PollRole")]
    assert issue in {finding.what for finding in weak_policies(planted) if finding.where.startswith("PollRole")}


def test_every_policy_of_the_template_is_checked(template: Json) -> None:
    documents: list[Any] = []

    def collect(part: Any) -> None:
        if isinstance(part, dict):
            if "Statement" in part:
                documents.append(part)
            for value in part.values():
                collect(value)
        elif isinstance(part, list):
            for value in part:
                collect(value)

    collect(template["Resources"])
    looked_at = [document for _, document in policies(template)]
    assert len(looked_at) == len(documents) > 20
    assert all(document in looked_at for document in documents)


def test_a_waiver_covers_only_its_own_place_and_one_without_a_finding_is_a_fault() -> None:
    waiver = Waiver(r"docs/a\.md", "known", "an example")
    known, elsewhere, other = (
        Finding("docs/a.md:3", "Secret", "known = 1"),
        Finding("docs/b.md:3", "Secret", "known = 1"),
        Finding("docs/a.md:4", "Secret", "new = 1"),
    )

    assert uncovered([known], [waiver]) == []
    assert uncovered([known, elsewhere, other], [waiver]) == [str(elsewhere), str(other)]
    (unused,) = uncovered([], [waiver])
    assert "this waiver covers nothing" in unused


def test_every_waiver_has_a_reason() -> None:
    assert all(len(waiver.why.split()) >= 3 for waiver in WAIVERS)


def test_bandit_finds_code_that_runs_input(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import subprocess\nsubprocess.run(input(), shell=True)\n", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("bandit")), "-q", "-r", "-ll", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, "B602" in done.stdout) == (1, True)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "bandit -q -r -ll layers/shared/wan_video functions local cli" in makefile
