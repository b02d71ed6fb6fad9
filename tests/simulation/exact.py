"""Traces that hold what each call says, so that an order that depends on Python's hash seed is noticed.

The usual trace names each call and its moment. An order inside a call, such as that of the keys of BatchGetItem, does
not change it, because the simulated services do not depend on such orders. AWS and Wan may.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

from tests.simulation import aws, hooks
from tests.simulation.dynamo import Client
from tests.simulation.functions import current
from tests.simulation.outcomes import Outcome
from tests.simulation.wan import SimulatedWan
from tests.simulation.world import World

SERVICES: Final = (
    Client, aws.Sns, aws.StepFunctions, aws.Lambda, aws.S3, aws.Objects, aws.Reports, aws.PromptFiles, hooks.Sqs,
    hooks.Receivers, SimulatedWan,
)  # fmt: skip
"""What the product calls, and what leaves the process there."""

PRODUCT: Final = ("wan_video.", "functions.")
PLAIN: Final = (str, bytes, int, float, Decimal)
Sort = Callable[..., list[Any]]


def exact(value: Any) -> str:
    """Return a text that shows a value with all orders in it but those of sets, which have none."""
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(exact, value)))}}}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{exact(name)}: {exact(member)}' for name, member in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(exact, value))}]"
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}{[exact(getattr(value, part.name)) for part in fields(value)]}"
    return repr(value) if value is None or isinstance(value, PLAIN) else type(value).__name__


@contextlib.contextmanager
def exactly() -> Iterator[None]:
    """Add to the traces what each call says, and its answer, and what each function is given and returns."""
    with contextlib.ExitStack() as exits:
        for service in SERVICES:
            for name in [name for kind in service.__mro__ for name in vars(kind) if not name.startswith("_")]:
                method = getattr(service, name)
                if callable(method):
                    exits.enter_context(patch.object(service, name, _shown(name, method)))
        exits.enter_context(patch.object(World, "invoke", _with_outcome(World.invoke)))
        yield


def _shown(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        world = current()
        if hasattr(world.scheduler.current(), "label"):
            world.show(f"{name} {exact(args)} {exact(kwargs)}\n")
        answer = method(self, *args, **kwargs)
        if isinstance(answer, dict):
            world.show(f"{exact(answer)}\n")
        return answer

    return call


def _with_outcome(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoke_shown(
        self: World, word: str, event: Any, subject: str, then: Callable[[Outcome], None] = lambda _: None
    ) -> Any:
        def ended(outcome: Outcome) -> None:
            self.show(f"{word} {exact(outcome)}\n")
            then(outcome)

        self.show(f"{word} {exact(event)}\n")
        return invoke(self, word, event, subject, ended)

    return invoke_shown


@contextlib.contextmanager
def sorted_by(sort: Callable[[ModuleType], Sort]) -> Iterator[None]:
    """Let each module of the product that has been imported sort by a function of its own."""
    with contextlib.ExitStack() as exits:
        for name, module in list(sys.modules.items()):
            if name.startswith(PRODUCT) and module is not None:
                exits.enter_context(patch.object(module, "sorted", sort(module), create=True))
        yield
