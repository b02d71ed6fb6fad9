"""The number of examples of a property that needs another number than the profile of Hypothesis has."""

from __future__ import annotations

from hypothesis import settings

USUAL = 100
"""The number of examples of Hypothesis's own default, which `make test` uses."""


def examples(count: int) -> int:
    """Return the number of examples to try: `count` in `make test`, and fewer in `make quick`."""
    profile = settings.get_profile(settings.get_current_profile_name())
    return max(1, count * profile.max_examples // USUAL)
