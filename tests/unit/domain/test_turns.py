"""Turns: who goes next among many, found without looking at all of them each time."""

from __future__ import annotations

from collections import Counter
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from tools.harness.samples import NOW
from wan_video.domain.pool import Line
from wan_video.domain.queue import BATCH, INTERACTIVE, queue_key
from wan_video.domain.turns import Turns

OWNERS = [f"owner{number}" for number in range(6)]
LINES = st.lists(
    st.builds(
        Line,
        owner=st.sampled_from(OWNERS),
        interactive=st.integers(0, 3),
        batch=st.integers(0, 3),
        since=st.integers(1000 * NOW, 1000 * NOW + 5),
    ),
    unique_by=lambda line: line.owner,
)


@given(
    LINES,
    st.dictionaries(st.sampled_from(OWNERS), st.integers(0, 3)),
    st.lists(st.sampled_from(["start", "start", "start", "skip"])),
)
def test_the_next_is_always_the_first_by_the_rule(lines: list[Line], running: dict[str, int], steps: list[str]) -> None:
    turns, runs = Turns(lines, Counter(running)), Counter(running)
    waiting = {line.owner: line for line in lines if line.waits}
    for step, second in zip(steps, count(), strict=False):
        line = turns.next()
        assert line == min(
            waiting.values(),
            key=lambda one: (runs[one.owner], not one.interactive, one.since, one.owner),
            default=None,
        )
        if line is None:
            return
        if step == "skip":
            turns.pass_over(line.owner)
            del waiting[line.owner]
            continue
        key = queue_key(INTERACTIVE if line.interactive else BATCH, NOW, "video")
        turns.started(line, key, NOW + second)
        runs[line.owner] += 1
        waiting[line.owner] = line.with_more(-1, key, 1000 * (NOW + second + 1))
        if not waiting[line.owner].waits:
            del waiting[line.owner]


def test_lines_in_which_no_video_waits_are_named() -> None:
    turns = Turns([Line("alice"), Line("bob", interactive=1), Line("carol", batch=2)], Counter())
    bob = turns.next()
    assert bob is not None
    turns.started(bob, queue_key(INTERACTIVE, NOW, "video"), NOW)
    assert [line.owner for line in turns.empty()] == ["alice", "bob"]
