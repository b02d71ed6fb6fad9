"""How a planted bug is shown to be found, or not."""

from __future__ import annotations

import pytest

from tests.chaos.exposure import Aim, MutantTable, arguments, counted

AIM = Aim(frozenset({"I1", "I11"}))


def test_a_mutant_is_found_by_one_of_its_own_invariants_only() -> None:
    assert AIM.finds(["S4: too early", "I11: resent"])
    assert not AIM.finds(["I111: no such invariant", "S4: I1: too early"])
    assert not AIM.finds([])


def test_the_table_counts_what_was_missed_and_shows_what_was_violated(capsys: pytest.CaptureFixture[str]) -> None:
    table = MutantTable(("histories", "seconds"))
    table.add("found", AIM, ["I1: a", "I1: b", "I2: c"], 3, 0.25)
    table.add("other", AIM, ["I2: c"], 9, 60.0)
    table.add("quiet", AIM, [], 9, 60.0)
    assert table.missed == 2
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        ["mutant", "must", "violate", "histories", "seconds", "violated"],
        ["found", "I1", "I11", "3", "0.2", "I1x2", "I2x1"],
        ["other", "I1", "I11", "9", "60.0", "NOT", "FOUND", "I2x1"],
        ["quiet", "I1", "I11", "9", "60.0", "NOT", "FOUND"],
    ]
    assert counted(["I11: a", "I1: b"]) == "I1x1 I11x1"


def test_both_programs_take_the_same_arguments() -> None:
    parser = arguments("tests.one", "One.", ("a", "b"), n="how many", seed="which", mutant="what to plant")
    given = parser.parse_args(["--n", "3", "--seed", "7", "--mode", "hold", "--mutant", "b"])
    assert (given.n, given.seed, given.mode, given.mutant) == (3, 7, "hold", "b")
    left = parser.parse_args([])
    assert (left.n, left.seed, left.mode, left.mutant) == (None, None, "resend", "")
    with pytest.raises(SystemExit):
        parser.parse_args(["--mutant", "c"])
