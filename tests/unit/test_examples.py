"""`make quick` tries fewer examples of each property, also of those that state their own number."""

from __future__ import annotations

from hypothesis import settings

from tests.examples import USUAL, examples


def test_the_profile_scales_the_number_that_a_property_states() -> None:
    assert examples(USUAL) == settings().max_examples
    assert examples(3 * USUAL) == 3 * settings().max_examples


def test_at_least_one_example_is_tried() -> None:
    assert examples(1) == 1
