"""Wan's quota API and its list of models: which numbers count, and that only a whole list does."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from wan_video.adapters.wan import quotas
from wan_video.adapters.wan.quotas import MAX_PAGES, read_quota, read_retirements
from wan_video.domain.quota import LimitSource, Quota
from wan_video.errors import WanRefused, WanUnavailable

MODEL = "wan2.6-t2v"
ACCOUNT, WORKSPACE = LimitSource.ACCOUNT, LimitSource.WORKSPACE


def limits(running: Any, waiting: Any = None) -> dict[str, Any]:
    """The limits of an account or a workspace, with every documented member."""
    return {
        "request_limit": 5,
        "request_limit_period": 1,
        "usage_limit": None,
        "usage_limit_field": None,
        "usage_limit_period": None,
        "async_user_queue_limit": waiting,
        "async_user_concurrency_limit": running,
    }


def entry(account: Any, own: Any = None, **stated: Any) -> dict[str, Any]:
    """One entry of the list of quotas."""
    return {"model": MODEL, "workspace_id": "ws-1", "model_limit": account, "workspace_limit": own, **stated}


class Wan:
    """A Wan that serves one list at one path, page by page, and answers 404 elsewhere."""

    def __init__(self, name: str, items: list[Any], path: str, size: int = 10, **stated: Any) -> None:
        self.name, self.items, self.path, self.size, self.stated = name, items, path, size, stated
        self.asked: list[str] = []
        self.queries: list[dict[str, str]] = []

    def __call__(self, address: str) -> dict[str, Any]:
        self.asked.append(urlsplit(address).path)
        self.queries.append({name: value for name, (value,) in parse_qs(urlsplit(address).query).items()})
        if self.asked[-1] != self.path:
            raise WanRefused("NotFound", "", status=404)
        number = int(self.queries[-1]["page_no"])
        first = (number - 1) * self.size
        listed = self.items[first : first + self.size]
        page = {"total": len(self.items), "page_no": number, "page_size": self.size, self.name: listed}
        return {"request_id": "r", "output": {**page, **self.stated}}


def quota_of(*entries: Any, workspace: str = "", path: str = "/quotas") -> Quota | None:
    return read_quota(Wan("quotas", list(entries), path), MODEL, workspace)


@pytest.mark.parametrize(
    ("account", "own", "expected"),
    [
        (limits(5, 50), None, Quota(5, 50, ACCOUNT)),
        (limits(20, 50), limits(3, 10), Quota(3, 10, WORKSPACE)),
        (limits(3, 10), limits(20, 50), Quota(3, 10, ACCOUNT)),
        (limits(5, 10), limits(5, 50), Quota(5, 10, ACCOUNT)),
        (limits(5, 10), limits(None, None), Quota(5, 10, ACCOUNT)),
        (limits(None, 10), limits(4, None), Quota(4, 10, WORKSPACE)),
        (limits(None, None), limits(None, None), Quota(None, None, ACCOUNT)),
        (None, limits(4), Quota(4, None, WORKSPACE)),
        (None, None, Quota(None, None, ACCOUNT)),
        ({}, {}, Quota(None, None, ACCOUNT)),
        (limits(0, 0), None, Quota(0, 0, ACCOUNT)),
    ],
    ids=str,
)
def test_the_smaller_of_account_and_workspace_counts_and_every_member_may_be_null(
    account: Any, own: Any, expected: Quota
) -> None:
    assert quota_of(entry(account, own)) == expected


@pytest.mark.parametrize("odd", ["5", 5.0, -1, True, [5], {"value": 5}], ids=str)
def test_what_is_no_number_of_tasks_states_nothing(odd: object) -> None:
    assert quota_of(entry(limits(odd, odd))) == Quota()


def test_a_model_that_is_not_listed_has_no_quota() -> None:
    assert quota_of() is None
    assert quota_of(entry(limits(5), model="wan2.6-t2v-us"), "noise", None) is None


def test_the_other_path_is_asked_where_the_first_is_not_there() -> None:
    wan = Wan("quotas", [entry(limits(7))], "/models/limits")
    assert read_quota(wan, MODEL, "") == Quota(7)
    assert wan.asked == ["/quotas", "/models/limits"]
    assert {query["model"] for query in wan.queries} == {MODEL}


def test_where_neither_path_is_there_the_reading_fails() -> None:
    with pytest.raises(WanRefused):
        quota_of(path="/nowhere")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_another_refusal_is_not_taken_for_a_missing_path(status: int) -> None:
    asked = []

    def refuse(address: str) -> dict[str, Any]:
        asked.append(address)
        raise WanRefused("AccessDenied", "", status=status)

    with pytest.raises(WanRefused):
        read_quota(refuse, MODEL, "")
    assert len(asked) == 1


def test_of_several_workspaces_ours_counts() -> None:
    entries = [
        entry(limits(20), limits(9), workspace_id="ws-1"),
        entry(limits(20), limits(3), workspace_id="ws-2"),
        entry(limits(20), None, workspace_id="ws-3"),
    ]
    assert quota_of(*entries, workspace="ws-1") == Quota(9, None, WORKSPACE)
    assert quota_of(*entries, workspace="ws-3") == Quota(20, None, ACCOUNT)


@pytest.mark.parametrize("workspace", ["", "ws-9"])
def test_where_ours_is_not_known_the_smallest_counts(workspace: str) -> None:
    entries = [entry(limits(20), limits(count), workspace_id=f"ws-{count}") for count in (8, 3)]
    assert quota_of(*entries, workspace=workspace) == Quota(3, None, WORKSPACE)


def test_every_page_of_the_quotas_is_read() -> None:
    entries = [entry(limits(20), limits(30 - number)) for number in range(25)]
    wan = Wan("quotas", entries, "/models/limits")
    assert read_quota(wan, MODEL, "") == Quota(6, None, WORKSPACE)
    assert wan.asked == ["/quotas", *["/models/limits"] * 3]


# --- retirements -----------------------------------------------------------------------------------------------------


def test_every_listed_model_is_named_with_its_retirement() -> None:
    models = [
        {"model": "wan2.6-t2v", "inference_offline_info": {"offline_time": "2026-12-31 00:00:00"}},
        {"model": "wan2.7-t2v", "inference_offline_info": {"offline_time": None}},
        {"model": "wan2.5-t2v-preview", "inference_offline_info": None},
        {"model": "wan2.2-t2v-plus"},
        {"model": "qwen-max", "inference_offline_info": {"offline_time": "soon"}},
        {"model": None, "inference_offline_info": {"offline_time": "2026-12-31 00:00:00"}},
        "noise",
    ]
    wan = Wan("models", models, "/models", size=3)
    assert read_retirements(wan) == {
        "wan2.6-t2v": 1_798_646_400,  # midnight in UTC+8, which is the afternoon before in UTC
        "wan2.7-t2v": None,
        "wan2.5-t2v-preview": None,
        "wan2.2-t2v-plus": None,
        "qwen-max": None,
    }
    assert [query["page_no"] for query in wan.queries] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ({}, "ListUnclear"),
        ({"models": None, "total": 0}, "ListUnclear"),
        ({"models": {}, "total": 0}, "ListUnclear"),
        ([], "ListUnclear"),
        (None, "ListUnclear"),
        ({"models": [], "total": 3}, "ListChanged"),
        ({"models": [{"model": "a"}], "total": 10**6}, "ListTooLong"),
    ],
    ids=str,
)
def test_a_list_that_cannot_be_read_whole_is_an_error(output: Any, code: str) -> None:
    asked = []

    def answer(address: str) -> dict[str, Any]:
        asked.append(address)
        return {"output": output}

    with pytest.raises(WanUnavailable) as caught:
        read_retirements(answer)
    assert caught.value.code == code
    assert len(asked) <= MAX_PAGES


def test_no_further_page_is_asked_for_once_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "LIST_SECONDS", -1.0)
    wan = Wan("models", [{"model": str(number)} for number in range(40)], "/models")
    with pytest.raises(WanUnavailable):
        read_retirements(wan)
    assert len(wan.asked) == 1


def test_a_list_without_a_total_is_the_page_that_came() -> None:
    assert read_retirements(Wan("models", [{"model": "a"}], "/models", total=None)) == {"a": None}
