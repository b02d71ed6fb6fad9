"""The seed determines a run."""

from __future__ import annotations

from collections import Counter

from tests.chaos.aims import AIMS, spec_of
from tests.chaos.plan import IMAGES, MIX, SHARES, THRIFTY, Dice, Spec, arrivals

THROWS = 10_000


def test_the_same_seed_requests_the_same_videos_in_the_same_order() -> None:
    assert list(arrivals(Spec(200, 7))) == list(arrivals(Spec(200, 7)))


def test_another_seed_requests_other_videos() -> None:
    assert list(arrivals(Spec(200, 7))) != list(arrivals(Spec(200, 8)))


def test_the_same_seed_plans_the_same_faults_for_each_stream_of_calls() -> None:
    first, second = (Dice(7, "create", MIX["create"]) for _ in range(2))
    assert [first.throw() for _ in range(THROWS)] == [second.throw() for _ in range(THROWS)]


def test_faults_come_as_often_as_the_mix_says() -> None:
    for stream, shares in MIX.items():
        dice = Dice(7, stream, shares)
        for _ in range(THROWS):
            dice.throw()
        assert abs(dice.thrown.total() / THROWS - sum(shares.values())) < 0.02


def test_every_entry_point_gets_its_share() -> None:
    doors = Counter(arrival.door for arrival in arrivals(Spec(5000, 1)))
    assert doors.keys() == SHARES.keys()
    assert all(abs(doors[door] / doors.total() - share) < 0.03 for door, share in SHARES.items())


def test_only_the_named_entry_points_are_used() -> None:
    assert {arrival.door for arrival in arrivals(Spec(200, 1, doors=frozenset({"batch"})))} == {"batch"}


def test_the_dashscope_api_gets_keys_repetitions_and_second_takes() -> None:
    found = [arrival for arrival in arrivals(Spec(1000, 1)) if arrival.door == "dashscope"]
    assert {(arrival.keyed, arrival.times > 1) for arrival in found} == {
        (k, r) for k in (True, False) for r in (True, False)
    }
    assert any(len(arrival.wishes) == 2 for arrival in found)


def test_each_wish_has_its_own_name_and_a_file_is_announced_up_to_three_times() -> None:
    found = list(arrivals(Spec(1000, 1)))
    names = [wish.name for arrival in found for wish in arrival.wishes]
    assert len(names) == len(set(names)) >= 1000
    assert {arrival.times for arrival in found if arrival.door == "file"} == {1, 2, 3}


def test_images_come_through_the_doors_that_take_them_and_never_in_equal_requests() -> None:
    found = list(arrivals(Spec(1000, 1)))
    with_image = [arrival for arrival in found if arrival.wishes[0].film.image is not None]
    assert {arrival.door for arrival in with_image} == {"api", "dashscope"}
    assert {arrival.wishes[0].film for arrival in with_image} == set(IMAGES)
    assert all(len(arrival.wishes) == 1 for arrival in with_image)
    assert {(arrival.times > 1, arrival.keyed) for arrival in with_image} == {
        (repeated, keyed) for repeated in (True, False) for keyed in (True, False)
    }
    assert 0.12 < len(with_image) / len(found) < 0.3
    assert len({wish.film.content for arrival in with_image for wish in arrival.wishes}) == 2


def test_images_change_nothing_else_in_a_plan() -> None:
    with_images, without = (list(arrivals(Spec(200, 7, images=share))) for share in (0.3, 0.0))
    assert [(one.door, [wish.prompt for wish in one.wishes]) for one in with_images] == [
        (one.door, [wish.prompt for wish in one.wishes]) for one in without
    ]


def test_the_thrifty_owner_needs_more_than_one_day() -> None:
    spec = Spec(1000, 1)
    asked = sum(wish.owner == THRIFTY for arrival in arrivals(spec) for wish in arrival.wishes)
    assert 0 < spec.cap < asked * 5


def test_every_mutant_has_an_aim() -> None:
    for name in AIMS:
        assert spec_of(name, 1).mutant == name
