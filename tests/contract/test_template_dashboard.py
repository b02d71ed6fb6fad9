"""The dashboard and the alarms: both use existing metrics, and docs/operations.md explains every alarm."""

from __future__ import annotations

import ast
import copy
import json
import re
from typing import Any

import pytest

from tools.template import ROOT, Json, of_type, transformed
from tools.words import WORDS

OURS = "WanVideo/${AWS::StackName}"
STATUSES = {"completed", "failed", "cancelled", "expired"}
AWS_METRICS = {
    "AWS/Lambda": {"Duration", "Errors"},
    "AWS/States": {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "AWS/ApiGateway": {"Count", "4XXError", "5XXError", "Latency"},
}
"""The metrics of AWS services, by the names in the services' own documents."""


def body(template: Json) -> Any:
    """Return the dashboard's body as JSON, without values for its names."""
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    return json.loads(dashboard["DashboardBody"]["Fn::Sub"])


def shown(template: Json) -> set[tuple[str, str, str, str]]:
    """Return every metric on the dashboard: namespace, name, dimension, value."""
    return {
        (metric[0], metric[1], metric[2], metric[3])
        for widget in body(template)["widgets"]
        for metric in widget["properties"].get("metrics", [])
    }


def emitted() -> dict[str, str]:
    """Return every metric of our own with the dimension under which the code emits it."""
    found: dict[str, str] = {}
    sources = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/shared/wan_video").rglob("*.py")]
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and path.name == "observe.py":
                found |= _of_a_video(node)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                (first, *_) = [*node.args, None]
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                if name in ("measure", "took") and isinstance(first, ast.Constant):
                    found[str(first.value)] = "service"
    return found


def _of_a_video(function: ast.FunctionDef) -> dict[str, str]:
    """Return the metrics that one function of observe.py adds with its dimension."""
    added: list[str] = []
    dimension = ""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            match node.func.attr, node.args:
                case "add_metric", [ast.Constant(value=str(name)), *_]:
                    added.append(name)
                case "add_dimension", [ast.Constant(value=str(name)), *_]:
                    dimension = name
    return dict.fromkeys(added, dimension)


def faults(template: Json) -> list[str]:
    """Return metrics that the dashboard shows but are never emitted, and those that are emitted but never seen."""
    known = emitted()
    alarmed = {
        alarm["MetricName"] for alarm in of_type(template, "AWS::CloudWatch::Alarm").values() if "MetricName" in alarm
    }
    found = []
    for space, name, dimension, value in shown(template):
        if space == OURS:
            values = STATUSES if dimension == "status" else set(WORDS)
            if known.get(name) != dimension or value not in values:
                found.append(f"never emitted: {name} for {dimension} {value}")
        elif name not in AWS_METRICS[space]:
            found.append(f"{space} has no {name}")
    seen = {name for _, name, _, _ in shown(template)} | alarmed
    return found + [f"never seen: {name}" for name in known if name not in seen]


def test_the_dashboard_is_json_whose_widgets_do_not_overlap(template: Json) -> None:
    widgets = body(template)["widgets"]
    fields = [
        {(x, y) for x in range(one["x"], one["x"] + one["width"]) for y in range(one["y"], one["y"] + one["height"])}
        for one in widgets
    ]
    assert len(set().union(*fields)) == sum(map(len, fields))
    assert max(x for x, _ in set().union(*fields)) < 24
    assert all(widget["properties"]["region"] == "${AWS::Region}" for widget in widgets)


def test_the_dashboard_shows_only_emitted_metrics_and_every_metric_is_shown_or_watched(template: Json) -> None:
    assert len(emitted()) >= 10
    assert faults(template) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("GenerationSeconds", "GenerationTime"), ('"status", "expired"', '"status", "gone"'), ("5XXError", "5xxErrors")],
)
def test_the_search_for_metrics_that_are_never_emitted_finds_one(template: Json, right: str, wrong: str) -> None:
    planted = copy.deepcopy(template)
    (dashboard,) = of_type(planted, "AWS::CloudWatch::Dashboard").values()
    text = dashboard["DashboardBody"]["Fn::Sub"]
    assert right in text
    dashboard["DashboardBody"]["Fn::Sub"] = text.replace(right, wrong)
    assert faults(planted)


def test_everything_that_the_dashboard_names_is_in_the_template(template: Json) -> None:
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    names = {name.partition(".")[0] for name in re.findall(r"\$\{([\w.:]+)\}", dashboard["DashboardBody"]["Fn::Sub"])}
    assert {name for name in names if not name.startswith("AWS::")} <= set(template["Resources"])


def test_exactly_the_alarms_of_the_template_are_explained(template: Json) -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    explained = re.findall(r"`(\w+Alarm)`", "\n".join(line for line in text.splitlines() if line.startswith("| `")))
    assert sorted(explained) == sorted(of_type(template, "AWS::CloudWatch::Alarm"))


def test_tracing_is_off_by_default_and_covers_everything_if_enabled() -> None:
    def traced(template: Json) -> set[str]:
        functions = of_type(template, "AWS::Lambda::Function")
        return {name for name, function in functions.items() if "TracingConfig" in function}

    assert traced(transformed()) == set()
    active = transformed(Tracing="Active")
    assert traced(active) == set(of_type(active, "AWS::Lambda::Function"))
    switch = {"Fn::If": ["HasTracing", True, False]}
    (machine,) = of_type(active, "AWS::StepFunctions::StateMachine").values()
    (stage,) = of_type(active, "AWS::ApiGateway::Stage").values()
    assert (machine["TracingConfiguration"], stage["TracingEnabled"]) == ({"Enabled": switch}, switch)


def test_tracing_loads_no_package_into_the_functions() -> None:
    sources = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/shared/wan_video").rglob("*.py")]
    assert not any("xray" in path.read_text(encoding="utf-8").lower() for path in sources)
    assert "xray" not in (ROOT / "layers/shared/requirements.txt").read_text(encoding="utf-8")
