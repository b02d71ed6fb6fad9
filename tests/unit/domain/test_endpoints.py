"""Where Wan is: shared hosts where they exist, hosts of workspaces for the rest, and None where an id is missing."""

from __future__ import annotations

import pytest

from wan_video.domain.endpoints import ALIBABA_REGIONS, SHARED_HOSTS, WANS_OWN, Endpoints
from wan_video.domain.models import MODELS, Region

SHARED = "https://dashscope-intl.aliyuncs.com/api/v1"
WAN30, WAN26 = "wan3.0-video", "wan2.6-t2v"


def test_every_region_has_a_workspace_host_and_most_have_a_shared_one() -> None:
    assert dict(ALIBABA_REGIONS) == {
        "beijing": "cn-beijing",
        "singapore": "ap-southeast-1",
        "virginia": "us-east-1",
        "frankfurt": "eu-central-1",
        "hongkong": "cn-hongkong",
        "tokyo": "ap-northeast-1",
    }
    assert dict(SHARED_HOSTS) == {
        "beijing": "dashscope.aliyuncs.com",
        "singapore": "dashscope-intl.aliyuncs.com",
        "virginia": "dashscope-us.aliyuncs.com",
        "hongkong": "cn-hongkong.dashscope.aliyuncs.com",
    }


@pytest.mark.parametrize("workspace", ["", "ws-1"])
def test_shared_hosts_stay_the_default_where_they_have_the_model(workspace: str) -> None:
    endpoints = Endpoints(workspace=workspace)
    assert endpoints.base_url(Region.SINGAPORE, WAN26) == endpoints.base_url(Region.SINGAPORE) == SHARED
    assert endpoints.base_url(Region.BEIJING, WAN30) == "https://dashscope.aliyuncs.com/api/v1"


def test_what_a_shared_host_lacks_is_asked_for_at_the_host_of_the_workspace() -> None:
    endpoints = Endpoints.parse("", "singapore=ws-1,tokyo=ws-2")
    assert endpoints.base_url(Region.SINGAPORE, WAN30) == "https://ws-1.ap-southeast-1.maas.aliyuncs.com/api/v1"
    assert endpoints.base_url(Region.TOKYO) == "https://ws-2.ap-northeast-1.maas.aliyuncs.com/api/v1"
    assert endpoints.base_url(Region.FRANKFURT, WAN26) is None
    assert endpoints.workspace_of(Region.SINGAPORE) == "ws-1"


def test_without_a_workspace_exactly_the_models_without_a_documented_shared_host_are_out_of_reach() -> None:
    for model in MODELS.values():
        for region in model.regions:
            reached = WANS_OWN.base_url(region, model.name) is not None
            alone = region in (Region.FRANKFURT, Region.TOKYO)
            assert reached is not (alone or ("wan3.0" in model.name and region is not Region.BEIJING))
            assert Endpoints(workspace="ws-1").base_url(region, model.name) is not None


def test_one_url_replaces_both_hosts_of_a_region_and_two_replace_each_its_own() -> None:
    one = Endpoints.parse("singapore=http://a/api/v1", "")
    assert one.base_url(Region.SINGAPORE, WAN26) == one.base_url(Region.SINGAPORE, WAN30) == "http://a/api/v1"
    own = Endpoints.parse("singapore=http://{workspace}.a/api/v1", "ws-1")
    assert own.base_url(Region.SINGAPORE, WAN26) == own.base_url(Region.SINGAPORE, WAN30) == "http://ws-1.a/api/v1"
    both = Endpoints.parse("singapore=http://a/api/v1,singapore=http://{workspace}.a/api/v1", "ws-1")
    assert both.base_url(Region.SINGAPORE, WAN26) == both.base_url(Region.SINGAPORE) == "http://a/api/v1"
    assert both.base_url(Region.SINGAPORE, WAN30) == "http://ws-1.a/api/v1"
    assert Endpoints.parse("singapore=http://{workspace}.a/api/v1", "").base_url(Region.SINGAPORE, WAN26) is None


@pytest.mark.parametrize(
    ("urls", "workspaces"),
    [("mars=http://a", ""), ("http://a", ""), ("", "a b"), ("", "mars=a"), ("", "singapore=a,b")],
)
def test_anything_else_is_refused(urls: str, workspaces: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Endpoints.parse(urls, workspaces)
