"""Periods that several rules go by."""

from __future__ import annotations

from typing import Final

DAY_SECONDS: Final = 24 * 3600
