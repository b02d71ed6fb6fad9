"""The checks of `wan-video doctor`: each is a function that returns one finding or raises the errors of its calls.

A check only reads, except for the live probe in `probe`, which removes what it created.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from wan_video_cli.errors import CommandError

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config

CHECK_SECONDS: Final = 120.0
"""Seconds after which a check that makes many calls starts no further call."""

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 20
DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
"""The error codes with which AWS refuses the caller."""


class State(enum.StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What a check found, in a sentence, and what to do about it; empty if there is nothing to do."""

    name: str
    state: State
    what: str
    remedy: str = ""

    @property
    def document(self) -> Mapping[str, Any]:
        """Return the finding for `--json`."""
        return {"name": self.name, "state": str(self.state), "what": self.what, "remedy": self.remedy or None}


class TooLong(Exception):
    """Raised when a check has taken CHECK_SECONDS."""

    def __init__(self) -> None:
        super().__init__(f"It took longer than {CHECK_SECONDS:.0f} s.")


@dataclass(frozen=True)
class Resource:
    """One resource of the stack."""

    logical_id: str
    type: str
    name: str
    """Its physical id."""


@dataclass
class Deployment:
    """A deployed stack, as CloudFormation describes it, and clients of the services that it uses."""

    stack: str
    session: Session
    clients: dict[str, Any] = field(default_factory=dict)
    """Clients by the name of the service, each made when it is first used."""

    def client(self, service: str) -> Any:
        """Create a client whose every call ends: 5 s to connect, 20 s for an answer, three attempts."""
        if service not in self.clients:
            self.clients[service] = self.session.client(service, config=_config())  # type: ignore[call-overload]
        return self.clients[service]

    def table(self, output: str) -> Any:
        """Return the table named by this output; its calls end in the same way."""
        return self.session.resource("dynamodb", config=_config()).Table(self.outputs[output])

    @cached_property
    def described(self) -> Mapping[str, Any]:
        """The stack in the shape of DescribeStacks."""
        found: Mapping[str, Any] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        return found

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Outputs by name."""
        return {item["OutputKey"]: item["OutputValue"] for item in self.described.get("Outputs", [])}

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """Parameters by name, as they were deployed."""
        return {item["ParameterKey"]: item.get("ParameterValue", "") for item in self.described.get("Parameters", [])}

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """Resources by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack)
        return {
            item["LogicalResourceId"]: Resource(
                item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", "")
            )
            for page in before_the_deadline(pages)
            for item in page["StackResourceSummaries"]
        }

    def of_type(self, kind: str) -> list[Resource]:
        """The resources of one type."""
        return [resource for resource in self.resources.values() if resource.type == kind]

    def regions(self) -> list[str]:
        """The Wan regions that the stack uses."""
        return [name.strip() for name in self.parameters.get("WanRegions", "").split(",") if name.strip()]


Check = Callable[[], Finding]


def _config() -> Config:
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    return Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries)


def before_the_deadline(items: Iterable[Any], seconds: float = CHECK_SECONDS) -> Iterator[Any]:
    """Yield the items until the deadline has passed; raises TooLong."""
    deadline = time.monotonic() + seconds
    for item in items:
        if time.monotonic() > deadline:
            raise TooLong
        yield item


def examined(name: str, check: Check) -> Finding:
    """Run a check; an error that it raises becomes a finding too, without a traceback."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return check()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in DENIED:
            right = f"{error.operation_name} is not allowed for your credentials"
            return Finding(name, State.SKIPPED, f"{right}.", "Run doctor with the credentials that deploy the stack.")
        return Finding(name, State.FAILED, f"AWS refused {error.operation_name}: {error}")
    except BotoCoreError as error:
        return Finding(name, State.FAILED, f"AWS did not answer: {error}", "Check your connection, then try again.")
    except CommandError as error:
        return Finding(name, State.FAILED, error.what, error.remedy)
    except TooLong as error:
        return Finding(
            name, State.FAILED, str(error), "Try again; if the error persists, look at the AWS Health Dashboard."
        )
    except Exception as error:  # noqa: BLE001 - one check that breaks must not hide the others
        return Finding(name, State.FAILED, f"The check itself broke: {type(error).__name__}.", "Please report it.")


def listed(names: Iterable[str]) -> str:
    """Join names: `a, b`."""
    return ", ".join(sorted(names))
