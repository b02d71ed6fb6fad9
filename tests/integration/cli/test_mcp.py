"""`wan-video mcp` with the official client: what an agent can request, and what happens when it repeats a request."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeVar

import pytest
from mcp import Client, MCPError
from mcp_types import BlobResourceContents, CallToolResult, ResourceLink, TextContent

from tests.integration.cli.conftest import Cli
from tests.integration.cli.served import FILM, TOKEN, Served
from wan_video.domain.names import video_key
from wan_video_cli import mcp_server, options
from wan_video_cli.errors import ExitCode
from wan_video_cli.mcp_server import build, key_of, read_at_most

Answer = TypeVar("Answer")

FOX = {"prompt": "a fox reads", "size": "832x480", "model": "wan2.5-t2v-preview", "seconds": 5}


def with_client(work: Callable[[Client], Awaitable[Answer]]) -> Answer:
    """Run a function with a client that is connected to the server."""

    async def connected() -> Answer | MCPError:
        async with Client(build(lambda: options.open_api(None, None), "test")) as client:
            try:
                return await work(client)
            except MCPError as error:  # raised below, outside of the client's task group
                return error

    answer = asyncio.run(connected())
    if isinstance(answer, MCPError):
        raise answer
    return answer


def call(tool: str, **arguments: Any) -> CallToolResult:
    result = with_client(lambda client: client.call_tool(tool, arguments))
    assert TOKEN not in result.model_dump_json()
    assert "CANARY-LINK" not in result.model_dump_json()
    return result


def good(tool: str, **arguments: Any) -> dict[str, Any]:
    """Return the document of a call that must succeed; its text must be the same."""
    result = call(tool, **arguments)
    assert not result.is_error, result
    text = result.content[0]
    assert isinstance(text, TextContent)
    document: dict[str, Any] = result.structured_content
    assert json.loads(text.text) == document
    return document


def refusal(tool: str, **arguments: Any) -> str:
    """Return the message of a call that must be refused."""
    result = call(tool, **arguments)
    assert result.is_error, result
    text = result.content[0]
    assert isinstance(text, TextContent)
    return text.text


def test_the_server_lists_its_tools_and_says_which_only_read(api: Served) -> None:
    listed = with_client(lambda client: client.list_tools()).tools
    reads = {tool.name: bool(tool.annotations and tool.annotations.read_only_hint) for tool in listed}
    assert reads == {
        "generate_video": False, "get_video": True, "list_videos": True, "cancel_video": False, "usage": True,
    }  # fmt: skip
    for tool in listed:
        assert tool.description
        for name, schema in tool.input_schema["properties"].items():
            assert schema.get("description"), (tool.name, name)


def test_without_a_max_price_the_price_is_returned_and_nothing_is_made(api: Served) -> None:
    quote = good("generate_video", **FOX)
    assert quote["made"] is False
    assert "max_price" in quote["next"]
    assert float(quote["estimate"]["price"]) > 0
    assert good("list_videos")["data"] == []


def test_with_a_max_price_the_video_is_queued_at_once(api: Served) -> None:
    video = good("generate_video", **FOX, max_price="5")
    assert (video["status"], video["prompt"]) == ("queued", "a fox reads")
    assert [one["id"] for one in good("list_videos")["data"]] == [video["id"]]


def test_a_price_above_max_price_makes_nothing(api: Served) -> None:
    assert "above your max_price" in refusal("generate_video", **FOX, max_price="0.01")
    assert good("list_videos")["data"] == []


def test_the_same_call_is_one_video_and_another_take_is_a_second_one(api: Served) -> None:
    first = good("generate_video", **FOX, max_price="5")
    again = good("generate_video", **dict(reversed(FOX.items())), max_price="5", take=1)
    other = good("generate_video", **FOX, max_price="5", take=2)
    assert again["id"] == first["id"] != other["id"]
    assert len(good("list_videos")["data"]) == 2


def test_the_same_arguments_with_another_max_price_do_not_make_a_second_video(api: Served) -> None:
    good("generate_video", **FOX, max_price="5")
    assert "take=2" in refusal("generate_video", **FOX, max_price="6")
    assert len(good("list_videos")["data"]) == 1


def test_a_call_whose_answer_is_lost_each_time_makes_one_video_when_it_is_repeated(api: Served) -> None:
    def cut(handler: BaseHTTPRequestHandler, answer: bytes) -> bool:
        return True

    api.mishaps.extend([cut] * 3)
    assert "may or may not have arrived" in refusal("generate_video", **FOX, max_price="5")
    video = good("generate_video", **FOX, max_price="5")
    assert [one["id"] for one in good("list_videos")["data"]] == [video["id"]]
    assert len(set(api.key_headers())) == 1


def test_a_video_is_read_until_it_ends_and_links_to_its_content(api: Served) -> None:
    made = good("generate_video", **FOX, max_price="5")
    assert good("get_video", video_id=made["id"])["poll_after_seconds"] > 0
    api.start()
    api.complete()
    result = call("get_video", video_id=made["id"])
    link = result.content[1]
    assert isinstance(link, ResourceLink)
    assert (link.name, link.mime_type) == (f"{made['id']}.mp4", "video/mp4")
    read = with_client(lambda client: client.read_resource(link.uri)).contents[0]
    assert isinstance(read, BlobResourceContents)
    assert base64.b64decode(read.blob) == FILM


def test_a_video_that_is_too_large_to_read_names_the_command_that_saves_it(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = good("generate_video", **FOX, max_price="5")
    api.start()
    api.complete()
    monkeypatch.setattr(mcp_server, "READ_BYTES", len(FILM) - 1)
    uri = f"wan-video://videos/{made['id']}/content"
    with pytest.raises(MCPError, match=f"`wan-video download {made['id']}`"):
        with_client(lambda client: client.read_resource(uri))


@pytest.mark.parametrize(("content", "problem"), [(FILM + b"!", "more than the"), (FILM[:-1], "connection")])
def test_a_file_of_another_length_than_that_of_the_video_is_refused(api: Served, content: bytes, problem: str) -> None:
    made = good("generate_video", **FOX, max_price="5")
    api.start()
    api.complete()
    api.files[video_key(made["id"])] = content
    uri = f"wan-video://videos/{made['id']}/content"
    with pytest.raises(MCPError, match=problem):
        with_client(lambda client: client.read_resource(uri))


def test_reading_ends_with_the_first_byte_too_many() -> None:
    chunks = iter([b"a film", b", and", b" more", b" and more"])
    assert read_at_most(chunks, 11) is None
    assert list(chunks) == [b" and more"]
    assert read_at_most([b"a film", b", and"], 11) == b"a film, and"
    assert read_at_most([], 11) == b""


def test_the_content_of_a_waiting_video_is_refused_with_its_reason(api: Served) -> None:
    made = good("generate_video", **FOX, max_price="5")
    uri = f"wan-video://videos/{made['id']}/content"
    with pytest.raises(MCPError, match="wan-video wait"):
        with_client(lambda client: client.read_resource(uri))


def test_a_waiting_video_is_cancelled(api: Served) -> None:
    made = good("generate_video", **FOX, max_price="5")
    assert good("cancel_video", video_id=made["id"])["status"] == "cancelled"
    assert good("usage")["object"] == "usage"


def test_wrong_arguments_are_refused_with_the_valid_ones(api: Served) -> None:
    assert "is not the id of a video" in refusal("get_video", video_id="../tokens")
    assert "limit" in refusal("list_videos", limit=0)
    assert "status" in refusal("list_videos", status="done")
    assert "take" in refusal("generate_video", **FOX, max_price="5", take=0)
    assert "model" in refusal("generate_video", prompt="a fox", model="wan9")


def test_the_key_depends_on_account_arguments_and_take() -> None:
    key = key_of("home", FOX, 1)
    assert key == key_of("home", dict(reversed(FOX.items())), 1)
    assert len({key, key_of("work", FOX, 1), key_of("home", FOX, 2), key_of("home", {**FOX, "seconds": 6}, 1)}) == 4
    assert "fox" not in key


def test_without_the_extra_the_command_says_how_to_install_it(
    api: Served, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "wan_video_cli.mcp_server")
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    run = cli("mcp")
    assert run.code == ExitCode.NOT_USABLE
    assert "The package `mcp` is not installed." in run.err


def test_a_wrong_setting_is_reported_before_the_agents_first_call(home: object, cli: Cli) -> None:
    run = cli("mcp")
    assert run.code == ExitCode.NOT_USABLE
    assert "wan-video login" in run.err
