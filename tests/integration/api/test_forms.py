"""Multipart bodies, as the `openai` SDK sends them even without a file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress

import httpx2
import openai
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.integration.api.client import Answer, Api, assert_problem
from tools.harness.lambdas import event
from wan_video.errors import InvalidRequest
from wan_video.wire.multipart import from_text, read_multipart

BOUNDARY = "d4c3b2a1"

NESTED = f"""--{BOUNDARY}
Content-Disposition: form-data; name="prompt"
Content-Type: multipart/mixed; boundary=x

--x

a fox
--x--
--{BOUNDARY}--
""".replace("\n", "\r\n")

PIECES = (
    b"--b",
    b"--",
    b"\r\n",
    b"\n",
    b"Content-Disposition: form-data",
    b'; name="prompt"',
    b'; name="metadata[a]"',
    b"; filename=a",
    b"Content-Type: text/plain",
    b"Content-Length: 3",
    b" ",
    b"a fox",
    b"\xff",
)

Field = tuple[str, str]


def form(*fields: Field, end: str = "--") -> str:
    """Return a body as httpx writes it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields
    ]
    return "".join(parts) + f"--{BOUNDARY}{end}\r\n"


def post(api: Api, body: str, content_type: str = f"multipart/form-data; boundary={BOUNDARY}") -> Answer:
    return api.post(body, {"Content-Type": content_type})


def test_a_form_makes_the_same_request_as_json(api: Api) -> None:
    fields = [
        ("prompt", "狐 reads\r\na case file"),
        ("seconds", "10"),
        ("size", "720x1280"),
        ("model", "wan2.6-t2v"),
        ("watermark", "true"),
        ("prompt_extend", "false"),
        ("seed", "7"),
        ("max_price", "99.5"),
        ("metadata[case]", "7"),
        ("metadata[by]", "me"),
    ]
    answer = post(api, form(*fields))
    video = answer.json
    assert answer.status == 202
    assert (video["prompt"], video["seconds"], video["size"]) == ("狐 reads\r\na case file", "10", "720x1280")
    assert (video["watermark"], video["prompt_extend"], video["seed"]) == (True, False, 7)
    assert video["metadata"] == {"case": "7", "by": "me"}


def test_an_empty_form_lacks_its_prompt(api: Api) -> None:
    assert_problem(post(api, f"--{BOUNDARY}--\r\n"), 400, "invalid_request")


@pytest.mark.parametrize("quoted", ['"d4c3b2a1"', "d4c3b2a1; charset=utf-8"])
def test_a_boundary_may_be_quoted_and_followed_by_parameters(api: Api, quoted: str) -> None:
    assert post(api, form(("prompt", "a fox")), f"Multipart/Form-Data; boundary={quoted}").status == 202


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("prompt", "a"), ("watermark", "yes")], "watermark"),
        ([("prompt", "a"), ("watermark", "1")], "watermark"),
        ([("prompt", "a"), ("seed", "1.5")], "seed"),
        ([("prompt", "a"), ("seed", "true")], "seed"),
        ([("prompt", "a"), ("seed", "")], "seed"),
        ([("prompt", "a"), ("seed", "NaN")], "seed"),
        ([("prompt", "a"), ("seed", "9" * 5000)], "seed"),
        ([("prompt", "a"), ("watermark", "[" * 30_000)], "watermark"),
        ([("prompt", "a"), ("seconds", "five")], "seconds"),
        ([("prompt", "a"), ("promt", "b")], "promt"),
        ([("prompt", "a"), ("max_price", "much")], "max_price"),
        ([("prompt", "a"), ("prompt", "b")], "prompt"),
        ([("prompt", "a"), ("metadata[k]", "1"), ("metadata[k]", "2")], "metadata[k]"),
        ([("prompt", "a"), ("metadata", "x")], "metadata"),
        ([("prompt", "a"), ("metadata", "x"), ("metadata[k]", "1")], "metadata[k]"),
        ([("prompt", "a"), ("metadata[]", "x")], "metadata[]"),
        ([("prompt[x]", "a")], "prompt"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_invalid_field_is_a_400_that_names_it(api: Api, fields: Sequence[Field], param: str) -> None:
    answer = post(api, form(*fields))
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["error"]["param"] == param
    assert api.stored == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        form(("prompt", "a fox"), end=""),
        form(("prompt", "a fox"))[:-10],
        form(("prompt", "a fox")).replace(BOUNDARY, "other"),
        f"--{BOUNDARY}\r\nno header\r\n--{BOUNDARY}--\r\n",
        f"--{BOUNDARY}\r\n\r\na fox\r\n--{BOUNDARY}--\r\n",
        NESTED,
    ],
    ids=range(8),
)
def test_a_body_that_is_not_a_form_is_a_400(api: Api, body: str) -> None:
    assert_problem(post(api, body), 400, "invalid_request")
    assert api.stored == 0


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=other", '; boundary="'])
def test_an_invalid_boundary_is_a_400(api: Api, boundary: str) -> None:
    assert_problem(post(api, form(("prompt", "a fox")), f"multipart/form-data{boundary}"), 400, "invalid_request")


def test_a_file_is_refused_with_an_alternative(api: Api) -> None:
    head = 'Content-Disposition: form-data; name="audio_url"; filename="fox.wav"\r\nContent-Type: audio/wav'
    answer = post(api, f"--{BOUNDARY}\r\n{head}\r\n\r\nPNG\r\n" + form(("prompt", "a fox")))
    assert_problem(answer, 400, "invalid_request")
    assert (answer.json["error"]["param"], "as a link" in answer.json["detail"]) == ("audio_url", True)


def test_a_form_has_the_same_size_limit_as_json(api: Api) -> None:
    assert_problem(post(api, form(("prompt", "a" * 256 * 1024))), 413, "body_too_large")


def test_a_form_can_have_a_key_as_json_can(api: Api) -> None:
    def once(*fields: Field) -> Answer:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Idempotency-Key": "k"}
        return api.post(form(*fields), headers)

    ids = [once(("prompt", "a fox"), ("seed", "7")).json["id"], once(("seed", "7"), ("prompt", "a fox")).json["id"]]
    assert ids[0] == ids[1]
    assert_problem(once(("prompt", "a cat")), 422, "idempotency_key_reused")


def sent_by_the_sdk(**body: object) -> httpx2.Request:
    """Return what the `openai` SDK sends, byte by byte."""
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        request.read()
        sent.append(request)
        return httpx2.Response(200, json={})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        client = openai.OpenAI(base_url="https://api.example/v1", api_key="token", http_client=http)
        client.videos.create(prompt="a fox", extra_body=body)
    return sent[0]


KEYS = ("作品", "ключ", "مفتاح", "🦊", 'a"b', "a%22b", "a\\b", "a b;c=d", "a\r\nb", "a[b]", "a/b~c")


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("encoded", [False, True], ids=["text", "base64"])
def test_the_field_names_of_the_openai_sdk_are_read(api: Api, key: str, encoded: bool) -> None:
    request = sent_by_the_sdk(metadata={key: "7"})
    assert request.headers["content-type"].startswith("multipart/form-data")
    given = event("api_post")
    given["headers"]["Content-Type"] = request.headers["content-type"]
    given["body"] = base64.b64encode(request.content).decode() if encoded else request.content.decode()
    given["isBase64Encoded"] = encoded
    answer = api.call(given)
    assert (answer.status, answer.json.get("metadata")) == (202, {key.replace("%22", '"'): "7"})


@pytest.mark.parametrize(
    "parameters",
    ["; boundary*=undefined''B", "; boundary*0*=a; boundary=b", f"; boundary*{'9' * 5000}=B", '; boundary="狐"'],
    ids=lambda text: text[:30],
)
def test_a_content_type_without_a_boundary_says_so(api: Api, parameters: str) -> None:
    answer = post(api, form(("prompt", "a fox")), f"multipart/form-data{parameters}")
    assert_problem(answer, 400, "invalid_request")
    assert "boundary" in answer.json["detail"]


@pytest.mark.parametrize(
    "disposition",
    ["name*0*=a; name*=b", "name*=undefined''B", f"name*{'9' * 3000}=a", 'name=""', "filename=a"],
    ids=lambda text: text[:30],
)
def test_a_part_without_a_name_says_so(api: Api, disposition: str) -> None:
    body = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\na\r\n--{BOUNDARY}--\r\n"
    answer = post(api, body)
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["detail"] == "A part of the form has no name."


def test_nested_parts_are_a_400(api: Api) -> None:
    parts = (f"--{at}\r\nContent-Type: multipart/x; boundary={at + 1}\r\n\r\n" for at in range(1100))
    assert_problem(post(api, "".join(parts), "multipart/form-data; boundary=0"), 400, "invalid_request")


@pytest.mark.parametrize("end", ["", "\r\n"])
def test_a_form_without_parts_lacks_its_prompt(api: Api, end: str) -> None:
    answer = post(api, f"--{BOUNDARY}--{end}")
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["errors"] == [{"pointer": "/prompt", "detail": "The field 'prompt' is missing."}]


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("Content-Transfer-Encoding: base64", "Content-Transfer-Encoding"),
        ("Content-Transfer-Encoding: quoted-printable", "Content-Transfer-Encoding"),
        ("Content-Type: multipart/mixed; boundary=x", "form inside a form"),
        (f"X-Long: {'a' * 5000}", "4,096"),
        ("\r\n".join(f"X-{number}: a" for number in range(9)), "8"),
    ],
    ids=lambda text: text[:40],
)
def test_a_part_that_is_not_plain_text_is_refused_with_the_valid_forms(api: Api, header: str, word: str) -> None:
    head = f'Content-Disposition: form-data; name="prompt"\r\n{header}'
    answer = post(api, f"--{BOUNDARY}\r\n{head}\r\n\r\nYSBmb3g=\r\n--{BOUNDARY}--\r\n")
    assert_problem(answer, 400, "invalid_request")
    assert word in answer.json["detail"]
    assert api.stored == 0


@pytest.mark.parametrize("encoding", ["7bit", "8BIT", "binary"])
def test_a_plain_transfer_encoding_changes_nothing(api: Api, encoding: str) -> None:
    head = f'Content-Disposition: form-data; name="prompt"\r\nContent-Transfer-Encoding: {encoding}'
    assert post(api, f"--{BOUNDARY}\r\n{head}\r\n\r\na fox\r\n--{BOUNDARY}--\r\n").json["prompt"] == "a fox"


def test_a_file_with_an_extended_name_is_also_refused(api: Api) -> None:
    head = "Content-Disposition: form-data; name=\"prompt\"; filename*=UTF-8''fox.txt"
    answer = post(api, f"--{BOUNDARY}\r\n{head}\r\n\r\na fox\r\n--{BOUNDARY}--\r\n")
    assert_problem(answer, 400, "invalid_request")
    assert "audio_url" in answer.json["detail"]


def test_a_field_with_a_similar_name_is_not_a_file() -> None:
    body = form(("a; filename*=b", "x"))
    assert read_multipart(f"multipart/form-data; boundary={BOUNDARY}", body.encode()) == {"a; filename*=b": "x"}


@pytest.mark.parametrize("field", ["metadata[a][b]", "metadata[a][]"])
def test_metadata_contains_text_and_no_objects(api: Api, field: str) -> None:
    answer = post(api, form(("prompt", "a fox"), (field, "x")))
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["error"]["param"] == field


# httpx2 writes control characters as %XX, and only the three of the HTML standard can be read back.
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="[%") | st.just("\n"), min_size=1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(NAMES, TEXTS, min_size=1, max_size=6))
def test_a_form_that_a_client_writes_is_read_unchanged(fields: Mapping[str, str]) -> None:
    files = [(name, (None, text)) for name, text in fields.items()]
    request = httpx2.Request("POST", "https://api.example", files=files)
    expected = {name: from_text(name, text) for name, text in fields.items()}
    assert read_multipart(request.headers["content-type"], request.read()) == expected


@given(st.binary(max_size=300), st.text(max_size=80))
@example(b"", "boundary=\ud800")
@example(b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n', "boundary=b")
def test_any_body_is_a_form_or_an_invalid_request(body: bytes, parameters: str) -> None:
    with suppress(InvalidRequest):
        read_multipart(f"multipart/form-data; {parameters}", body)


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_any_combination_of_parts_of_forms_is_a_form_or_an_invalid_request(pieces: Sequence[bytes]) -> None:
    with suppress(InvalidRequest):
        read_multipart("multipart/form-data; boundary=b", b"".join(pieces))
