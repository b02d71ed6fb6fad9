"""The answers to dry runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wan_video_cli.api import Document


def show_quote(quote: Document, *, as_json: bool) -> None:
    """Print the price of a request that was only checked, and how the price was found."""
    from wan_video_cli.screen import emit, say
    from wan_video_cli.words import expected_price

    if as_json:
        emit(quote)
        return
    estimate = quote["estimate"]
    print(expected_price(estimate))
    say(f"{_basis(estimate)}; nothing was stored or billed.")


def _basis(estimate: Document | None) -> str:
    """Say how a price was found."""
    if estimate is None:
        return "No price of this model is known in this region, so --max-price refuses it"
    if estimate["priced_on"] is None:
        return f"{estimate['seconds']} s by the stack's own prices"
    source = "the price list" if estimate.get("confirmed", True) else "a third party's prices"
    return f"{estimate['seconds']} s by {source} of {estimate['priced_on']}"
