"""What is logged about a video: one line for each event, metrics with few dimensions, and never a prompt."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from math import ceil
from typing import Any

import pytest

from tools.harness.samples import LINK, NOW, PROMPT, made, request30, running, starting, stored
from wan_video import observe
from wan_video.domain.budget import Usage
from wan_video.domain.price import Estimate
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video

REFUSED = Failure("DataInspectionFailed", f"not this: {PROMPT} {LINK}", "poll", False)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    # Powertools keeps a logger for each service name, and it writes to the stream that it first used.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "WanVideo/test")
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    observe.logger.cache_clear()


def logged(capsys: pytest.CaptureFixture[str]) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Return the log lines, the dimensions and the metrics that were written."""
    text = capsys.readouterr().out
    assert PROMPT not in text
    assert LINK not in text
    found = [json.loads(line) for line in text.splitlines()]
    lines = [line for line in found if "_aws" not in line]
    dimensions: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    for blob in (line for line in found if "_aws" in line):
        (directive,) = blob["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "WanVideo/test"
        dimensions |= {name: blob[name] for names in directive["Dimensions"] for name in names}
        metrics |= {metric["Name"]: blob[metric["Name"]] for metric in directive["Metrics"]}
    return lines, dimensions, metrics


def test_a_start_logs_how_long_the_video_waited(capsys: pytest.CaptureFixture[str]) -> None:
    video = starting()
    observe.started(video)
    (line,), dimensions, metrics = logged(capsys)
    assert (line["message"], line["video_id"], line["pool"]) == ("started", video.id, video.pool)
    assert set(dimensions) == {"service"}
    assert metrics == {"VideosStarted": [1], "QueueSeconds": [NOW - video.created_at]}


def test_a_completed_video_logs_its_time_its_bytes_and_its_price(capsys: pytest.CaptureFixture[str]) -> None:
    video = made().completed(NOW + 90, stored())
    observe.ended(video)
    (line,), dimensions, metrics = logged(capsys)
    assert (line["message"], line["video_id"], line["status"]) == ("ended", video.id, "completed")
    assert dimensions == {"status": "completed"}
    assert metrics == {
        "Videos": [1],
        "VideoSeconds": [5],
        "PriceCNY": [3.66962],
        "TotalSeconds": [NOW + 90 - video.created_at],
        "Bytes": [4096],
    }


def test_a_bill_that_differs_from_the_estimate_is_counted_and_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    billed = replace(made().completed(NOW + 90, stored()), usage=Usage(6, Decimal("3.7"), "CNY", Decimal("5.042")))
    observe.ended(billed)
    lines, dimensions, metrics = logged(capsys)
    warning = next(line for line in lines if line["message"] == "bill differs")
    assert (warning["level"], warning["billed_seconds"], warning["estimated_seconds"]) == ("WARNING", "5.042", 5)
    assert (metrics["BillDiffers"], dimensions) == ([1], {"status": "completed"})


@pytest.mark.parametrize(
    ("seconds", "estimated", "stated", "differs"),
    [
        (5, 5, "5", False),
        (5, 5, "5.001", True),
        (5, 5, "4", True),
        (-1, 30, "11.5", False),
        (-1, 30, "30", False),
        (-1, 30, "30.2", True),
    ],
)
def test_only_more_than_the_longest_length_differs_where_the_model_chose_it(
    seconds: int, estimated: int, stated: str, differs: bool
) -> None:
    request = request30(seconds=seconds)
    exact = Decimal(stated)
    usage = Usage(ceil(exact), exact=None if exact == ceil(exact) else exact)
    assert replace(made(request=request, estimate=Estimate(estimated)), usage=usage).bill_differs is differs


@pytest.mark.parametrize(
    ("end", "status", "metrics"),
    [
        (lambda: running().task_ended(NOW, REFUSED).ended(NOW, REFUSED), "failed", {"Videos"}),
        (lambda: made().ended(NOW, REFUSED), "failed", {"Videos", "VideoSeconds", "PriceCNY"}),
    ],
    ids=["that costs nothing", "that is paid for"],
)
def test_a_failure_logs_its_code_and_never_its_message(
    capsys: pytest.CaptureFixture[str], end: Callable[[], Video], status: str, metrics: set[str]
) -> None:
    observe.ended(end())
    (line,), dimensions, found = logged(capsys)
    assert (line["status"], line["error"]) == (status, "DataInspectionFailed")
    assert dimensions == {"status": status}
    assert set(found) == metrics


def test_fields_of_a_request_are_on_every_log_line_until_the_next_request(capsys: pytest.CaptureFixture[str]) -> None:
    observe.about(request_id="one")
    observe.record("api", action="create", video_id="video_1")
    observe.unforeseen(ValueError(PROMPT))
    observe.about(request_id="two")
    observe.record("api", action="delete", video_id="video_1")
    lines, _, _ = logged(capsys)
    assert [line["request_id"] for line in lines] == ["one", "one", "two"]
