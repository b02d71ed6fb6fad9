"""The streams of the tables: filters as template.yaml writes them, batches, repetitions, delays, bisection.

Source: Lambda "Event filtering syntax" and "Using Lambda with DynamoDB".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.expressions import Item
from tools.template import Json, source
from wan_video.adapters.dynamodb.plain_values import to_attribute

if TYPE_CHECKING:
    from tests.simulation.outcomes import Outcome
    from tests.simulation.world import World

KNOWN: Final = frozenset(
    {
        "Stream", "StartingPosition", "BatchSize", "MaximumBatchingWindowInSeconds", "FilterCriteria",
        "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "DestinationConfig",
    }
)  # fmt: skip
LATE_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 5.0

Image = Mapping[str, Any]
_KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "S": lambda value: isinstance(value, str),
    "N": lambda value: isinstance(value, Decimal),
    "BOOL": lambda value: isinstance(value, bool),
}


@dataclass(frozen=True)
class Filter:
    """One pattern of a filter: names of events, and what the two images of the item must contain."""

    names: frozenset[str]
    images: tuple[tuple[str, str, str, tuple[Any, ...]], ...]

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read a pattern. Raises NotImplementedError for anything that this module does not know."""
        pattern: Json = json.loads(text)
        if set(pattern) - {"eventName", "dynamodb"}:
            raise NotImplementedError(text)
        images = []
        for image, attributes in pattern.get("dynamodb", {}).items():
            if image not in ("OldImage", "NewImage"):
                raise NotImplementedError(text)
            for attribute, typed in attributes.items():
                ((kind, choices),) = typed.items()
                if kind not in _KINDS or not all(
                    isinstance(one, str | bool) or one == {"exists": True} for one in choices
                ):
                    raise NotImplementedError(text)
                images.append((image, attribute, kind, tuple(choices)))
        return cls(frozenset(pattern["eventName"]), tuple(images))

    def matches(self, name: str, old: Item | None, new: Item | None) -> bool:
        """Whether a change of an item is passed on."""
        if name not in self.names:
            return False
        for image, attribute, kind, choices in self.images:
            item = old if image == "OldImage" else new
            value = None if item is None else item.get(attribute)
            if value is None or not _KINDS[kind](value):
                return False
            if (str(value) if kind == "N" else value) not in choices and {"exists": True} not in choices:
                return False
        return True


@dataclass(frozen=True)
class Source:
    """An event source mapping of template.yaml."""

    word: str
    table: str
    name: str
    filters: tuple[Filter, ...]
    batch_size: int
    window: float
    retries: int


@cache
def resources() -> Mapping[str, Json]:
    """Return the resources of template.yaml, which is slow to read."""
    found: Mapping[str, Json] = source()["Resources"]
    return found


@cache
def sources() -> tuple[Source, ...]:
    """Return the stack's event source mappings of streams. Raises NotImplementedError for an unknown property."""
    found = []
    for logical_id, resource in resources().items():
        for name, event in (resource["Properties"].get("Events") or {}).items() if "Properties" in resource else ():
            if event["Type"] != "DynamoDB":
                continue
            properties = event["Properties"]
            if unknown := set(properties) - KNOWN:
                raise NotImplementedError(f"{name}: {sorted(unknown)}")
            patterns = [entry["Pattern"] for entry in properties["FilterCriteria"]["Filters"]]
            found.append(
                Source(
                    word=word_of(logical_id),
                    table=properties["Stream"]["Fn::GetAtt"][0].lower(),
                    name=name,
                    filters=tuple(map(Filter.parse, patterns)),
                    batch_size=properties["BatchSize"],
                    window=float(properties["MaximumBatchingWindowInSeconds"]),
                    retries=properties["MaximumRetryAttempts"],
                )
            )
    return tuple(found)


@cache
def timeouts() -> Mapping[str, float]:
    """Return the timeout of each function, in seconds."""
    functions = {name: found for name, found in resources().items() if found["Type"] == "AWS::Serverless::Function"}
    return {word_of(name): float(found["Properties"]["Timeout"]) for name, found in functions.items()}


def word_of(logical_id: str) -> str:
    """Return the word of a function: `ReportFailure` is `report_failure`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in logical_id).lstrip("_")


@dataclass
class Consumer:
    """Passes the records of a shard to a function: in order, in batches, at least once or to the dead letters."""

    world: World
    source: Source
    waiting: list[Json] = field(default_factory=list)
    busy: bool = False
    batches: int = 0
    lost: int = 0

    def offer(self, old: Item | None, new: Item | None) -> None:
        """Take a change of an item if a filter matches it."""
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        for one in self.source.filters:
            if one.matches(name, old, new):
                break
        else:
            return
        images = {"NewImage": new, "OldImage": old}
        self.waiting.append(
            {
                "eventName": name,
                "dynamodb": {
                    image: {name: to_attribute(value) for name, value in item.items()}
                    for image, item in images.items()
                    if item is not None
                },
            }
        )
        if not self.busy:
            self.busy = True
            self._next()

    def _next(self) -> None:
        world, source = self.world, self.source
        self.batches += 1
        name = f"stream/{source.word}/{self.batches}"
        draw = world.decisions.draw(name)
        delay = source.window * draw.number(0) + draw.between(0.05, 0.5, 1)
        if world.decisions.happens(f"{name}=late", draw.number(2), world.decisions.rates.late):
            delay += LATE_SECONDS
        world.scheduler.at(world.scheduler.now + delay, lambda: self._send(name))

    def _send(self, name: str) -> None:
        size = self.source.batch_size
        batch, self.waiting = self.waiting[:size], self.waiting[size:]
        self._invoke([(batch, 0)], name)

    def _invoke(self, stack: list[tuple[Sequence[Json], int]], name: str) -> None:
        batch, attempts = stack.pop()

        def after(outcome: Outcome) -> None:
            world = self.world
            if outcome.error is None:
                draw = world.decisions.draw(f"{name}/{len(batch)}/{attempts}")
                if world.decisions.happens(f"{name}=twice", draw.number(), world.decisions.rates.twice):
                    world.invoke(self.source.word, {"Records": list(batch)}, "again")
            elif attempts >= self.source.retries:
                self.lost += 1
                world.story.add(f"the records of {name} become dead letters")
            elif len(batch) > 1:
                half = len(batch) // 2
                stack.append((batch[half:], attempts + 1))
                stack.append((batch[:half], attempts + 1))
            else:
                stack.append((batch, attempts + 1))
            if stack:
                world.scheduler.at(world.scheduler.now + RETRY_SECONDS, lambda: self._invoke(stack, name))
            elif self.waiting:
                self._next()
            else:
                self.busy = False

        self.world.invoke(self.source.word, {"Records": list(batch)}, "stream", after)
