"""Places whose number changes while tasks run."""

from __future__ import annotations

from wan_simulator.places import Places


def taken(places: Places) -> int:
    count = 0
    while places.free_since() is not None:
        places.take()
        count += 1
    return count


def test_more_places_are_free_from_the_moment_they_are_added() -> None:
    places = Places(1)
    places.take()
    places.resize(3, taken=1, now=50.0)

    assert (places.free, places.free_since()) == (2, 50.0)


def test_with_fewer_places_than_running_tasks_the_next_ends_free_nothing() -> None:
    places = Places(3)
    assert taken(places) == 3
    places.resize(1, taken=3, now=10.0)
    free = []
    for moment in (20.0, 30.0, 40.0):
        places.give_back(moment)
        free.append(places.free)

    assert free == [0, 0, 1]
    assert places.free_since() == 40.0


def test_places_that_are_removed_and_added_again_are_counted_once() -> None:
    places = Places(2)
    assert taken(places) == 2
    places.resize(0, taken=2, now=1.0)
    places.resize(2, taken=2, now=2.0)
    places.give_back(3.0)

    assert places.free == 1


def test_the_places_that_were_free_for_longest_are_kept() -> None:
    places = Places(2)
    places.take()
    places.give_back(30.0)
    places.resize(1, taken=0, now=40.0)

    assert places.free_since() == float("-inf")


def test_without_a_number_there_is_always_a_place_until_there_is_a_number() -> None:
    places = Places(None)
    for _ in range(100):
        places.take()
    places.resize(100, taken=100, now=5.0)

    assert places.free_since() is None
