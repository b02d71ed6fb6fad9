"""Prices for people: rounded, with an approximate amount in US dollars."""

from decimal import Decimal

CNY_PER_USD = Decimal("7.33924")
"""The rate of Wan's own international price list, which states each price in both currencies."""


UNKNOWN = "a price that is not known"


def money(price: Decimal | str | None, currency: str) -> str:
    """A price with two decimals, such as `3.67 CNY (about 0.50 USD)`."""
    if price is None:
        return UNKNOWN
    amount = Decimal(price)
    dollars = f" (about {amount / CNY_PER_USD:.2f} USD)" if currency == "CNY" else ""
    return f"{amount:.2f} {currency}{dollars}"


def paid(price: str, *, simulated: bool) -> str:
    """Describe what a run cost, or would have cost."""
    return f"{price} at the real service; nothing was paid here" if simulated else price


def pace(speed: float) -> str:
    """Describe the speed of the stack's clock relative to real time."""
    return "real time" if speed == 1 else f"{speed:g} times real time (SPEED=1 is real time)"
