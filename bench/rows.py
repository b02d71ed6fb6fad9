"""The figures that benches yield, under the name by which they import them."""

from __future__ import annotations

from tools.figures import FEWEST_PAIRS, Curve, Figure, Row, Share

__all__ = ["FEWEST_PAIRS", "Curve", "Figure", "Row", "Share"]
