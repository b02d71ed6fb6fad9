"""Recent requests: the first of equal ones is kept, and the fake behaves as the table does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fakes.world import FakeRepeats
from tests.simulation.stack import SimulatedStack
from tools.harness.samples import NOW
from tools.harness.stack import LEDGER, Stack, deployed
from wan_video.adapters.dynamodb.repeats import KEPT_SECONDS, DynamoRepeats
from wan_video.domain.names import video_id
from wan_video.ports.repeats import Repeats

FOX, HARE = "0" * 64, "1" * 64


@pytest.fixture(params=["dynamodb", "memory", "simulated"])
def repeats(request: pytest.FixtureRequest, stack: Stack) -> Repeats:
    if request.param == "memory":
        return FakeRepeats()
    tables = stack.tables if request.param == "dynamodb" else SimulatedStack().tables
    return DynamoRepeats(tables, LEDGER)


def ask(repeats: Repeats, key: str, *, at: int = NOW, window: int = 10, owner: str = "alice", **wanted: str) -> str:
    """Request the fox, and return the key that counts."""
    return repeats.first(owner, FOX, key, now=at, since=at - window, **wanted)


def test_a_repetition_within_the_window_has_the_key_of_the_first_and_a_later_one_its_own(repeats: Repeats) -> None:
    assert ask(repeats, "a") == "a"
    assert ask(repeats, "b", at=NOW + 9) == "a"
    assert ask(repeats, "c", at=NOW + 10) == "c"
    assert ask(repeats, "d", at=NOW + 19) == "c"


def test_the_window_starts_at_the_first_and_not_at_the_last_request(repeats: Repeats) -> None:
    ask(repeats, "a")
    for later in (300, 600, 659):
        assert ask(repeats, "b", at=NOW + later, window=660) == "a"
    assert ask(repeats, "b", at=NOW + 660, window=660) == "b"


def test_owners_and_bodies_are_independent(repeats: Repeats) -> None:
    ask(repeats, "a")
    assert ask(repeats, "b", owner="bob") == "b"
    assert repeats.first("alice", HARE, "c", now=NOW, since=NOW - 10) == "c"


def test_only_one_of_several_replacements_of_a_key_succeeds(repeats: Repeats) -> None:
    ask(repeats, "a")
    assert ask(repeats, "b", instead_of="a") == "b"
    assert ask(repeats, "c", instead_of="a") == "b"
    assert ask(repeats, "d", instead_of="") == "b"


def test_the_key_of_one_session_can_be_excluded(repeats: Repeats) -> None:
    ask(repeats, "a")
    assert ask(repeats, "b", except_of="") == "b"
    assert ask(repeats, "c", session="s1") == "b"
    assert ask(repeats, "d", session="s1", except_of="") == "d"
    assert ask(repeats, "e", except_of="") == "d"
    assert ask(repeats, "f", at=NOW + 10, except_of="") == "f"


def test_after_a_close_the_next_request_counts_as_the_first(repeats: Repeats) -> None:
    ask(repeats, "a", session="s1")
    repeats.close("alice", FOX, video_id("alice", "a"), "s1")
    assert ask(repeats, "b", session="s1") == "b"


@pytest.mark.parametrize(
    ("owner", "body", "video", "session"),
    [
        ("alice", FOX, video_id("alice", "a"), "s2"),
        ("alice", FOX, video_id("alice", "b"), "s1"),
        ("alice", HARE, video_id("alice", "a"), "s1"),
        ("bob", FOX, video_id("alice", "a"), "s1"),
    ],
    ids=["another session", "another video", "another body", "another owner"],
)
def test_only_a_request_of_the_same_session_is_closed(
    repeats: Repeats, owner: str, body: str, video: str, session: str
) -> None:
    ask(repeats, "a", session="s1")
    repeats.close(owner, body, video, session)
    assert ask(repeats, "b", session="s1") == "a"


def test_an_entry_of_an_older_version_is_found_and_is_not_closed(stack: Stack) -> None:
    item: dict[str, Any] = {"pk": "repeat#alice", "sk": FOX, "key": "a", "at": NOW, "ttl": NOW + KEPT_SECONDS}
    stack.dynamodb.Table(LEDGER).put_item(Item=item)
    repeats = DynamoRepeats(stack.tables, LEDGER)
    repeats.close("alice", FOX, video_id("alice", "a"), "s1")
    assert ask(repeats, "b", session="s1") == "a"


def test_only_one_of_twenty_simultaneous_requests_is_the_first(credentials: None) -> None:
    with deployed(for_threads=True) as stack:
        for repeats in (DynamoRepeats(stack.tables, LEDGER), FakeRepeats()):
            with ThreadPoolExecutor(8) as threads:
                keys = set(threads.map(lambda n, store=repeats: ask(store, f"key-{n}"), range(20)))
            assert len(keys) == 1
