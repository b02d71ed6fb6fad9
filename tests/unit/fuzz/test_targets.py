"""A short form of `make fuzz`: the corpus, Hypothesis's variations of it, and any bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.seeds import CORPUS, SEEDS
from tests.fuzz.targets import TARGETS

FILES: Final = sorted(path for path in CORPUS.rglob("*") if path.is_file())
SCRAPS: Final = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(
        [b'"', b"\\", b"\n", b"\r\n", b"\0", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"NaN", b"1e400", b"[" * 2000]
    ),
)


@st.composite
def hurt(draw: st.DrawFn, name: str) -> bytes:
    """Draw a seed of a target, damaged in up to four places."""
    body = bytearray(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        body[start : start + draw(st.integers(0, 8))] = draw(SCRAPS)
    return bytes(body)


def test_every_target_has_a_small_corpus_with_its_seeds() -> None:
    assert {path.parent.name for path in FILES} == set(TARGETS) == set(SEEDS)
    assert {path.read_bytes() for path in FILES} >= {seed for seeds in SEEDS.values() for seed in seeds}
    assert sum(path.stat().st_size for path in FILES) < 200_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name[:8]}")
def test_every_target_survives_the_corpus(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_survives_damaged_seeds(name: str) -> None:
    given(hurt(name))(TARGETS[name])()


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_survives_any_bytes(name: str) -> None:
    given(st.binary(max_size=300))(TARGETS[name])()
