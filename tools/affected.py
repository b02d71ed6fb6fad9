"""The unit tests that a change can affect; `make quick` runs these.

`python -m tools.affected` prints the files of the tests, one in each line, and describes the choice on stderr. A change
is everything that differs from main: commits, the working tree, and new files that git does not ignore. A test is
affected if its file, a module that it imports (directly or not) or a `conftest.py` above it is part of the change.

An import graph does not show what a test reads from the checkout or starts as a process, so tests that do one of these
always run. If the change contains a file that is neither a module nor Markdown, or if nothing is known to depend on the
change, all unit tests run. So the answer is never empty.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

import grimp

ROOT: Final = Path(__file__).resolve().parent.parent
UNIT: Final = "tests.unit"

UPSTREAMS: Final = ("origin/main", "main")
"""Where a branch began; the first one that the checkout has is used."""

BEYOND_IMPORTS: Final = re.compile(
    r"^\s*(?:import|from)\s+(?:subprocess|importlib|pkgutil|runpy|multiprocessing)\b|\b(?:PROJECT|ROOT|__file__)\b",
    re.MULTILINE,
)
"""Matches the source of a test that starts processes, imports by name, or reads files of the checkout."""


class UnitTests:
    """The project's modules, and the unit tests that depend on each of them."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
        packages: list[str] = settings["importlinter"]["root_packages"]
        self._folders = sorted(settings["hatch"]["build"]["dev-mode-dirs"], key=len, reverse=True)
        self._graph = grimp.build_graph(*packages, cache_dir=str(root / ".import_linter_cache"))
        self.files = sorted(path.relative_to(root).as_posix() for path in (root / "tests/unit").rglob("test_*.py"))

    def affected(self, changed: Iterable[str]) -> Sequence[str]:
        """Return the files of the tests to run for changed files; paths are relative to the root, with slashes."""
        modules: set[str] = set()
        for path in changed:
            if path.endswith(".md"):
                continue
            if not path.endswith(".py") or (module := self.module(path)) not in self._graph.modules:
                return self.files
            modules.add(module)
            if path.endswith("__init__.py"):
                modules |= self._graph.find_descendants(module)
        reached = {name for module in modules for name in self._graph.find_downstream_modules(module)} | modules
        if any(conftest in reached for conftest in self._conftests()):
            return self.files
        found = {file for file in self.files if self.module(file) in reached}
        return sorted(found | self.beyond_imports) if found or not modules else self.files

    def module(self, path: str) -> str:
        """Return the dotted name of a Python file."""
        for folder in self._folders:
            if folder == "." or PurePosixPath(path).is_relative_to(folder):
                parts = PurePosixPath(path).relative_to(folder).with_suffix("").parts
                return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        raise ValueError(f"{path} is below none of the folders with packages: {', '.join(self._folders)}")

    @cached_property
    def beyond_imports(self) -> frozenset[str]:
        """The tests that use more of the checkout than they import, by themselves or in a helper of the tests."""
        return frozenset(file for file in self.files if any(map(self._is_beyond_imports, self._helpers(file))))

    def _helpers(self, file: str) -> Iterator[str]:
        module = self.module(file)
        yield module
        yield from (name for name in self._graph.find_upstream_modules(module) if name.startswith("tests."))

    def _is_beyond_imports(self, module: str) -> bool:
        path = self._root / module.replace(".", "/")
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        return bool(BEYOND_IMPORTS.search(source.read_text(encoding="utf-8")))

    def _conftests(self) -> Iterator[str]:
        for name in self._graph.modules:
            package, _, last = name.rpartition(".")
            if last == "conftest" and (package == "tests" or f"{package}.".startswith(f"{UNIT}.")):
                yield name


def changes(root: Path = ROOT) -> Sequence[str] | None:
    """Return the files that differ from main, relative to the root; None if git does not know main or the checkout."""
    base = next(
        (found for name in UPSTREAMS for found in _git(root, "merge-base", "HEAD", name) or ()),
        None,
    )
    if base is None:
        return None
    tracked = _git(root, "diff", "--name-only", "--no-renames", base)
    new = _git(root, "ls-files", "--others", "--exclude-standard")
    return None if tracked is None or new is None else sorted({*tracked, *new})


def _git(root: Path, *arguments: str) -> Sequence[str] | None:
    """Return the lines that git prints, or None if it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.quotePath=false", *arguments], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.splitlines()


def main() -> None:
    """Print the tests to run, and why, on stderr."""
    tests = UnitTests()
    changed = changes()
    chosen = tests.affected(changed) if changed else tests.files
    count = "an unknown number of" if changed is None else len(changed)
    print(f"{len(chosen)} of {len(tests.files)} files of unit tests, for {count} changed files.", file=sys.stderr)
    print(*chosen, sep="\n")


if __name__ == "__main__":
    main()
