"""Uploaded files: what a policy accepts, and for whom and how long they exist."""

from __future__ import annotations

import pytest

from wan_simulator.links import LinkError
from wan_simulator.uploads import Uploads
from wan_video.domain.models import Region

NOW = 1_780_000_000.0
MODEL = "wan2.6-t2v"


def form(uploads: Uploads, **changes: str) -> dict[str, str]:
    policy = uploads.policy(Region.SINGAPORE, MODEL, NOW, name="u-1")
    return {
        "OSSAccessKeyId": policy["oss_access_key_id"],
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": f"{policy['upload_dir']}/voice.wav",
        **changes,
    }


@pytest.fixture
def uploads() -> Uploads:
    return Uploads("http://127.0.0.1:9", "LTAISimulator", b"secret")


def test_an_uploaded_file_is_found_by_its_oss_url(uploads: Uploads) -> None:
    given = form(uploads)
    uploads.receive(given, b"sound", NOW)

    assert uploads.find(f"oss://{given['key']}", Region.SINGAPORE, MODEL, NOW) == b"sound"


def test_a_file_belongs_to_the_account_and_the_model_of_its_policy(uploads: Uploads) -> None:
    given = form(uploads)
    uploads.receive(given, b"sound", NOW)

    assert uploads.find(f"oss://{given['key']}", Region.BEIJING, MODEL, NOW) is None
    assert uploads.find(f"oss://{given['key']}", Region.SINGAPORE, "wan2.7-t2v", NOW) is None


def test_a_file_exists_for_two_days(uploads: Uploads) -> None:
    given = form(uploads)
    uploads.receive(given, b"sound", NOW)
    two_days = 48 * 3600

    assert uploads.find(f"oss://{given['key']}", Region.SINGAPORE, MODEL, NOW + two_days) is not None
    assert uploads.find(f"oss://{given['key']}", Region.SINGAPORE, MODEL, NOW + two_days + 1) is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"OSSAccessKeyId": "LTAIOther"}, "InvalidAccessKeyId"),
        ({"Signature": "AAAA"}, "SignatureDoesNotMatch"),
        ({"policy": "e30="}, "SignatureDoesNotMatch"),
        ({"key": "dashscope-instant/elsewhere/voice.wav"}, "AccessDenied"),
    ],
)
def test_a_form_that_its_policy_does_not_cover_is_refused(uploads: Uploads, changes: dict[str, str], code: str) -> None:
    with pytest.raises(LinkError) as caught:
        uploads.receive(form(uploads, **changes), b"sound", NOW)

    assert (caught.value.status, caught.value.code) == (403, code)


def test_a_policy_ends_after_five_minutes(uploads: Uploads) -> None:
    with pytest.raises(LinkError, match="Policy expired"):
        uploads.receive(form(uploads), b"sound", NOW + 301)


def test_a_file_is_never_overwritten(uploads: Uploads) -> None:
    given = form(uploads)
    uploads.receive(given, b"sound", NOW)

    with pytest.raises(LinkError) as caught:
        uploads.receive(given, b"other", NOW)

    assert (caught.value.status, caught.value.code) == (409, "FileAlreadyExists")
