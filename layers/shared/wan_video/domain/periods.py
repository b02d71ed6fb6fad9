"""Periods that several rules use."""

from __future__ import annotations

from typing import Final

DAY_SECONDS: Final = 24 * 3600
