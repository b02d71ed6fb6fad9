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


def test_a_model_has_as_many_places_as_wan_works_on_and_one_more() -> None:
    assert limit_in_force(POOL, None, {}).places == 6
    assert limit_in_force("beijing#wan2.2-t2v-plus", None, {}).places == 3


def test_where_wan_states_nothing_the_registry_counts() -> None:
    for quota in (None, Quota(), Quota(running=None, waiting=7)):
        assert limit_in_force(POOL, quota, {}) == Limit(5, LimitSource.REGISTRY)


@pytest.mark.parametrize("running", [1, 3, 5, 500])
def test_what_wan_states_replaces_the_registry_whether_it_is_more_or_less(running: int) -> None:
    stated = Quota(running, None, LimitSource.WORKSPACE)
    assert limit_in_force(POOL, stated, {}) == Limit(running, LimitSource.WORKSPACE)
    assert limit_in_force(POOL, stated, {}).places == running + 1


def test_the_parameter_replaces_what_wan_states() -> None:
    limit = limit_in_force(POOL, Quota(3), {POOL: 7})
    assert (limit.concurrency, limit.source, limit.places) == (7, LimitSource.PARAMETER, 8)
    assert limit_in_force(POOL, Quota(3), {UNKNOWN_POOL: 7}).source == LimitSource.ACCOUNT


@pytest.mark.parametrize("pool", [UNKNOWN_POOL, "frankfurt#wan2.2-t2v-plus"])
def test_a_model_without_any_known_limit_starts_with_two(pool: str) -> None:
    assert published_concurrency(pool) is None
    assert limit_in_force(pool, None, {}) == Limit(2, LimitSource.ASSUMED)
    assert ASSUMED_CONCURRENCY == 2


def test_the_assumption_is_no_more_than_any_published_limit() -> None:
    published = [offer.concurrency for model in MODELS.values() for offer in model.regions.values()]
    assert min(limit for limit in published if limit is not None) >= ASSUMED_CONCURRENCY


@pytest.mark.parametrize(("waiting", "places"), [(None, 6), (1, 6), (50, 6), (0, 5)])
def test_one_more_is_at_wan_only_where_wan_lets_it_wait(waiting: int | None, places: int) -> None:
    assert limit_in_force(POOL, Quota(5, waiting), {}).places == places
    assert limit_in_force(POOL, Quota(9, waiting), {POOL: 5}).places == places


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
