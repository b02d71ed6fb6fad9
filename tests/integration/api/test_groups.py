"""Routes are loaded in groups, with the first request for one of their paths."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from functions.api import openapi
from functions.api.app import App
from functions.api.routes import resolver
from tests.integration.api.client import Api as DeployedApi
from tests.integration.api.test_scopes import ROUTES
from tools.api_reference import description
from tools.harness.lambdas import end_process
from wan_video.services.api import Api


def nothing() -> Any:
    """Return no service: routes are added without calling one."""


@pytest.fixture
def app() -> App:
    return resolver(Api(*[nothing for _ in fields(Api)]), nothing)


def added(app: App) -> Iterator[str]:
    """Yield method and path of the routes that were added, except for those that answer 405."""
    for route in (*app._static_routes, *app._dynamic_routes):
        if "_not_allowed" not in route.func.__qualname__:
            yield f"{route.method} {route.path}"


@pytest.mark.parametrize("route", ROUTES)
def test_the_first_request_for_a_path_adds_its_route(app: App, route: str) -> None:
    for ask in ROUTES[route]:
        app.load(ask.path)
        assert route in set(added(app))


@pytest.mark.parametrize("path", ["/v1/videos", "/v1/videos/", "/v1/videos/video_1", "/v1/videos/video_1/content"])
def test_a_request_for_a_video_adds_only_the_routes_of_videos(app: App, path: str) -> None:
    app.load(path)

    assert {route.split()[1].split("/")[2] for route in added(app)} == {"videos"}


@pytest.mark.parametrize("path", ["/v1", "/v1/videosets", "/v2/videos", "/v1/nothing", ""])
def test_a_path_of_no_group_adds_nothing(app: App, path: str) -> None:
    app.load(path)

    assert list(added(app)) == []


def test_a_group_is_added_once(app: App) -> None:
    app.load("/v1/videos")
    app.load("/v1/videos/video_1")
    app.load()

    routes = list(added(app))
    assert len(routes) == len(set(routes)) == len(ROUTES)


def test_the_description_of_the_api_is_complete_whatever_was_requested_before(app: App) -> None:
    app.load("/v1/webhook_endpoints")
    app.load("/v1/videos")

    document = openapi.openapi_document(app, "")
    assert document == description()
    assert list(document["paths"]) == list(description()["paths"])


def test_the_description_of_the_api_is_the_same_for_every_stack(
    api: DeployedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other tests read it only once."""
    first = api.get("/openapi.json").json
    settings = {"THUMBNAILS": "disabled", "WAN_REGIONS": "singapore,beijing", "DEFAULT_MODEL": "wan2.7-t2v"}
    limits = {"DAILY_SECONDS": "7", "RETENTION_DAYS": "9", "LINK_SECONDS": "60", "IMAGE_ORIGINS": "https://example.com"}
    for name, value in {**settings, **limits, "STARTS": "disabled", "ON_AMBIGUOUS_SUBMIT": "resend"}.items():
        assert os.environ[name] != value
        monkeypatch.setenv(name, value)
    end_process()

    assert api.get("/openapi.json").json == first


def test_a_group_is_loaded_without_looking_for_garbage(app: App) -> None:
    collecting: list[bool] = []

    app.add_group(lambda: collecting.append(gc.isenabled()), "/here")
    app.load("/here/it/is")

    assert collecting == [False]
    assert gc.isenabled()


def test_a_group_that_fails_to_load_is_loaded_again_with_the_next_request(app: App) -> None:
    answers = iter([ImportError("the first time"), None])

    def add_routes() -> None:
        error = next(answers)
        if error is not None:
            raise error

    app.add_group(add_routes, "/here")
    with pytest.raises(ImportError, match="the first time"):
        app.load("/here")
    app.load("/here")

    assert next(answers, "both were used") == "both were used"
