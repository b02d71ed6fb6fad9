"""An independent validator also checks the state machine: npm's asl-validator."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.template import ROOT

VALIDATOR = "asl-validator@4.0.0"
ARN = "arn:aws:lambda:eu-central-1:111122223333:function:step"


def is_valid(definition: str, path: Path) -> bool:
    """Whether the validator accepts a definition with its parameters filled in."""
    filled = re.sub(r"\$\{\w+\}", "15", re.sub(r"\$\{\w+Arn\}", ARN, definition.replace("${Partition}", "aws")))
    path.write_text(filled, encoding="utf-8")
    command = ["npm", "exec", "--yes", f"--package={VALIDATOR}", "--", "asl-validator", "--json-path", str(path)]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    assert "State machine definition" in done.stdout + done.stderr, done.stderr
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_another_validator_accepts_the_state_machine_and_refuses_a_broken_one(tmp_path: Path) -> None:
    definition = (ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8")

    assert is_valid(definition, tmp_path / "sound.asl.json")
    assert not is_valid(definition.replace('"Next": "Poll"', '"Next": "Pole"'), tmp_path / "broken.asl.json")
