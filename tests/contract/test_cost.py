"""docs/cost.md matches docs/cost.json, which matches this template and this state machine."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tools import bill
from tools.template import by_default, of_type, source, state_machine


@pytest.fixture(scope="module")
def document() -> bill.Document:
    """Return the counts."""
    return bill.read()


def test_the_tables_of_the_page_are_made_from_the_counts(document: bill.Document) -> None:
    assert bill.made(bill.PAGE.read_text(encoding="utf-8")) == bill.page(document)


def test_a_page_with_other_counts_differs(document: bill.Document) -> None:
    counts = {**document["counts"], "transitions": {"a video": 7, "each poll": 3}}
    assert bill.page({**document, "counts": counts}) != bill.page(document)


def test_everything_that_is_counted_has_a_price_or_is_listed_as_free(document: bill.Document) -> None:
    invocations = document["counts"]["invocations"]
    counted = {name for step in invocations.values() for name in step}
    free = {"stepfunctions StartExecution", "stepfunctions DescribeExecution"}
    assert counted - set(document["prices"]) <= free
    assert {step.partition(" ")[0].partition(":")[0] for step in invocations} <= set(document["assumed"]["seconds"])


def test_the_counts_of_the_template_are_current(document: bill.Document) -> None:
    template = by_default(source())
    counted = document["counts"]["template"]
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    metrics = (sum("MetricStat" in query for query in alarm.get("Metrics", ())) or 1 for alarm in alarms)
    assert counted["alarm metrics"] == sum(metrics)
    memory = {
        one["CodeUri"].split("/")[1]: one["MemorySize"]
        for one in of_type(template, "AWS::Serverless::Function").values()
    }
    assert counted["memory"] == memory


def test_transitions_are_those_of_the_shortest_path_through_the_state_machine(document: bill.Document) -> None:
    states = state_machine()["States"]
    before = ["Is there a task already?", "Submit", "Was it submitted?"]
    loop = ["Wait for the task", "Poll", "Is the task finished?"]
    after = ["Deliver", "Is it delivered?", "Done"]
    walk = [*before, *loop, *after]
    for state, following in pairwise(walk):
        assert re.search(f'"(Next|Default)": "{re.escape(following)}"', str(states[state]).replace("'", '"'))
    assert document["counts"]["transitions"] == {"a video": len(before) + len(after), "each poll": len(loop)}
