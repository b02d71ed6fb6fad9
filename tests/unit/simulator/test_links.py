"""Signed links: what they open, for how long, and how they are refused."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from wan_simulator.links import LinkError, Signer
from wan_simulator.orders import parse_order
from wan_simulator.tasks import Task
from wan_video.domain.models import Region

ENDED = 1_780_000_000.0
DAY = 86_400.0
SIGNER = Signer("http://127.0.0.1:9", "LTAISimulator", b"secret")


def opened(link: str, method: str = "GET", now: float = ENDED, changes: dict[str, str] | None = None) -> None:
    parts = urlsplit(link)
    query = dict(parse_qsl(parts.query)) | (changes or {})
    SIGNER.check(method, parts.path.removeprefix("/"), {name: value for name, value in query.items() if value}, now)


@pytest.fixture
def link() -> str:
    order = parse_order({"model": "wan2.6-t2v", "input": {"prompt": "a fox"}}, Region.SINGAPORE)
    task = Task("3f2b", Region.SINGAPORE, order, seed=1, submitted_at=ENDED - 60)
    task.ended_at = ENDED
    return SIGNER.link(task)


def test_a_link_has_the_form_of_wans_links(link: str) -> None:
    assert urlsplit(link).path.endswith("/3f2b.mp4")
    assert [name for name, _ in parse_qsl(urlsplit(link).query)] == ["Expires", "OSSAccessKeyId", "Signature"]


def test_a_link_opens_its_video_until_a_day_after_the_tasks_end(link: str) -> None:
    opened(link, now=ENDED + DAY)

    with pytest.raises(LinkError, match="Request has expired") as caught:
        opened(link, now=ENDED + DAY + 1)

    assert (caught.value.status, caught.value.code) == (403, "AccessDenied")


@pytest.mark.parametrize("changes", [{"Expires": "1999999999"}, {"Signature": "AAAA"}])
def test_a_changed_link_has_a_wrong_signature(link: str, changes: dict[str, str]) -> None:
    with pytest.raises(LinkError) as caught:
        opened(link, changes=changes)

    assert (caught.value.status, caught.value.code) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("missing", ["Expires", "OSSAccessKeyId", "Signature"])
def test_an_incomplete_link_opens_nothing(link: str, missing: str) -> None:
    with pytest.raises(LinkError) as caught:
        opened(link, changes={missing: ""})

    assert (caught.value.status, caught.value.code) == (403, "AccessDenied")


def test_a_link_for_get_does_not_serve_head(link: str) -> None:
    with pytest.raises(LinkError) as caught:
        opened(link, method="HEAD")

    assert caught.value.code == "SignatureDoesNotMatch"
