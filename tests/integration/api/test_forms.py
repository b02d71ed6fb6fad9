"""Multipart bodies, as the `openai` SDK sends them even without a file."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.integration.api.client import Answer, Api, assert_problem

BOUNDARY = "d4c3b2a1"

NESTED = f"""--{BOUNDARY}
Content-Disposition: form-data; name="prompt"
Content-Type: multipart/mixed; boundary=x

--x

a fox
--x--
--{BOUNDARY}--
""".replace("\n", "\r\n")

Field = tuple[str, str]


def form(*fields: Field, end: str = "--") -> str:
    """The body as httpx writes it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields
    ]
    return "".join(parts) + f"--{BOUNDARY}{end}\r\n"


def post(api: Api, body: str, content_type: str = f"multipart/form-data; boundary={BOUNDARY}") -> Answer:
    return api.post(body, {"Content-Type": content_type})


def test_a_form_asks_for_what_json_would(api: Api) -> None:
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
def test_a_boundary_may_be_quoted_and_followed(api: Api, quoted: str) -> None:
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
def test_a_field_that_cannot_be_is_a_400_that_names_it(api: Api, fields: Sequence[Field], param: str) -> None:
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
def test_what_is_no_form_is_a_400(api: Api, body: str) -> None:
    assert_problem(post(api, body), 400, "invalid_request")
    assert api.stored == 0


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=other", '; boundary="'])
def test_a_boundary_that_is_none_is_a_400(api: Api, boundary: str) -> None:
    assert_problem(post(api, form(("prompt", "a fox")), f"multipart/form-data{boundary}"), 400, "invalid_request")


def test_a_file_is_refused_with_the_way_to_go(api: Api) -> None:
    head = 'Content-Disposition: form-data; name="input_reference"; filename="fox.png"\r\nContent-Type: image/png'
    answer = post(api, f"--{BOUNDARY}\r\n{head}\r\n\r\nPNG\r\n" + form(("prompt", "a fox")))
    assert_problem(answer, 400, "invalid_request")
    assert (answer.json["error"]["param"], "audio_url" in answer.json["detail"]) == ("input_reference", True)


def test_a_form_is_no_larger_than_json_may_be(api: Api) -> None:
    assert_problem(post(api, form(("prompt", "a" * 64 * 1024))), 413, "body_too_large")


def test_a_form_has_its_key_like_json(api: Api) -> None:
    def once(*fields: Field) -> Answer:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Idempotency-Key": "k"}
        return api.post(form(*fields), headers)

    ids = [once(("prompt", "a fox"), ("seed", "7")).json["id"], once(("seed", "7"), ("prompt", "a fox")).json["id"]]
    assert ids[0] == ids[1]
    assert_problem(once(("prompt", "a cat")), 422, "idempotency_key_reused")
