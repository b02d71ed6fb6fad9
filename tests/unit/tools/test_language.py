from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools import language
from tools.language import Allowed, counts, faults, lines_to_wrap, sources, words_to_avoid


def hits(path: str, text: str) -> list[int]:
    """The lines that hold a word to avoid."""
    return [fault.line for fault in words_to_avoid(path, text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "The user is told of it.",
        "A page tells which.",
        "It is asked anew.",
        "Whoever waits outside.",
        "It needs compute alone.",
        "Then it goes on.",
        "A leave to upload.",
        "Anything else is none.",
        "How long so many of its seconds last.",
        "It needs not be looked for.",
        "It knows nothing of itself.",
        "The attempt came to nothing.",
        "A bill is reckoned here.",
        "The film was brought home.",
        "Nobody works on it any more.",
        "The bytes left over are sent.",
        "Users shall learn of it.",
    ],
)
def test_a_sentence_that_no_documentation_would_hold_is_found(sentence: str) -> None:
    assert hits("page.md", f"# A heading\n\n{sentence}\n")[:1] == [3]


@pytest.mark.parametrize(
    "sentence",
    [
        "If there is none, the default is used.",
        "The default is `None`, and `told` is a name.",
        "The function returns the video again.",
        "See [the page](docs/told.md).",
        "Install the standalone package.",
        "```sh\necho alone\n```",
    ],
)
def test_plain_english_and_code_are_left_in_peace(sentence: str) -> None:
    assert hits("page.md", sentence) == []


def test_python_is_read_in_docstrings_comments_messages_and_names_of_tests() -> None:
    text = '''"""Told in the docstring of a module."""
told = "told"  # a comment that tells
def test_whoever_asks() -> None:
    """First line.

    It goes on here.
    """
    raise ValueError(f"{told} is told anew")
'''
    assert sorted(hits("module.py", text)) == [1, 2, 3, 6, 8, 8]


def test_a_phrase_is_found_although_a_line_breaks_in_it() -> None:
    assert hits("page.md", "The execution\ngoes\non.\n") == [2]
    assert hits("module.py", "x = 1  # this\n# goes\n# on and on\n") == [2]
    assert hits("template.yaml", "# It goes\n# on.\nResources: {}\n") == [1]


def test_a_message_is_found_although_its_literals_are_joined() -> None:
    assert hits("module.py", 'x = (\n    "It goes "\n    "on."\n)\n') == [2]


def test_files_of_other_kinds_are_read_whole() -> None:
    assert hits("template.yaml", "Description: Whoever asks\n") == [1]
    assert hits("page.js", 'show("told");\n') == [1]


def test_what_to_write_is_in_the_report() -> None:
    (fault,) = words_to_avoid("page.md", "It is\nasked anew.")
    assert str(fault) == "page.md:2: 'anew' in 'It is asked anew.': write again, new (the usual word is `again`)"


def test_a_long_line_of_markdown_is_to_be_wrapped() -> None:
    text = "short\n" + "word " * 25 + "\n"
    assert [fault.line for fault in lines_to_wrap("page.md", text)] == [2]


@pytest.mark.parametrize(
    "line",
    [
        "| a table | " + "cell " * 30 + "|",
        "# " + "heading " * 30,
        "```text\n" + "code " * 30 + "\n```",
        "- [a link with a name](" + "x" * 120 + ").",
        "![" + "description " * 20 + "](picture.svg)",
        "word " * 24,
    ],
)
def test_what_cannot_be_wrapped_may_be_long(line: str) -> None:
    assert list(lines_to_wrap("page.md", line.rstrip())) == []


def test_an_allowance_covers_its_words_in_its_file_only() -> None:
    allowed = [Allowed(r"quoted\.md", "tells stories", "a quotation")]
    texts = {"quoted.md": "It tells stories.\nIt tells lies.", "other.md": "It tells stories."}
    found = [(fault.path, fault.line) for fault in faults(texts, allowed) if "'tells'" in fault.what]
    assert found == [("quoted.md", 2), ("other.md", 1)]


def test_an_allowance_that_nothing_needs_is_a_fault() -> None:
    found = list(faults({"page.md": "All is well."}, [Allowed(r"page\.md", "tells", "a quotation")]))
    assert [fault.what for fault in found] == ["an allowance that nothing needs: page\\.md, a quotation"]


def test_hits_are_counted_by_area() -> None:
    texts = {
        "README.md": "Whoever asks.",
        "docs/page.md": "It is told.",
        "functions/api/console/main.js": "// told",
        "functions/api/app.py": "# told",
        "Makefile": "# told",
    }
    assert counts(faults(texts, [])) == {"docs": 2, "console": 1, "functions": 1, "the rest": 1}


def test_new_files_are_read_and_ignored_ones_are_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("out/\n")
    for name in ("page.md", "LICENSE", "examples/prompts.json", "out/page.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("told\n")
    assert sources(tmp_path) == ["page.md"]


def test_the_exit_code_says_whether_there_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "page.md").write_text("It is told.\n")
    assert language.main([], tmp_path, []) == 1
    assert "page.md:1: 'told'" in capsys.readouterr().out
    assert language.main([], tmp_path, ["page.md", "docs/"]) == 0
    assert capsys.readouterr().out == "docs/ is done: take it out of TO_DO in tools/language.py.\n"
    assert language.main(["page.md"], tmp_path, ["page.md"]) == 1


def test_every_rule_has_a_replacement_and_a_reason() -> None:
    for rule in language.RULES:
        assert rule.instead, rule
        assert rule.why, rule
        assert not re.search(rule.pattern, ""), rule
