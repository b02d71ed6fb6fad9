"""authorize: tokens are found by their hash, and everything else gets the same refusal."""

from __future__ import annotations

import hashlib

import pytest

from tests.fakes.world import FakeTokens
from tools.harness.samples import ALICE
from wan_video.errors import Unauthorized
from wan_video.services.authorize import Authorize

TOKEN = "wv_" + "A-_9" * 10 + "abc"
AUTHORIZE = Authorize(FakeTokens({hashlib.sha256(TOKEN.encode()).hexdigest(): ALICE}))


@pytest.mark.parametrize("header", [f"{scheme} {TOKEN}" for scheme in ("Bearer", "Bearer  ", "bearer", "BEARER")])
def test_a_valid_token_returns_its_owner(header: str) -> None:
    assert AUTHORIZE(header) == ALICE


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"bearer{TOKEN}", f"Bearer {TOKEN} ", f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}\n", f"Bearer {TOKEN},{TOKEN}", "Bearer " + "a" * 257, "Bearer ü",
        "Bearer " + hashlib.sha256(TOKEN.encode()).hexdigest(), "Bearer null", f"Bearer '{TOKEN}'",
    ],
)  # fmt: skip
def test_anything_else_is_unauthorized_and_not_quoted(header: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        AUTHORIZE(header)
    assert TOKEN not in str(caught.value)
