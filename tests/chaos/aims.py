"""The faults that expose each mutant, and the invariants of which it must violate one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.exposure import Aim
from tests.chaos.mutants import MUTANTS
from tests.chaos.plan import Mix, Spec


@dataclass(frozen=True)
class FaultyAim(Aim):
    """The run that exposes a mutant of `make chaos`: its faults and its videos; `options` are arguments of a Spec."""

    mix: Mix = field(default_factory=dict)
    n: int = 14


LOST: Final[Mix] = {"create": {"reset_after": 0.25, "500_after": 0.25}}
"""Wan accepts every second POST, and its answer is lost."""

NEVER: Final[Mix] = {"create": {"reset": 0.5}}
"""The connection of every second POST is cut before Wan accepts it."""


def _aim(violates: str, mix: Mix, n: int = 14, **options: Any) -> FaultyAim:
    return FaultyAim(frozenset(violates.split()), options, mix, n)


AIMS: Final[Mapping[str, FaultyAim]] = {
    "retry_adapter": _aim("I1 I11", LOST),
    "forgetful_decorator": _aim("I1 I11", LOST),
    "resend_submitting": _aim("I1 I11", LOST),
    "no_grace": _aim("I1 I11", LOST, list_lag=300.0),
    "first_page_only": _aim("I1 I11", {**LOST, "list": {"502": 0.8}}, n=60, films=1),
    "no_claim_check": _aim("I2", NEVER, n=40, twins=0.4),
    "hold_resends": _aim("I11", NEVER, mode="hold"),
    "no_checksum_check": _aim("I2", {"result": {"flip": 0.4}}),
    "no_length_check": _aim("I2", {"result": {"truncate": 0.4}}),
    "no_type_check": _aim("I2", {"result": {"xml": 0.4}}),
    "redirects_followed": _aim("I2 I10", {"result": {"redirect": 0.4}}),
    "any_host": _aim("I10", {"query": {"foreign_host": 0.4}}),
    "complete_before_check": _aim("I2", {"result": {"flip": 0.4}}),
    "multipart_left_open": _aim("I8", {"result": {"flip": 0.4}}, n=12, large=1.0),
    "notify_before_store": _aim("I5 I6", {"result": {"503": 0.3}}),
    "noted_before_published": _aim("I3", {"sns": {"500": 0.7}}),
    "new_event_id": _aim("I5", {"sns": {"lost": 0.5}}),
    "failure_at_first_trouble": _aim("I5", {"result": {"flip": 0.4}}),
    "place_kept": _aim("I3", {}, n=24, films=1),
    "no_budget": _aim("I9", {}, thrifty=0.3),
    "settled_twice": _aim("I13", {}, n=8),
    "halves_kept": _aim("I3", {"query": {"halves": 1.0}}, n=8),
    "link_in_log": _aim("I10", {}, n=8),
    "key_ignored": _aim("I1", {}, doors=frozenset({"dashscope"})),
    "short_window": _aim("I1", {}, doors=frozenset({"dashscope"})),
    "window_never_closes": _aim("I3", {}, n=24, doors=frozenset({"dashscope"})),
    "cancel_without_right": _aim("I3 I14", {}, n=40, films=1, doors=frozenset({"batch"})),
    "cancelled_before_wan_says_so": _aim("I14", {}, n=40, cancels=0.3, doors=frozenset({"api"})),
    "any_answer_accepted": _aim("I15", {}, n=8, hooks=True, doors=frozenset({"api"})),
    "every_owners_endpoints": _aim("I15", {}, n=8, hooks=True, doors=frozenset({"api"})),
    "private_receiver": _aim("I15", {}, n=8, hooks=True, doors=frozenset({"api"})),
    "start_after_cancel": _aim("I14", {}, n=40, films=1, doors=frozenset({"batch"})),
}

assert AIMS.keys() == MUTANTS.keys()


def spec_of(mutant: str, seed: int) -> Spec:
    """Return the run that exposes a mutant."""
    aim = AIMS[mutant]
    options: dict[str, Any] = {
        "hooks": False,
        "twins": 0.0,
        "large": 0.0,
        "thrifty": 0.0,
        "days": 2,
        "quiet": 40.0,
        **aim.options,
    }
    return Spec(n=aim.n, seed=seed, mutant=mutant, mix=aim.mix, **options)
