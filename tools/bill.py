"""The tables of docs/cost.md: what AWS charges for the counts in docs/cost.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parents[1] / "docs" / "cost.json"
PAGE: Final = DATA.with_suffix(".md")
BEGIN, END = "<!-- made by `python -m bench.cost` from cost.json -->", "<!-- end of what is made -->"

POLL_SECONDS: Final = 15
USUAL_SECONDS: Final = 180
LEAST_SHOWN: Final = 0.00005
MONTH_SECONDS: Final = 30 * 24 * 3600

Document = Mapping[str, Any]

MESSAGE_REQUESTS: Final = 2
"""Requests with which Lambda receives and deletes a message of SQS."""

POLLS_OF_A_QUEUE: Final = 5 * MONTH_SECONDS // 20
"""Requests of a month with which Lambda polls an empty queue: five at a time, each for 20 seconds.

Source: AWS Lambda "Configuring scaling behavior for SQS event source mappings".
"""

ONE_VIDEO: Final = {"authorize": 1, "api: create": 1, "dispatch: a start": 1, "submit": 1, "deliver": 1}
AND_THEN: Final = {"dispatch: a place is free": 1, "api: the link": 1}
ONE_ROW: Final = {"dispatch: a start of a row": 1, "submit of a row": 1, "deliver of a row": 1}
ANNOUNCED: Final = {"notify: an event": 1}
WEBHOOK: Final = {"notify: an attempt": 1}


def page(document: Document) -> str:
    """Return the tables of one document."""
    return "\n\n".join([one_video(document), growth(document), idle(document)])


def one_video(document: Document) -> str:
    """Return what a thousand API videos use, service by service, if Wan takes three minutes for each."""
    used = video(document, polls(USUAL_SECONDS))
    lines = [
        f"| {name} | {number(1000 * count)} | {unit_price(document['prices'][name])} | ${usd:.4f} |"
        for name, count, usd in dearest(document, used)
    ]
    total = f"| **total** | | | **${1000 * cost(document, used):.2f}** |"
    return table("| 1,000 videos take | | at | |", [*lines, total])


def growth(document: Document) -> str:
    """Return how the cost grows with the waiting time, with retries and in a batch."""
    waits = {"3 minutes": 180, "10 minutes": 600, "1 hour": 3600, "24 hours": 24 * 3600}
    rows = [(f"Wan takes {name}", video(document, polls(seconds))) for name, seconds in waits.items()]
    rows.insert(1, ("3 minutes, `FirstPollSeconds` 60", video(document, 1 + polls(USUAL_SECONDS - 60))))
    rows.append(("3 minutes, a row of a file of 10,000", row(document, polls(USUAL_SECONDS), 10_000)))
    webhook = invoked(document, WEBHOOK, 0)
    webhook.update(more_for_an_endpoint(document))
    rows.append(("each event for each webhook endpoint", webhook))
    rows.append(("each submission that Wan throttles (429)", invoked(document, {"submit: 429": 1}, 1)))
    rows.append(("each request for a video's state", invoked(document, {"api: get": 1}, 0)))
    lines = [f"| {what} | {number(used['transitions'])} | ${1000 * cost(document, used):.2f} |" for what, used in rows]
    return table("| | transitions | 1,000 times |", lines)


def more_for_an_endpoint(document: Document) -> Mapping[str, float]:
    """Return what an event uses for its first endpoint, beyond what it uses without one."""
    counts = document["counts"]["invocations"]
    less, more = Counter(counts["notify: an event"]), Counter(counts["notify: an event for an endpoint"])
    return {name: count - less[name] for name, count in more.items()}


def idle(document: Document) -> str:
    """Return the cost of a month without videos."""
    prices, counted = document["prices"], document["counts"]["template"]
    fixed = {name: counted[name] for name in ("alarm metrics", "dashboards", "secrets")}
    hours = MONTH_SECONDS // 3600
    ticks = {
        "dispatch: nothing to do": MONTH_SECONDS // 60,
        "sweep: nothing to do": MONTH_SECONDS // 300 - hours,
        "sweep: quotas read": hours,
    }
    fixed |= {"custom metrics": counted["idle metrics"], "SQS requests": POLLS_OF_A_QUEUE}
    used = Counter(fixed) + invoked(document, ticks, 0)
    lines = [
        f"| {name} | {number(count)} | {unit_price(prices[name])} | ${usd / 1000:.2f} |"
        for name, count, usd in dearest(document, used)
    ]
    total = f"| **total** | | | **${cost(document, used):.2f}** |"
    busy = counted["busy metrics"] - counted["idle metrics"]
    usd = busy * price(document, "custom metrics")
    more = f"An hour with videos has up to {busy} more custom metrics: ${usd:.2f} for a whole month of such hours."
    return table("| a month without videos | | at | |", [*lines, total]) + f"\n\n{more}"


def polls(seconds: int) -> int:
    """Return the number of polls of a task that takes this number of seconds."""
    return -(-seconds // POLL_SECONDS)


def video(document: Document, looks: int) -> Counter[str]:
    """Return what one video uses that the API creates and that is polled `looks` times."""
    return _made(document, ONE_VIDEO, looks) + invoked(document, {**AND_THEN, **ANNOUNCED}, 0)


def row(document: Document, looks: int, rows: int) -> Counter[str]:
    """Return what one video uses that is a row of a file of `rows` rows and is polled `looks` times."""
    counts = document["counts"]
    file, more = Counter(counts["a file of one row"]), Counter(counts["each further row"])
    shared = Counter({name: count / rows for name, count in file.items()})
    for word, seconds in document["assumed"]["seconds a row"].items():
        shared["GB-seconds"] += seconds * counts["template"]["memory"][word] / 1024
    return (
        _made(document, ONE_ROW, looks)
        + invoked(document, {"dispatch: a place is free": 1, **ANNOUNCED}, 0)
        + shared
        + more
    )


def _made(document: Document, steps: Mapping[str, float], looks: int) -> Counter[str]:
    transitions = document["counts"]["transitions"]
    between = {"poll: the first": 1, "poll": looks - 2, "poll: the last": 1}
    return invoked(document, {**steps, **between}, transitions["a video"] + transitions["each poll"] * looks)


def invoked(document: Document, steps: Mapping[str, float], transitions: float) -> Counter[str]:
    """Return what invocations use, given the number of each, together with their state transitions."""
    used: Counter[str] = Counter({"transitions": transitions})
    assumed, memory = document["assumed"], document["counts"]["template"]["memory"]
    for step, times in steps.items():
        word = step.partition(" ")[0].partition(":")[0]
        used["invocations"] += times  # type: ignore[assignment]
        seconds = assumed["seconds"].get(step, assumed["seconds"][word])
        used["GB-seconds"] += times * seconds * memory[word] / 1024
        used["bytes of logs"] += times * assumed["bytes of logs"]
        if word == "notify":
            used["SQS requests"] += times * MESSAGE_REQUESTS  # type: ignore[assignment]
        if step.startswith("api"):
            used["API requests"] += times  # type: ignore[assignment]
        for name, count in document["counts"]["invocations"][step].items():
            used[name] += times * count
    return used


def dearest(document: Document, used: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """Yield each item that costs something: its name, its count, and US dollars for 1,000 times that; dearest first."""
    for name, count in sorted(used.items(), key=lambda one: -one[1] * price(document, one[0])):
        usd = 1000 * count * price(document, name)
        if usd >= LEAST_SHOWN:
            yield name, count, usd


def cost(document: Document, used: Mapping[str, float]) -> float:
    """Return the cost of what is used, in US dollars."""
    return sum(count * price(document, name) for name, count in used.items())


def price(document: Document, name: str) -> float:
    """Return the price of one, in US dollars; zero for what is free of charge."""
    published = document["prices"].get(name)
    return published["usd"] / published["for"] if published else 0.0


def unit_price(published: Document) -> str:
    """Return a price as AWS publishes it."""
    usd = f"${published['usd']:.10f}".rstrip("0").rstrip(".")
    return usd if published["for"] == 1 else f"{usd} for {published['for']:,}"


def number(count: float) -> str:
    """Return a count as text, rounded for readers."""
    return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.2g}"


def table(head: str, lines: list[str]) -> str:
    """Return a table in Markdown, with its figures aligned to the right."""
    columns = head.count("|") - 1
    return "\n".join([head, "|---|" + "---:|" * (columns - 1), *lines])


def read() -> Document:
    """Return the stored document."""
    document: Document = json.loads(DATA.read_text(encoding="utf-8"))
    return document


def made(text: str) -> str:
    """Return the part of docs/cost.md between its marks."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def renew(text: str, document: Document) -> str:
    """Return the page with new tables."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{page(document)}\n\n{END}{rest.partition(END)[2]}"
