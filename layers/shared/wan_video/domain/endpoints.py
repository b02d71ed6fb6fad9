"""The hosts of Wan in each region, and those that a stack can reach.

A region has a host that all workspaces share, or a separate host for each workspace, or both. Shared hosts are the
default. What Wan documents only on workspace hosts is requested there if the stack knows the workspace.
Source: Model Studio, "Regions and access domains" (H in docs/wan-api.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from wan_video.domain.models import MODELS, Region

SHARED_HOSTS: Final[Mapping[Region, str]] = MappingProxyType(
    {
        Region.BEIJING: "dashscope.aliyuncs.com",
        Region.SINGAPORE: "dashscope-intl.aliyuncs.com",
        # Other pages of Wan list this host, but this one does not.
        Region.VIRGINIA: "dashscope-us.aliyuncs.com",
        # S: the SDK's own default for the region, and the page that lists models.
        Region.HONGKONG: "cn-hongkong.dashscope.aliyuncs.com",
    }
)
"""The hosts that accept a key of any workspace of their region."""

ALIBABA_REGIONS: Final[Mapping[Region, str]] = MappingProxyType(
    {
        Region.BEIJING: "cn-beijing",
        Region.SINGAPORE: "ap-southeast-1",
        Region.VIRGINIA: "us-east-1",
        Region.FRANKFURT: "eu-central-1",
        Region.HONGKONG: "cn-hongkong",
        Region.TOKYO: "ap-northeast-1",
    }
)
"""Alibaba Cloud's names of the regions, which are part of the names of workspace hosts."""

_WORKSPACE: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_ID: Final = "{workspace}"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The base URLs that a stack can use; each ends in `/api/v1`.

    `shared` and `own` replace Wan's shared hosts and workspace hosts; the latter contain `{workspace}`. A region that
    has only one of them uses it for everything. `workspaces` contains the ids of workspaces by region, and `workspace`
    is that of every other region; it is empty if there is no workspace.
    """

    shared: Mapping[Region, str] = field(default_factory=dict)
    own: Mapping[Region, str] = field(default_factory=dict)
    workspaces: Mapping[Region, str] = field(default_factory=dict)
    workspace: str = ""

    @classmethod
    def parse(cls, urls: str, workspaces: str) -> Endpoints:
        """Read `region=url,...`, and one workspace id or `region=id,...`. Raises ValueError for anything else."""
        one = "" if "=" in workspaces else workspaces.strip()
        by_region = {} if one else {Region(region): workspace for region, workspace in _pairs(workspaces)}
        for workspace in filter(None, (one, *by_region.values())):
            if not _WORKSPACE.fullmatch(workspace):
                raise ValueError(f"not a workspace id: {workspace!r}")
        replaced = [(Region(region), url) for region, url in _pairs(urls)]
        shared = {region: url for region, url in replaced if _ID not in url}
        own = {region: url for region, url in replaced if _ID in url}
        return cls(shared, own, by_region, one)

    def base_url(self, region: Region, model: str | None = None) -> str | None:
        """Return the base URL for a model, or by default for tasks; None if the stack would need a workspace id."""
        shared, own = self._urls(region)
        known = MODELS.get(model or "")
        offer = known.regions.get(region) if known is not None else None
        if shared is not None and (own is None or offer is None or offer.shared_host):
            return shared
        return self._of_workspace(region, own)

    def account_url(self, region: Region) -> str | None:
        """Return the base URL for quotas and models; None if the stack would need a workspace id.

        Wan documents its quota API on workspace hosts only. Without a workspace id, the shared host is used.
        """
        shared, own = self._urls(region)
        return self._of_workspace(region, own) or shared

    def _urls(self, region: Region) -> tuple[str | None, str | None]:
        """Return the base URL of the shared host, and that of workspaces with a placeholder for the id."""
        shared, own = self.shared.get(region), self.own.get(region)
        if shared is None and own is None:
            return _shared_url(region), f"https://{_ID}.{ALIBABA_REGIONS[region]}.maas.aliyuncs.com/api/v1"
        return shared, own

    def _of_workspace(self, region: Region, url: str | None) -> str | None:
        workspace = self.workspace_of(region)
        return url.replace(_ID, workspace) if url is not None and workspace else None

    def workspace_of(self, region: Region) -> str:
        """Return the id of the workspace in a region; empty if there is none."""
        return self.workspaces.get(region, self.workspace)


def _shared_url(region: Region) -> str | None:
    return f"https://{SHARED_HOSTS[region]}/api/v1" if region in SHARED_HOSTS else None


WANS_OWN: Final = Endpoints()
"""Wan's shared hosts, for a stack without a workspace."""


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the pairs of `name=value,...`. Raises ValueError."""
    parts = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    if not all(equals for _, equals, _ in parts):
        raise ValueError(f"not name=value,...: {text!r}")
    return [(name, value) for name, _, value in parts]
