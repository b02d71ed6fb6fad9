"""Which limit is in force, and how many places it makes."""

from __future__ import annotations

import pytest

from wan_video.domain.models import MODELS, Region
from wan_video.domain.quota import (
    ASSUMED_CONCURRENCY,
    Limit,
    LimitSource,
    Quota,
    limit_in_force,
    parse_overrides,
    published_concurrency,
)

POOL = "singapore#wan2.6-t2v"
UNKNOWN_POOL = "singapore#wan9-t2v"


def test_a_model_has_as_many_places_as_wan_works_on_and_a_fifth_more_at_least_one() -> None:
    assert limit_in_force(POOL, None, {}).places == 6
    assert limit_in_force("beijing#wan2.2-t2v-plus", None, {}).places == 3
    assert [limit_in_force(POOL, Quota(running), {}).places for running in (1, 6, 10, 20, 500)] == [2, 8, 12, 24, 600]


def test_where_wan_states_nothing_the_registry_counts() -> None:
    for quota in (None, Quota()):
        assert limit_in_force(POOL, quota, {}) == Limit(5, LimitSource.REGISTRY)
    assert limit_in_force(POOL, Quota(running=None, waiting=7), {}) == Limit(5, LimitSource.REGISTRY, 7)


@pytest.mark.parametrize("running", [1, 3, 5, 500])
def test_what_wan_states_replaces_the_registry_whether_it_is_more_or_less(running: int) -> None:
    stated = Quota(running, None, LimitSource.WORKSPACE)
    assert limit_in_force(POOL, stated, {}) == Limit(running, LimitSource.WORKSPACE)


def test_the_parameter_replaces_what_wan_states() -> None:
    limit = limit_in_force(POOL, Quota(3), {POOL: 7})
    assert (limit.concurrency, limit.source, limit.places) == (7, LimitSource.PARAMETER, 9)
    assert limit_in_force(POOL, Quota(3), {UNKNOWN_POOL: 7}).source == LimitSource.ACCOUNT


@pytest.mark.parametrize("pool", [UNKNOWN_POOL, "frankfurt#wan2.2-t2v-plus"])
def test_a_model_without_any_known_limit_starts_with_two(pool: str) -> None:
    assert published_concurrency(pool) is None
    assert limit_in_force(pool, None, {}) == Limit(2, LimitSource.ASSUMED)
    assert ASSUMED_CONCURRENCY == 2


def test_the_assumption_is_no_more_than_any_published_limit() -> None:
    published = [offer.concurrency for model in MODELS.values() for offer in model.regions.values()]
    assert min(limit for limit in published if limit is not None) >= ASSUMED_CONCURRENCY


@pytest.mark.parametrize(("waiting", "places"), [(None, 24), (4, 24), (50, 24), (3, 23), (1, 21), (0, 20)])
def test_no_more_are_at_wan_than_wan_lets_wait(waiting: int | None, places: int) -> None:
    assert limit_in_force(POOL, Quota(20, waiting), {}).places == places
    assert limit_in_force(POOL, Quota(9, waiting), {POOL: 20}).places == places


@pytest.mark.parametrize("limits", [{}, {POOL: 0}])
def test_a_limit_of_none_at_all_makes_no_place(limits: dict[str, int]) -> None:
    assert limit_in_force(POOL, Quota(running=0), limits).places == 0


def test_the_parameter_is_read_pair_by_pair() -> None:
    assert parse_overrides("") == {}
    assert parse_overrides("singapore/wan2.6-t2v=20, beijing/wan2.2-t2v-plus=0,") == {
        f"{Region.SINGAPORE}#wan2.6-t2v": 20,
        f"{Region.BEIJING}#wan2.2-t2v-plus": 0,
    }
    assert parse_overrides("singapore/wan9-t2v=4") == {UNKNOWN_POOL: 4}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("wan2.6-t2v=5", "region/model=number"),
        ("singapore/wan2.6-t2v", "region/model=number"),
        ("singapore/wan2.6-t2v=-1", "region/model=number"),
        ("singapore/wan2.6-t2v=five", "region/model=number"),
        ("singapore/wan2.6-t2v=5;beijing/wan2.6-t2v=5", "region/model=number"),
        ("mars/wan2.6-t2v=5", "there are beijing, singapore"),
    ],
)
def test_a_wrong_pair_is_refused_with_what_would_be_right(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_overrides(text)
    assert text.split(",")[0] in str(caught.value)
