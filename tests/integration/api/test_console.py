"""The console page and its files, as API Gateway receives them."""

from __future__ import annotations

import re

import pytest

from functions.api import console
from tests.integration.api.client import Answer, Api, assert_problem
from tools.harness.lambdas import Event, event, invoke
from tools.harness.stack import BUCKET, INPUTS, PROMPTS, REGION


def get(path: str, stage_path: str, **headers: str) -> Answer:
    """Return what a browser gets without a token."""
    given: Event = event("api_get") | {"path": path, "httpMethod": "GET"}
    del given["requestContext"]["authorizer"]
    given["requestContext"] |= {"path": stage_path}
    given["headers"] |= headers
    given["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    raw = invoke("api", given)
    found = {name.lower(): values[0] for name, values in raw["multiValueHeaders"].items()}
    return Answer(raw["statusCode"], found, raw.get("body") or "")


def page(api: Api, stage_path: str = "/live/") -> Answer:
    assert api
    return get("/", stage_path)


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/live/", "/live/"),
        ("/live", "/live/"),
        ("/", "/"),
        ("/_aws/execute-api/a1/live/", "/_aws/execute-api/a1/live/"),
        ("//elsewhere.example/", "/elsewhere.example/"),
        ('/"><b>/', "/&quot;&gt;&lt;b&gt;/"),
    ],
)
def test_the_page_contains_its_base_url_so_that_it_works_below_any_path(api: Api, path: str, base: str) -> None:
    assert f'<base href="{base}">' in page(api, path).text


def test_the_page_names_existing_files_that_browsers_may_cache(api: Api) -> None:
    paths = re.findall(r'(?:src|href)="(console/[^"]+)"', page(api).text)
    assert {path.rpartition("/")[2] for path in paths} == {"console.js", "console.css", "icon.svg"}
    for path in paths:
        answer = get(f"/{path}", f"/live/{path}")
        assert (answer.status, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert answer.headers["x-content-type-options"] == "nosniff"
        kinds = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
        assert answer.headers["content-type"] == kinds[path.rpartition(".")[2]]
        assert len(answer.text) > 100


def test_the_page_may_load_only_from_the_api_and_from_the_bucket_of_videos(api: Api) -> None:
    headers = page(api).headers
    assert headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    videos = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["base-uri"] == "'self'"
    assert (policy["img-src"], policy["media-src"]) == (f"'self' {videos}", videos)
    uploads = (f"https://{bucket}.s3.{REGION}.amazonaws.com" for bucket in (PROMPTS, INPUTS))
    assert policy["connect-src"] == f"'self' {' '.join(uploads)}"
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_the_page_itself_contains_no_script_no_style_and_no_external_files(api: Api) -> None:
    text = page(api).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|https?://(?!…)", text)
    assert re.findall(r"<script[^>]*>([^<]*)", text) == [""]


def test_an_unchanged_page_is_not_sent_again(api: Api) -> None:
    first = page(api)
    assert first.headers["cache-control"] == "no-cache"
    again = get("/", "/live/", **{"If-None-Match": f"W/{first.headers['etag']}"})
    assert (again.status, again.text, again.headers["etag"]) == (304, "", first.headers["etag"])
    assert get("/", "/live/", **{"If-None-Match": '"another"'}).status == 200


@pytest.mark.parametrize(
    "path", ["/console/0123456789abcdef/console.js", "/console/VERSION/main.js", "/console/VERSION/..%2fapp.py"]
)
def test_another_file_or_version_is_a_404(api: Api, path: str) -> None:
    path = path.replace("VERSION", console.version())
    assert_problem(get(path, f"/live{path}"), 404, "not_found")
    assert api.stored == 0


def test_modules_are_bundled_each_in_its_own_scope_after_its_imports() -> None:
    modules = {
        "main": 'import { b } from "./b.js";\nimport { a } from "./a.js";\nrun(a, b);\n',
        "b": 'import { a } from "./a.js";\nconst hidden = 1;\nexport const b = () => a(hidden);\n',
        "a": "const hidden = 2;\nexport async function a(x) {}\nexport class C {}\n",
    }
    assert console.joined(modules, "main") == (
        "const { a, C } = (() => {\nconst hidden = 2;\nasync function a(x) {}\nclass C {}\nreturn { a, C };\n})();\n\n"
        "const { b } = (() => {\nconst hidden = 1;\nconst b = () => a(hidden);\nreturn { b };\n})();\n\n"
        "const {  } = (() => {\nrun(a, b);\nreturn {  };\n})();\n"
    )


def test_every_module_is_bundled_and_no_import_remains(api: Api) -> None:
    script = console.files()["console.js"].text
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    for module in console.FOLDER.glob("*.js"):
        first_line = module.read_text(encoding="utf-8").splitlines()[0]
        assert first_line.startswith("/** ")
        assert script.count(first_line) == 1
