"""Keys and workspaces: which combinations are accepted."""

from __future__ import annotations

import pytest

from wan_simulator.accounts import DEFAULT_KEYS, Accounts
from wan_simulator.errors import RefusalError
from wan_video.domain.models import Region

GOOD = "Bearer sk-simulator-singapore"


def refusal(region: Region, authorization: str, *workspaces: str, host: str | None = None) -> str:
    with pytest.raises(RefusalError) as caught:
        Accounts(DEFAULT_KEYS, ("ws-1", "beijing=ws-b")).authorise(region, authorization, workspaces, host)
    return caught.value.code


def test_a_regions_own_key_is_accepted_with_or_without_a_workspace() -> None:
    accounts = Accounts(DEFAULT_KEYS, ("ws-1",))

    accounts.authorise(Region.SINGAPORE, GOOD, ())
    accounts.authorise(Region.SINGAPORE, GOOD, ("ws-1", "ws-1"))


def test_a_workspace_that_does_not_exist_is_refused() -> None:
    assert refusal(Region.SINGAPORE, GOOD, "ws-2") == "WorkSpaceNotFound"


def test_frankfurt_has_no_shared_host() -> None:
    assert refusal(Region.FRANKFURT, "Bearer sk-simulator-frankfurt") == "Endpoint.AccessDenied"


@pytest.mark.parametrize("host", ["ws-2", "ws-b", ""])
def test_the_host_of_another_regions_workspace_or_of_an_unknown_one_is_refused(host: str) -> None:
    assert refusal(Region.SINGAPORE, GOOD, host=host) == "Endpoint.AccessDenied"


def test_a_workspace_can_exist_in_one_region_only() -> None:
    accounts = Accounts(DEFAULT_KEYS, ("beijing=ws-b", "ws-1"))
    accounts.authorise(Region.BEIJING, "Bearer sk-simulator-beijing", ("ws-1",), "ws-b")

    assert (accounts.default_workspace(Region.BEIJING), accounts.default_workspace(Region.SINGAPORE)) == (
        "ws-b",
        "ws-1",
    )


def test_a_rotated_key_replaces_the_old_one_in_its_region_only() -> None:
    accounts = Accounts(DEFAULT_KEYS, ())
    accounts.rotate(Region.SINGAPORE, "sk-new")
    accounts.authorise(Region.SINGAPORE, "Bearer sk-new", ())
    accounts.authorise(Region.BEIJING, "Bearer sk-simulator-beijing", ())

    with pytest.raises(RefusalError, match="Invalid API-key"):
        accounts.authorise(Region.SINGAPORE, GOOD, ())
