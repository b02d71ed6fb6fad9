"""Make docs/adopt.json from template.yaml: what a deleted stack leaves behind, for CloudFormation's resource import.

`python -m tools.adopt_template` writes it. The template of an import may contain only what is imported.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tools.template import ROOT, Json, source

PATH = ROOT / "docs/adopt.json"


def adopted() -> Json:
    """Return the retained resources of the template, with the conditions and parameters that they use."""
    whole = source()
    kept = {name: found for name, found in whole["Resources"].items() if "Retain" in found.get("DeletionPolicy", "")}
    conditions = {
        name: found for name, found in whole["Conditions"].items() if re.search(rf"'{name}'", str(list(kept.values())))
    }
    used = str([*kept.values(), *conditions.values()])
    parameters = {name: found for name, found in whole["Parameters"].items() if f"'{name}'" in used}
    return {
        "AWSTemplateFormatVersion": whole["AWSTemplateFormatVersion"],
        "Description": "What a deleted stack of Wan Video left behind, for the import into a new one.",
        "Parameters": parameters,
        "Conditions": conditions,
        "Resources": kept,
    }


def text() -> str:
    """Return the contents of the file."""
    return json.dumps(adopted(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(PATH).write_text(text(), encoding="utf-8")
