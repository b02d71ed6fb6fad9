"""The check of the project's English: a list of words to avoid, applied to everything that people read.

`python -m tools.language` prints every hit in Markdown, docstrings, comments, messages, the names of tests, the
template, the state machine and the console, and every Markdown line that should be wrapped. With paths it checks only
those; with `--counts` it prints the number of hits in each area. `make check` runs it, and CONTRIBUTING.md states the
rule that it holds.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent

LONGEST_LINE: Final = 120
"""Characters in a line of Markdown; tables, code, headings, links and images may be longer."""


@dataclass(frozen=True)
class Rule:
    """A word or phrase to avoid: a regular expression, what to write instead, and why."""

    avoid: str
    instead: str
    why: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression as it is searched: whole words, and a phrase may continue on the next line of a comment."""
        return re.compile(rf"\b(?:{self.avoid.replace(' ', _GAP)})\b", re.IGNORECASE)


_GAP: Final = r"[\s#*/]+"

RULES: Final = (
    Rule(r"tells?|told|telling", "say, report, return, show, describe", "a program or a page says something"),
    Rule(r"anew|afresh|once more", "again, new", "the usual word is `again`"),
    Rule(r"whoever|whosoever|whomever", "anyone who, the caller", "names the reader or the caller"),
    Rule(r"alone", "only, by itself", "`alone` means that nobody is with it"),
    Rule(r"(?:go|goes|going|gone|went) on", "continue, happen", "the usual word is `continue`"),
    Rule(r"(?:carry|carries|carried|carrying) on", "continue, resume", "the usual word is `continue`"),
    Rule(r"leave (?:to|of)", "permission to", "`leave` reads as `go away`"),
    Rule(r"(?<!there\s)(?:is|are|was|were) (?-i:none)", "does not exist, is not one", "say what is not there"),
    Rule(r"so many|so much", "this number of, up to", "give the number, or name the parameter"),
    Rule(r"needs? not", "does not need to, does not have to", "the verb is regular in modern English"),
    Rule(r"of itself", "about itself, its own, by itself", "says which of the three it means"),
    Rule(r"(?:comes?|came|coming) to nothing", "has no effect, fails", "says what happens"),
    Rule(r"reckon(?:s|ed|ing)?", "count, calculate, estimate", "says how the figure is found"),
    Rule(r"(?:bring|brings|bringing|brought) (?:it |them )?home", "fetch, download, store", "says what happens"),
    Rule(r"any ?more", "no longer, any further", "says `no longer` where something has ended"),
    Rule(r"left over", "remaining, rest", "the usual word is `remaining`"),
    Rule(r"shall", "must, should, will", "says whether it is a rule or a prediction"),
    Rule(r"likewise", "also, the same, in the same way", "repeats what is meant in a sentence of its own"),
    Rule(r"for ever|ever (?:less|more|longer|fewer)", "forever, indefinitely, less and less", "the usual spelling"),
    Rule(r"be(?:comes?|came) of", "happens to", "the usual phrase"),
    Rule(r"(?:mend|mends|mended|mending)", "fix, repair, correct", "software is fixed"),
    Rule(r"words? of (?:its|their|our|your) own", "its own words", "the usual order"),
    Rule(r"(?:lest|hence|thence|whence|albeit|whilst|amongst|thereby|therein|thereof|wherein|whereof|upon)",
         "so that ... not, therefore, although, while, among, on", "is read in contracts, not in documentation"),
    Rule(r"forgoes?|forgone|forgoing|forwent", "give up, skip", "is rare, and close to `forget`"),
    Rule(r"but for", "except for, apart from", "the usual word is `except`"),
    Rule(r"(?:pass|passes|passed|passing) over", "skip, ignore", "the usual word is `skip`"),
    Rule(r"(?:some|every|any|no)body(?: else)?", "someone, everyone, anyone, no one; the caller, another process",
         "Python's documentation writes `someone`, and a program is not a person"),
    Rule(r"(?:is|are|was|were) there already", "already exists", "the usual phrase"),
    Rule(r"for nothing", "free of charge, without effect", "has two meanings"),
    Rule(r"in vain", "without success", "says what happened"),
    Rule(r"such a one|the like|at hand", "such a ..., similar, current", "names the thing"),
    Rule(r"stands? (?:in|on|at|below|above|after|before|beside|under|alone|where|still)|stood",
         "is, is in, stops", "files and fields do not stand"),
    Rule(r"lies", "is, is at", "objects and files do not lie"),
    Rule(r"knows? (?:no|nothing|none|neither)", "does not know, does not import", "negates the verb"),
    Rule(r"of (?:which|whom|whose) (?:nothing|none|nobody|something|anything)", "that has no", "starts with the noun"),
    Rule(r"(?:break|breaks|broke|broken|breaking) off", "is interrupted, is cut", "the usual word is `interrupt`"),
    Rule(r"(?:to )?be had", "is available", "the usual word is `available`"),
    Rule(r"of yours|of ours|of theirs|of hers", "your ..., our ...", "names the thing"),
    Rule(r"as (?:good|well) as any|just so|all the same", "equally, still, anyway", "says which it means"),
)  # fmt: skip


@dataclass(frozen=True)
class Allowed:
    """Words that are right where they are: the path and the words, as regular expressions, and why they stay."""

    where: str
    what: str
    why: str


ALLOWED: Final[tuple[Allowed, ...]] = (
    Allowed(r"CONTRIBUTING\.md", r"(?s)\| write \| instead of \|.*?\n\n", "examples of what not to write"),
    Allowed(r".*", r"Go on in a successor", "the name of a state, which executions in AWS show"),
    Allowed(r"tests/e2e/.*", r'"(a fox|\{trigger\}) [^"{\n]*', "prompts, which people write as they like"),
)

TO_DO: Final[tuple[str, ...]] = ()
"""Paths whose hits are not faults yet; the list only gets shorter."""

SKIPPED: Final = (
    r"tools/language\.py|tests/unit/tools/test_language\.py",  # they name the words that are looked for
    r"LICENSE|requirements/.*|layers/shared/requirements\.txt",  # other people's words
    r"examples/.*|tests/golden/.*|tests/events/.*|tests/fuzz/corpus/.*|cli/wan_video_cli/rights\.json",  # data
    r"docs/(adopt|cost)\.json|docs/schemas/.*|.*\.(svg|webp|gif|typed)|\.gitignore",  # made from checked sources
)


@dataclass(frozen=True)
class Prose:
    """Text that people read, and the line of its file in which it begins."""

    line: int
    text: str


@dataclass(frozen=True)
class Fault:
    """One thing to rewrite, with the line that it is in."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def sources(root: Path = ROOT) -> list[str]:
    """Return the paths, relative to `root`, of all files that are or may come under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    skipped = re.compile("|".join(SKIPPED))
    return [path for path in listed.stdout.splitlines() if (root / path).is_file() and not skipped.fullmatch(path)]


def prose(path: str, text: str) -> Iterator[Prose]:
    """Yield what people read of a file, by its name; raises SyntaxError for Python that does not parse."""
    if path.endswith(".md"):
        yield Prose(1, _without_code(text))
    elif path.endswith(".py"):
        yield from _python(text)
    else:
        yield Prose(1, _without_spans(text))


_FENCED: Final = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _without_code(text: str) -> str:
    return re.sub(r"\]\([^)]*\)", _blank, _without_spans(_FENCED.sub(_blank, text)))


def _without_spans(text: str) -> str:
    """Blank out code in backticks: it names something, and the name is right where it is defined."""
    return re.sub(r"`[^`]*`", _blank, text)


def _python(text: str) -> Iterator[Prose]:
    yield from _comments(text)
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=str(value)) if " " in value.strip():
                yield Prose(node.lineno, _without_spans(value))
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
                yield Prose(node.lineno, name.replace("_", " "))


def _comments(text: str) -> Iterator[Prose]:
    """Yield comments; those that follow each other line by line are one."""
    begins, lines = 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if lines and token.start[0] != begins + len(lines):
                yield Prose(begins, _without_spans("\n".join(lines)))
                lines = []
            begins = begins if lines else token.start[0]
            lines.append(token.string)
    if lines:
        yield Prose(begins, _without_spans("\n".join(lines)))


def words_to_avoid(path: str, text: str, rules: Sequence[Rule] = RULES) -> Iterator[Fault]:
    """Yield every hit of the rules in the prose of a file."""
    patterns = [(rule, rule.pattern) for rule in rules]
    for part in prose(path, text):
        for rule, pattern in patterns:
            for found in pattern.finditer(part.text):
                line = part.line + part.text.count("\n", 0, found.start())
                said = " ".join(found[0].split())
                around = " ".join(part.text[max(found.start() - 30, 0) : found.end() + 30].split())
                yield Fault(path, line, f"{said!r} in {around!r}: write {rule.instead} ({rule.why})")


def lines_to_wrap(path: str, text: str) -> Iterator[Fault]:
    """Yield every line of Markdown prose that is longer than LONGEST_LINE and could be broken."""
    for number, line in enumerate(_FENCED.sub(_blank, text).splitlines(), 1):
        if len(line) > LONGEST_LINE and not re.match(r"\s*\||#|!\[|<", line):
            words = re.sub(r"^[\s>*+-]*(?:\d+\.)?\s*", "", line)
            # A link that is longer than a line by itself can only be put into a line of its own.
            if " " in re.sub(r"\[[^\]]*\]\([^)]*\)[.,;:]?$", "link", words):
                yield Fault(path, number, f"a line of {len(line)} characters: wrap it at {LONGEST_LINE}")


def faults(texts: Mapping[str, str], allowed: Sequence[Allowed] = ALLOWED) -> Iterator[Fault]:
    """Yield what is to be rewritten in files, given by path, and each allowance that no file needs."""
    unused = list(allowed)
    for path, text in texts.items():
        for one in allowed:
            if re.fullmatch(one.where, path) and re.search(one.what, text):
                text = re.sub(one.what, lambda found: re.sub(r"\w", "x", found[0]), text)
                unused = [other for other in unused if other is not one]
        yield from words_to_avoid(path, text)
        if path.endswith(".md"):
            yield from lines_to_wrap(path, text)
    for one in unused:
        yield Fault("tools/language.py", 1, f"an allowance that nothing needs: {one.where}, {one.why}")


AREAS: Final = {
    "console": r"functions/api/console/",
    "template": r"template\.yaml|samconfig\.toml|statemachine/",
    "docs": r"docs/|[^/]+\.md$",
    **{name: f"{name}/" for name in ("layers", "functions", "cli", "local", "tests", "bench", "tools")},
    "the rest": r"",
}
"""The areas that faults are counted in, by the beginnings of paths; a path belongs to the first that takes it."""


def counts(found: Iterable[Fault]) -> Counter[str]:
    """Return the number of faults in each area."""
    return Counter(next(name for name, paths in AREAS.items() if re.match(paths, fault.path)) for fault in found)


def main(arguments: Sequence[str], root: Path = ROOT, to_do: Sequence[str] = TO_DO) -> int:
    """Print the faults in the paths that are given, or in all but `to_do`; return 1 if there are any.

    With `--counts`, print the number of faults in each area instead, and return 0.
    """
    texts = {path: (root / path).read_text(encoding="utf-8") for path in sources(root)}
    found = list(faults(texts, ALLOWED if root == ROOT else ()))
    if "--counts" in arguments:
        by_area = counts(found)
        print("\n".join(f"{by_area[name]:6}  {name}" for name in AREAS))
        print(f"{by_area.total():6}  all")
        return 0
    reported = [
        fault
        for fault in found
        if (fault.path.startswith(tuple(arguments)) if arguments else not fault.path.startswith(tuple(to_do)))
    ]
    done = [path for path in to_do if not any(fault.path.startswith(path) for fault in found)]
    print("".join(f"{fault}\n" for fault in reported), end="")
    print("".join(f"{path} is done: take it out of TO_DO in tools/language.py.\n" for path in done), end="")
    return 1 if reported else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
