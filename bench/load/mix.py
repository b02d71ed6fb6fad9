"""The requests of a client's turn."""

from __future__ import annotations

from typing import Final

GETS: Final = 3
"""Requests for a video after each creation."""

PAGE: Final = 20
"""The videos in a list."""
