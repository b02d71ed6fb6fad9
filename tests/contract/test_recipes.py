"""docs/recipes.md and docs/tutorial.md keep their promises, as far as this can be tested without AWS."""

from __future__ import annotations

import base64
import datetime
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tools import rights
from tools.readme import commands, snippet
from tools.template import Json, of_type
from wan_video_local.quote import quote
from wan_video_local.stack import PROJECT

RECIPES = (PROJECT / "docs" / "recipes.md").read_text(encoding="utf-8")
TUTORIAL = PROJECT / "docs" / "tutorial.md"
EVENT = {"id": "evt_1", "type": "video.completed"}
CERTIFICATE = "https://sns.eu-central-1.amazonaws.com/key.pem"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Receiver = tuple[Callable[[str], Any], list[str]]


def certificate() -> bytes:
    """The certificate that SNS signs with, as `SigningCertURL` serves it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 1, now, now + datetime.timedelta(days=365))
    return builder.sign(KEY, SHA256()).public_bytes(serialization.Encoding.PEM)


def message(kind: str, **more: str) -> dict[str, str]:
    """Return a message as SNS sends and signs it."""
    fields = {"Type": kind, "MessageId": "1", "TopicArn": "<TopicArn>", "Timestamp": "2026-11-22T21:00:00.000Z", **more}
    signed = "".join(f"{name}\n{fields[name]}\n" for name in sorted(fields))
    signature = base64.b64encode(KEY.sign(signed.encode(), PKCS1v15(), SHA256())).decode()
    return {**fields, "SignatureVersion": "2", "Signature": signature, "SigningCertURL": CERTIFICATE}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """The recipe's function, and a list of the addresses that it fetches."""
    scope: dict[str, Any] = {}
    exec(snippet("docs/recipes.md", "python receiver"), scope)
    fetched: list[str] = []

    class Page:
        def __init__(self, url: str, timeout: float) -> None:
            fetched.append(url)

        def read(self) -> bytes:
            return certificate()

    monkeypatch.setattr("urllib.request.urlopen", Page)
    return scope["receive"], fetched


def test_the_receiver_returns_the_event_of_a_signed_message(receiver: Receiver) -> None:
    receive, _ = receiver
    assert receive(json.dumps(message("Notification", Message=json.dumps(EVENT)))) == EVENT


def test_the_receiver_confirms_a_subscription_by_its_link(receiver: Receiver) -> None:
    receive, fetched = receiver
    link = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription"
    body = message("SubscriptionConfirmation", Message="Confirm it.", Token="t", SubscribeURL=link)
    assert receive(json.dumps(body)) is None
    assert fetched == [CERTIFICATE, link]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"Message": '{"id": "evt_2"}'}, InvalidSignature),
        ({"SigningCertURL": "https://sns.eu-central-1.amazonaws.com.example.com/key.pem"}, ValueError),
        ({"TopicArn": "arn:aws:sns:eu-central-1:123456789012:another"}, ValueError),
        ({"SignatureVersion": "1"}, ValueError),
    ],
)
def test_the_receiver_refuses_messages_of_anyone_else(
    receiver: Receiver, change: dict[str, str], error: type[Exception]
) -> None:
    receive, _ = receiver
    with pytest.raises(error):
        receive(json.dumps(message("Notification", Message=json.dumps(EVENT)) | change))


def test_the_topic_signs_as_the_receiver_expects(template: Json) -> None:
    (topic,) = of_type(template, "AWS::SNS::Topic").values()
    assert topic["SignatureVersion"] == "2"


def test_the_key_policy_is_json_and_allows_the_logs() -> None:
    administrators, logs = json.loads(snippet("docs/recipes.md", "json key-policy"))["Statement"]
    assert administrators["Action"] == "kms:*"
    assert logs["Principal"]["Service"].startswith("logs.")


def test_the_alias_of_a_domain_is_a_valid_change_of_route_53() -> None:
    batch = json.loads(snippet("docs/recipes.md", "json alias"))
    shape = Session().get_service_model("route53").operation_model("ChangeResourceRecordSets").input_shape
    assert shape is not None
    assert not ParamValidator().validate(batch, shape.members["ChangeBatch"]).has_errors()


@pytest.mark.parametrize(
    ("endpoint", "service"),
    [("s3", "s3"), ("secretsmanager", "secretsmanager"), ("states", "states"), ("sns", "sns"), ("sqs", "sqs")],
)
def test_the_functions_that_need_an_endpoint_have_rights_to_its_service(endpoint: str, service: str) -> None:
    (needed_by,) = re.findall(rf"^\| (.*) \| (?:gateway|interface) endpoint `{endpoint}`", RECIPES, re.MULTILINE)
    using = {
        word for word, used in rights.listed().items() if any(one.action.startswith(f"{service}:") for one in used)
    }
    assert set(re.findall(r"`(\w+)`", needed_by)) == using


def test_the_tutorials_price_is_the_one_of_its_request() -> None:
    *_, paid = commands("wan-video generate", aws=True, page=TUTORIAL)
    words = paid.split()
    request = {"prompt": "a fox", "model": words[words.index("--model") + 1], "size": words[words.index("--size") + 1]}
    estimate = quote(PROJECT / "template.yaml", request, ["singapore"])
    assert estimate.price is not None
    assert f"{estimate.price:.2f} {estimate.currency}" in TUTORIAL.read_text(encoding="utf-8")
    assert Decimal(words[words.index("--max-price") + 1]) > estimate.price
